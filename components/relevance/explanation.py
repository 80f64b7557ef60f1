"""Why a captioner wrote what it wrote about one video, as plain data that people and programs read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.relevance.evidence import frame_evidence
from topiclens.components.relevance.reading import Reading, mean_drop
from topiclens.components.relevance.word_account import DECIMALS, accounts_of, topics_behind
from topiclens.schemas.timelines import (
    ExplainedWord,
    HeatMap,
    NeuronShare,
    NeuronTimeline,
    TopicScore,
    TopicShare,
    TopicTimeline,
    WordAccount,
)

NEURONS_OF_A_WORD = TOPICS_OF_A_WORD = 5
RELEVANT_TOPICS = 3  # with timelines
NEURONS_OF_A_TIMELINE = 3


class OtherModel(ValueError):
    """Links that name the neurons of another model than the one that is explained."""


@dataclass(frozen=True)
class DeletionCheck:
    """How far the caption's log-probability falls as frames are deleted one after the other (Samek et al. 2017)."""

    by_relevance: tuple[float, ...]  # after 0, 1, 2 ... frames, those that speak most for the caption first
    random: tuple[float, ...]  # the same in random orders, their mean
    # the mean fall along each curve: the relevance can be trusted where `drop` is larger
    drop: float
    drop_random: float

    @classmethod
    def of(cls, by_relevance: np.ndarray, random: np.ndarray) -> DeletionCheck:
        """Out of the curves of `topiclens.components.relevance.reading.deletion_curves`."""
        drops = (_number(mean_drop(curves)) for curves in (by_relevance, random))
        return cls(_numbers(by_relevance), _numbers(random.mean(axis=0)), *drops)


@dataclass(frozen=True)
class Explanation:
    """One video, explained."""

    video: str
    caption: str
    log_prob: float
    frames: int  # how many the clip has
    seconds: tuple[float, ...] | None  # when each frame is shown; None where only features are known
    words: tuple[ExplainedWord, ...]
    # What the neurons of a word are chosen and valued by. `relevance`: the part of the word's score that comes through
    # the neuron, all frames together. Where that is not known, `attended activation`: the neuron's activation where the
    # word looks, the sum over frames of attention times activation.
    neurons_by: str
    topics: tuple[TopicScore, ...]  # all topics, the most seen first; empty where the model learnt none
    timelines: tuple[TopicTimeline, ...]  # of the neurons of relevant topics, and of an irrelevant one
    notes: tuple[str, ...] = ()  # what a reader must know of how this came about
    references: tuple[str, ...] = ()  # what people wrote of the video, where that is known
    heat_maps: tuple[HeatMap, ...] = ()  # which parts of the pictures speak for the caption and its words, if asked for
    check: DeletionCheck | None = None  # the caption's fate without its most relevant frames, if asked for

    @property
    def has_relevance(self) -> bool:
        return self.neurons_by == "relevance"

    @property
    def moments(self) -> list[str]:
        """What each frame is called: by its time within the clip or, where no time is known, by its number."""
        if self.seconds is None:
            return [f"frame\u00a0{number}" for number in range(1, self.frames + 1)]
        return [clock(second) for second in self.seconds]

    def to_json(self) -> str:
        """All of it, under the names of the attributes."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1)


def explanation(
    video: str,
    reading: Reading,
    seconds: Sequence[float] | None,
    links: TopicLinks | None = None,
    notes: Sequence[str] = (),
    references: Sequence[str] = (),
) -> Explanation:
    """Puts names to what a captioner did.

    Args:
        seconds: (time,), when each frame is shown; None where only features are known.
        links: which neuron carries which topic; None where no neuron has a name (LSTM-B).
    Raises:
        OtherModel: the links are of another model.
        ValueError: the times are of another clip.
    """
    time, n_neurons = reading.activations.shape
    if seconds is not None and len(seconds) != time:
        raise ValueError(f"There are {len(seconds)} times for {time} frames of {video}; expected one for each.")
    n_topics = None if reading.topic_scores is None else len(reading.topic_scores)
    if links and (links.n_neurons, len(links.topics)) != (n_neurons, n_topics or len(links.topics)):
        raise OtherModel(
            f"The links name {links.n_neurons} neurons by {len(links.topics)} topics; the model has {n_neurons} "
            f"neurons and scores {n_topics} topics. "
            "They are another model's: take the links of the run that trained this one."
        )
    values = reading.neurons  # (words, neurons)
    known = values is not None
    values = reading.attention @ reading.activations if values is None else values
    names = {} if links is None else {topic.id: topic.name for topic in links.topics}
    scores = _numbers(() if reading.topic_scores is None else reading.topic_scores)
    topics = [TopicScore(i, names.get(i, f"topic {i}"), score) for i, score in enumerate(scores)]
    return Explanation(
        video=video,
        caption=" ".join(reading.words),
        log_prob=_number(reading.log_prob),
        frames=time,
        seconds=None if seconds is None else _numbers(seconds),
        words=tuple(_words(reading, values, links)),
        neurons_by="relevance" if known else "attended activation",
        topics=tuple(sorted(topics, key=lambda topic: -topic.score)),
        timelines=_timelines(reading, values, topics, links),
        notes=tuple(notes),
        references=tuple(references),
    )


def _words(reading: Reading, values: np.ndarray, links: TopicLinks | None) -> list[ExplainedWord]:
    """The words; `values` (words, neurons) are what their neurons are chosen and valued by."""
    names = {} if links is None else links.topic_of()
    evidence = frame_evidence(reading.attention if reading.frames is None else reading.frames)
    words = []
    for place, text in enumerate(reading.words):
        shares = []
        for neuron in np.argsort(-np.abs(values[place]), kind="stable")[:NEURONS_OF_A_WORD].tolist():
            topic = names.get(neuron)
            name = None if links is None or topic is None else links.topics[topic].name
            shares.append(NeuronShare(neuron, topic, name, _number(values[place, neuron])))
        attention = _numbers(reading.attention[place])
        words.append(ExplainedWord(text, attention, None, tuple(shares), evidence=evidence[place]))
    if reading.frames is None or reading.scores is None or reading.previous is None:
        return words
    carried: Sequence[tuple[TopicShare, ...]] = [()] * len(words)
    accounts: Sequence[WordAccount | None] = [None] * len(words)
    if links and words:
        exact = reading.accounts
        direct = values if exact is None else exact["neurons"]
        carried = topics_behind(direct, reading.words, links, TOPICS_OF_A_WORD, exact=exact is not None)
        if exact is not None:
            accounts = accounts_of(reading.words, exact, links)
    columns = zip(words, reading.frames, reading.scores, reading.previous, carried, accounts)
    return [
        dataclasses.replace(
            word, relevance=_numbers(frames), topics=topics, score=_number(score), from_frames=_number(frames.sum()),
            from_words=_number(previous), from_biases=_number(score - frames.sum() - previous), account=account,
        )
        for word, frames, score, previous, topics, account in columns
    ]  # fmt: skip


def _timelines(
    reading: Reading, values: np.ndarray, topics: Sequence[TopicScore], links: TopicLinks | None
) -> tuple[TopicTimeline, ...]:
    linked = {topic.id: topic for topic in links.topics if topic.neurons} if links else {}
    carried = sorted((topic for topic in topics if topic.id in linked), key=lambda topic: -topic.score)
    if not carried:
        strongest = np.argsort(-np.abs(values).sum(axis=0), kind="stable")[:NEURONS_OF_A_TIMELINE]
        neurons = tuple(_timeline(reading.activations, int(neuron)) for neuron in strongest)
        return (TopicTimeline(None, "the strongest neurons of the caption", neurons),)
    relevant = carried[: min(RELEVANT_TOPICS, max(1, len(carried) - 1))]
    irrelevant = carried[-1:] if len(carried) > len(relevant) else []
    return tuple(
        topic_timeline(linked[topic.id], reading.activations, reading.topic_timeline, topic in relevant, topic.score)
        for topic in (*relevant, *irrelevant)
    )


def topic_timeline(
    topic: TopicLink,
    activations: np.ndarray,
    seen: np.ndarray | None,
    relevant: bool = True,
    score: float | None = None,
) -> TopicTimeline:
    """The neurons that carry a topic most, and how much of it is seen, over the frames.

    Args:
        activations: (time, neurons), v.
        seen: (time, topics), f(v_i) of every frame; None where it is not known.
    """
    neurons = tuple(_timeline(activations, linked.neuron) for linked in topic.neurons[:NEURONS_OF_A_TIMELINE])
    scores = () if seen is None else _numbers(seen[:, topic.id])
    return TopicTimeline(topic.id, topic.name, neurons, relevant, score, scores)


def _timeline(activations: np.ndarray, neuron: int) -> NeuronTimeline:
    return NeuronTimeline(neuron, _numbers(activations[:, neuron]))


def _number(value: float) -> float:
    return round(float(value), DECIMALS)


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(_number(value) for value in values)


def clock(seconds: float) -> str:
    """A time within a clip, such as 4.5 s or 1:07."""
    return f"{seconds:.1f}\u00a0s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02d}"
