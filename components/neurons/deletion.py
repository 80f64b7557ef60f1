"""Deletion: how much less likely a topic's words become when its neurons are taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.components.neurons.figures import deletion_orders, mean_drops
from topiclens.components.neurons.links import TopicLinks
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.edits import Edit

MAX_CAPTION_WORDS = 30  # a topic's word that comes later in a caption is not asked about


@dataclass(frozen=True)
class DeletionEffects:
    """What deletion does to the words of reference captions; None where nothing could be asked."""

    deletion_questions: int = 0  # pairs of a video and one of its topics, see `deletion`
    # AOPC of the log-probability of the topic's words when its linked neurons are deleted, most votes first: the mean
    # over k = 0 .. K of the drop after k (Samek et al. 2017); the mean over the topics ('macro').
    word_deletion: float | None = None
    word_deletion_random: float | None = None  # the same for as many neurons at random
    word_deletion_gradient: float | None = None  # the same for as many in the order of gradient times input


@dataclass(frozen=True)
class Question:
    """How likely are the words of a topic in a reference caption of a video with that topic?"""

    video: int  # its place in the list of videos
    topic: int
    words: tuple[int, ...]  # numbers of the caption's words up to the topic's last one: the rest cannot change them
    asked: tuple[int, ...]  # the places of the topic's words among them


def questions(videos: Sequence[VideoRecord], words: CaptionWords) -> list[Question]:
    """A question for each topic of each video, about the first caption that holds a word of the topic, if one does."""
    found = []
    for place, video in enumerate(videos):
        captions = [words.vocabulary.encode(caption)[:MAX_CAPTION_WORDS] for caption in video.captions]
        for topic in np.flatnonzero(video.topics).tolist():
            for said in captions:
                asked = [step for step, word in enumerate(said) if word in words.topics[topic]]
                if asked:
                    found.append(Question(place, topic, tuple(said[: asked[-1] + 1]), tuple(asked)))
                    break
    return found


def deletion(
    model: BatchedCaptioner,
    words: CaptionWords,
    videos: Sequence[VideoRecord],
    links: TopicLinks,
    *,
    rng: np.random.Generator,
    steps: int = 5,
) -> DeletionEffects:
    """How far the topics' words fall when up to `steps` of their linked neurons are deleted at every frame.

    The score of a question is the mean of log p(w_t | w_1 .. w_t-1, v) over those words w_t of a reference caption that
    are among the topic's top words; the words before are read as they stand (teacher forcing).
    """
    asked = questions(videos, words)
    topics = np.array([question.topic for question in asked], int)
    linked = [[neuron.neuron for neuron in links.topics[topic].neurons] for topic in topics]
    names = {"linked": "word_deletion", "random": "word_deletion_random", "gradient": "word_deletion_gradient"}
    if not asked:
        return DeletionEffects()

    read, weights = _as_arrays(asked)
    of = [videos[question.video] for question in asked]
    whole = model.scores(of, read, weights)
    orders = deletion_orders(linked, model.slopes(of, read, weights), rng, steps)
    found = {}
    for name, order in orders.items():
        keep = _keep(order, links.n_neurons)
        row, step = np.nonzero(order >= 0)
        drops = np.zeros((len(asked), order.shape[1] + 1))
        if len(row):
            out = Edit("encoder.v", scale=keep[row, step][:, None])
            drops[row, step + 1] = whole[row] - model.scores([of[i] for i in row], read[row], weights[row], [out])
        found[names[name]] = _macro(mean_drops(drops, order), topics)
    return DeletionEffects(len(asked), **found)


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
