"""Accounts of topics' words in captions: how much of each came through its own topics' neurons.

Accounts are exact, see `topiclens.trainer.accounts`. They are given twice. A word's *score* is its logit less the mean
logit of all words of content at the same step. What *the video adds* to it is the score less that with the mean frame
of the training videos in place of the clip, the same words being read: what a caption of any video would say cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.accounts import still, word_accounts
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.tensor import Tensor

_BATCH = 25  # clips whose slopes (steps, time, neurons) are held at once
# What tables call the figures of `AccountFigures`.
ACCOUNTS = {
    "account_own_first": "accounts, own topic first",
    "account_own_first_chance": "by chance",
    "account_own": "share of a word through its own topic's neurons",
    "account_own_relevance": "with what came by the state",
    "account_topics": "through all topics' neurons",
    "account_topics_relevance": "with what came by the state",
    "account_video_own": "of what the video adds, its own topic's neurons",
    "account_video_topics": "all topics' neurons",
}


@dataclass(frozen=True)
class AccountFigures:
    """What topics' words in captions are made of; None where no caption has one.

    A word's own topics are those among whose top words it is; a topic's neurons are those that it names. Shares are
    medians over the words whose score is above 0.
    """

    account_words: int = 0  # words of captions that are among the top words of a topic
    # The share of them of whose score an own topic's neurons give more, directly, than any other topic's, and more than
    # nothing.
    account_own_first: float | None = None
    account_own_first_chance: float | None = None  # the same, were a topic drawn at random
    account_own: float | None = None  # the share of the score that came directly through own topics' neurons
    account_topics: float | None = None  # through all topics' neurons
    account_own_relevance: float | None = None  # the same with what came through the state h, by relevance
    account_topics_relevance: float | None = None
    account_video_own: float | None = None  # the same of what the videos add to all the words together, directly
    account_video_topics: float | None = None
    # The mean score and the mean parts of it, which add up: through own topics' neurons, other topics', free neurons
    # and the raw features; through the state h, the word before and the bias.
    account_score: float | None = None
    account_part_own: float | None = None
    account_part_other_topics: float | None = None
    account_part_free: float | None = None
    account_part_features: float | None = None
    account_part_state: float | None = None
    account_part_word_before: float | None = None
    account_part_bias: float | None = None


def accounts(
    captioner: Captioner,
    words: CaptionWords,
    enhancement: np.ndarray,
    videos: Sequence[VideoRecord],
    captions: np.ndarray,
    training: Sequence[VideoRecord],
) -> AccountFigures:
    """Accounts of all topics' words in captions (videos, max_words) of held-out videos.

    Args:
        enhancement: (topics, neurons), not 0 at the neurons that a topic names.
        training: their mean frame is what the videos are compared with.
    """
    naming = words.naming()
    asked = np.argwhere(naming[captions].any(axis=2)) if len(videos) and len(training) else np.zeros((0, 2), int)
    if not len(asked):
        return AccountFigures()
    typical = _mean_frame(captioner, training)
    found, added = _accounts(captioner, videos, captions, words.against(), typical, asked)
    own = naming[captions[tuple(asked.T)]]  # (words, topics)
    return AccountFigures(len(asked), **_figures(found, added, own, np.asarray(enhancement) != 0))


def _figures(
    found: dict[str, np.ndarray], added: dict[str, np.ndarray], own: np.ndarray, named: np.ndarray
) -> dict[str, float | None]:
    """Out of the accounts of words (words, ...), their own topics (words, topics) and what topics name (topics,
    neurons)."""
    of_own, of_topics = own.astype(float) @ named > 0, named.any(axis=0)
    direct, score = found["neurons"], found["scores"]
    whole = direct + found["neurons_by_state"]
    by_topic = direct @ named.T
    largest = by_topic.max(axis=1, keepdims=True)
    own_first = (own & (by_topic == largest) & (largest > 0)).any(axis=1)

    def share(parts: np.ndarray) -> float | None:
        speaks = score > 0
        return float(np.median(parts[speaks] / score[speaks])) if speaks.any() else None

    def of_video(parts: np.ndarray) -> float | None:
        whole = added["scores"].sum()
        return float(parts.sum() / whole) if whole > 0 else None

    through_own, through_topics = (direct * of_own).sum(axis=1), direct[:, of_topics].sum(axis=1)
    return {
        "account_own_first": float(own_first.mean()),
        "account_own_first_chance": float(own.mean()),
        "account_own": share(through_own),
        "account_topics": share(through_topics),
        "account_own_relevance": share((whole * of_own).sum(axis=1)),
        "account_topics_relevance": share(whole[:, of_topics].sum(axis=1)),
        "account_video_own": of_video(added["neurons"] * of_own),
        "account_video_topics": of_video(added["neurons"][:, of_topics]),
        "account_score": float(score.mean()),
        "account_part_own": float(through_own.mean()),
        "account_part_other_topics": float((through_topics - through_own).mean()),
        "account_part_free": float(direct[:, ~of_topics].sum(axis=1).mean()),
        **{f"account_part_{part}": float(found[part].mean()) for part in ("features", "state", "word_before", "bias")},
    }


def _mean_frame(captioner: Captioner, videos: Sequence[VideoRecord]) -> np.ndarray:
    """(memory_dim,): the mean over the videos of what the decoder attends to, each video's mean over its frames."""
    batches = (videos[start : start + _BATCH] for start in range(0, len(videos), _BATCH))
    means = [np.asarray(captioner.encode(pad_videos(batch))["memory_mean"]) for batch in batches]
    return np.concatenate(means).mean(axis=0)


def _accounts(
    captioner: Captioner,
    videos: Sequence[VideoRecord],
    captions: np.ndarray,
    against: np.ndarray,
    typical: np.ndarray,
    asked: np.ndarray,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The accounts of the asked words, places (words, 2) in captions, and of what their videos add: (words, ...)."""
    import tensorflow as tf

    def both(frames: Tensor, read: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        alone = still(tf.constant(typical), tf.shape(read)[0])
        found, usual = (word_accounts(captioner, video, read, against) for video in (captioner.encode(frames), alone))
        return found, {name: found[name] - usual[name] for name in ("scores", "neurons")}

    shapes = [tf.TensorSpec([None, None, captioner.config.feature_dim]), tf.TensorSpec([None, None], tf.int32)]
    graph, rows = tf.function(both, shapes, autograph=False), []
    for start in range(0, len(videos), _BATCH):
        step = slice(start, start + _BATCH)
        video, word = asked[(asked[:, 0] >= start) & (asked[:, 0] < start + _BATCH)].T
        found = graph(pad_videos(videos[step]), captions[step])
        rows.append([{name: np.asarray(x)[video - start, word] for name, x in part.items()} for part in found])
    found, added = ({name: np.concatenate([one[name] for one in part]) for name in part[0]} for part in zip(*rows))
    return found, added
