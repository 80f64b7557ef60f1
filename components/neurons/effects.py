"""What neurons do to captions: words go when a topic's neurons are deleted, and come when the topic is enhanced.

Every model is asked the same questions: they follow from the videos, the topics' words and the seed alone. Where a
topic has no neuron nothing can be changed, and the effect is 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.neurons.figures import deletion_orders, mean_drops
from topiclens.components.neurons.links import TopicLinks
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.decoding import with_end
from topiclens.trainer.edits import Edit
from topiclens.trainer.vocabulary import Vocabulary

MAX_CAPTION_WORDS = 30  # a topic's word that comes later in a caption is not asked about
VIDEOS = 100  # held-out videos that are asked about, by default


@dataclass(frozen=True)
class CaptionEffects:
    """What a model's neurons do to captions of held-out videos; None where nothing could be asked."""

    deletion_questions: int  # pairs of a video and one of its topics, see `deletion`
    # AOPC of the log-probability of the topic's words when its linked neurons are deleted, most votes first: the mean
    # over k = 0 .. K of the drop after k (Samek et al. 2017); the mean over the topics ('macro').
    word_deletion: float | None
    word_deletion_random: float | None  # the same for as many neurons at random
    word_deletion_gradient: float | None  # the same for as many in the order of gradient times input
    insertion_questions: int  # pairs of a video and a topic that it lacks, see `insertion`
    insertion_on_topic: float | None  # the share of them in which the enhanced topic's words enter the caption
    insertion_off_topic: float | None  # the share of the other topics whose words enter instead; the mean
    insertion_gain: float | None  # the mean rise of the log of how many of the topic's words the model expects


def sampled(ids: Iterable[str], count: int, seed: int) -> frozenset[str]:
    """At most `count` of the videos, the same for the same ids in any order."""
    ids = sorted(ids)
    return frozenset(np.random.default_rng(seed).permutation(ids)[:count].tolist())


def measure_effects(
    model: BatchedCaptioner,
    vocabulary: Vocabulary,
    videos: Sequence[VideoRecord],
    links: TopicLinks,
    *,
    seed: int,
    steps: int = 5,
    insertions: int = 2,
    strength: float = 1.0,
) -> CaptionEffects:
    """Deletion and insertion on a captioner, which may be LSTM-B: its own f plays no part.

    Args:
        videos: held-out; the time taken is proportional to their number.
        links: of the training videos.
        seed: of the random neurons and of the topics that are enhanced.
        steps: the most neurons that are deleted for a topic.
        insertions: topics that are enhanced in each video, one at a time.
        strength: of the enhancement; 1 is the paper's.
    """
    deleting, inserting = np.random.default_rng(seed).spawn(2)
    found: dict[str, Any] = deletion(model, vocabulary, videos, links, rng=deleting, steps=steps)
    found |= insertion(model, vocabulary, videos, links, rng=inserting, insertions=insertions, strength=strength)
    return CaptionEffects(**found)


@dataclass(frozen=True)
class Question:
    """How likely are the words of a topic in a reference caption of a video with that topic?"""

    video: int  # its place in the list of videos
    topic: int
    words: tuple[int, ...]  # numbers of the caption's words up to the topic's last one: the rest cannot change them
    asked: tuple[int, ...]  # the places of the topic's words among them


def questions(videos: Sequence[VideoRecord], links: TopicLinks, vocabulary: Vocabulary) -> list[Question]:
    """A question for each topic of each video, about the first caption that holds a word of the topic, if one does."""
    topic_words = [_numbers(topic.words, vocabulary) for topic in links.topics]
    found = []
    for place, video in enumerate(videos):
        captions = [vocabulary.encode(caption)[:MAX_CAPTION_WORDS] for caption in video.captions]
        for topic in np.flatnonzero(video.topics).tolist():
            for words in captions:
                asked = [step for step, word in enumerate(words) if word in topic_words[topic]]
                if asked:
                    found.append(Question(place, topic, tuple(words[: asked[-1] + 1]), tuple(asked)))
                    break
    return found


def deletion(
    model: BatchedCaptioner,
    vocabulary: Vocabulary,
    videos: Sequence[VideoRecord],
    links: TopicLinks,
    *,
    rng: np.random.Generator,
    steps: int = 5,
) -> dict[str, float | int | None]:
    """The deletion part of `CaptionEffects`: how far the topics' words fall when neurons are deleted at every frame.

    The score of a question is the mean of log p(w_t | w_1 .. w_t-1, v) over those words w_t of a reference caption that
    are among the topic's top words; the words before are read as they stand (teacher forcing).
    """
    asked = questions(videos, links, vocabulary)
    topics = np.array([question.topic for question in asked], int)
    linked = [[neuron.neuron for neuron in links.topics[topic].neurons] for topic in topics]
    names = {"linked": "word_deletion", "random": "word_deletion_random", "gradient": "word_deletion_gradient"}
    if not asked:
        return {"deletion_questions": 0, **dict.fromkeys(names.values())}

    words, weights = _as_arrays(asked)
    of = [videos[question.video] for question in asked]
    whole = model.scores(of, words, weights)
    orders = deletion_orders(linked, model.slopes(of, words, weights), rng, steps)
    result: dict[str, float | int | None] = {"deletion_questions": len(asked)}
    for name, order in orders.items():
        keep = _keep(order, links.n_neurons)
        row, step = np.nonzero(order >= 0)
        drops = np.zeros((len(asked), order.shape[1] + 1))
        if len(row):
            out = Edit("encoder.v", scale=keep[row, step][:, None])
            drops[row, step + 1] = whole[row] - model.scores([of[i] for i in row], words[row], weights[row], [out])
        result[names[name]] = _macro(mean_drops(drops, order), topics)
    return result


def insertion(
    model: BatchedCaptioner,
    vocabulary: Vocabulary,
    videos: Sequence[VideoRecord],
    links: TopicLinks,
    *,
    rng: np.random.Generator,
    insertions: int = 2,
    strength: float = 1.0,
) -> dict[str, float | int | None]:
    """The insertion part of `CaptionEffects`: what enhancing a topic (Dong et al. 2017, section 4) does to the captions
    of videos that lack it.

    A topic's words enter a caption if the caption after has a word of the topic that the one before had not. Off topic,
    the same is asked of all other topics that the video lacks, about their words that are not the enhanced topic's. The
    gain is the rise of `BatchedCaptioner.expected` along the caption before.
    """
    topic_words = [_numbers(topic.words, vocabulary) for topic in links.topics]
    lacked = [
        [topic for topic, words in enumerate(topic_words) if words and not video.topics[topic]] for video in videos
    ]
    chosen = [
        (place, topic)
        for place, topics in enumerate(lacked)
        for topic in rng.permutation(np.array(topics, int))[:insertions].tolist()
    ]
    if not chosen:
        nothing = dict.fromkeys(("insertion_on_topic", "insertion_off_topic", "insertion_gain"))
        return {"insertion_questions": 0, **nothing}

    video, topics = np.array(chosen).T
    of = [videos[place] for place in video]
    enhanced = Edit("encoder.v", add=np.float32(strength) * named_enhancement(links)[topics][:, None])
    before, after = model.write(of), model.write(of, [enhanced])

    on_topic, off_topic = [], []
    for place, topic, old, new in zip(video, topics, before, after):
        entered = set(new.tolist()) - set(old.tolist())
        on_topic.append(bool(entered & topic_words[topic]))
        others = [other for other in lacked[place] if other != topic]
        others_entered = [bool(entered & (topic_words[other] - topic_words[topic])) for other in others]
        off_topic.append(float(np.mean(others_entered)) if others else 0.0)

    wanted = np.zeros((len(chosen), len(vocabulary)), np.float32)
    for row, topic in zip(wanted, topics):
        row[list(topic_words[topic])] = 1
    read = np.asarray(with_end(before))
    gains = model.expected(of, read, wanted, [enhanced]) - model.expected(of, read, wanted)
    return {
        "insertion_questions": len(chosen),
        "insertion_on_topic": float(np.mean(on_topic)),
        "insertion_off_topic": float(np.mean(off_topic)),
        "insertion_gain": float(np.mean(gains)),
    }


def _numbers(words: Collection[str], vocabulary: Vocabulary) -> frozenset[int]:
    return frozenset(vocabulary.id(word) for word in words if word in vocabulary)


def _as_arrays(asked: Sequence[Question]) -> tuple[np.ndarray, np.ndarray]:
    """The words (questions, steps), PAD after them, and their weights: the asked ones alike, their sum 1."""
    steps = max(len(question.words) for question in asked)
    words, weights = np.zeros((len(asked), steps), np.int32), np.zeros((len(asked), steps), np.float32)
    for row, weight, question in zip(words, weights, asked):
        row[: len(question.words)] = question.words
        weight[list(question.asked)] = 1 / len(question.asked)
    return words, weights


def _keep(order: np.ndarray, n_neurons: int) -> np.ndarray:
    """(questions, steps, neurons): 0 at the neurons that are deleted by each step of `order` (questions, steps)."""
    keep = np.ones((*order.shape, n_neurons), np.float32)
    for row, step in np.argwhere(order >= 0):
        keep[row, step:, order[row, step]] = 0
    return keep


def _macro(values: np.ndarray, topics: np.ndarray) -> float:
    """The mean over the topics of the mean over each topic's values."""
    return float(np.mean([values[topics == topic].mean() for topic in np.unique(topics)]))
