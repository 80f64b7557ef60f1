"""Why a captioner wrote what it wrote about one video, as plain data that people and programs read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.relevance.reading import DeletionCurves, Reading
from topiclens.schemas.timelines import (
    ExplainedWord,
    HeatMap,
    NeuronShare,
    NeuronTimeline,
    TopicScore,
    TopicShare,
    TopicTimeline,
)

NEURONS_OF_A_WORD = TOPICS_OF_A_WORD = 5
RELEVANT_TOPICS = 3  # with timelines
NEURONS_OF_A_TIMELINE = 3
_DECIMALS = 6


class OtherModel(ValueError):
    """Links that name the neurons of another model than the one that is explained."""


@dataclass(frozen=True)
class DeletionCheck:
    """How far the caption's log-probability falls as frames are taken away, one after the other (Samek et al. 2017).

    Attributes:
        by_relevance: after 0, 1, 2 ... frames, those that speak most for the caption first.
        random: the same in random orders, their mean.
        drop, drop_random: the mean fall along each curve. The relevance is worth its name where `drop` is larger.
    """

    by_relevance: tuple[float, ...]
    random: tuple[float, ...]
    drop: float
    drop_random: float

    @classmethod
    def of(cls, curves: DeletionCurves) -> DeletionCheck:
        means = _numbers(curves.by_relevance), _numbers(curves.random.mean(axis=0))
        return cls(*means, _number(curves.drop), _number(curves.drop_random))


@dataclass(frozen=True)
class Explanation:
    """One video, explained.

    Attributes:
        video: its name.
        caption, log_prob: what the model wrote.
        frames: how many the clip has.
        seconds: when each frame is shown; None where only features are known.
        neurons_by: what the neurons of a word are chosen and valued by. `relevance`: how much speaks for the word
            through the neuron, all frames together. `attended activation`, where relevance is not known: the neuron's
            activation where the word looks, sum over frames of attention times activation.
        topics: all topics, the most seen first; empty where the model learnt none.
        timelines: of the neurons of relevant topics, and of an irrelevant one.
        notes: what a reader must know of how this came about.
        references: what people wrote of the video, where that is known.
        heat_maps: which parts of the pictures speak for the caption and its words, where that was asked for.
        check: the caption's fate without its most relevant frames, where that was asked for.
    """

    video: str
    caption: str
    log_prob: float
    frames: int
    seconds: tuple[float, ...] | None
    words: tuple[ExplainedWord, ...]
    neurons_by: str
    topics: tuple[TopicScore, ...]
    timelines: tuple[TopicTimeline, ...]
    notes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()
    check: DeletionCheck | None = None

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
        reading: of the video's clip.
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
    known = reading.neurons is not None
    values = reading.neurons if known else reading.attention @ reading.activations  # (words, neurons)
    names = {} if links is None else {topic.id: topic.name for topic in links.topics}
    scores = [] if n_topics is None else np.asarray(reading.topic_scores, np.float64)
    topics = [TopicScore(i, names.get(i, f"topic {i}"), _number(score)) for i, score in enumerate(scores)]
    return Explanation(
        video=video,
        caption=" ".join(reading.words),
        log_prob=_number(reading.log_prob),
        frames=time,
        seconds=None if seconds is None else _numbers(seconds),
        words=tuple(_word(reading, place, values[place], links) for place in range(len(reading.words))),
        neurons_by="relevance" if known else "attended activation",
        topics=tuple(sorted(topics, key=lambda topic: -topic.score)),
        timelines=_timelines(reading, values, topics, links),
        notes=tuple(notes),
        references=tuple(references),
    )


def _word(reading: Reading, place: int, values: np.ndarray, links: TopicLinks | None) -> ExplainedWord:
    topic_of = links.topic_of() if links else {}
    strongest = np.argsort(-np.abs(values), kind="stable")[:NEURONS_OF_A_WORD]
    shares = []
    for neuron in map(int, strongest):
        topic = topic_of.get(neuron)
        name = None if topic is None else links.topics[topic].name
        shares.append(NeuronShare(neuron, topic, name, _number(values[neuron])))
    word = ExplainedWord(reading.words[place], _numbers(reading.attention[place]), None, tuple(shares))
    if reading.frames is None:
        return word
    score, frames, previous = (part[place] for part in (reading.scores, reading.frames, reading.previous))
    return dataclasses.replace(
        word, relevance=_numbers(frames), topics=_topic_shares(values, links), score=_number(score),
        from_frames=_number(frames.sum()),
        from_words=_number(previous), from_biases=_number(score - frames.sum() - previous),
    )  # fmt: skip


def _topic_shares(values: np.ndarray, links: TopicLinks | None) -> tuple[TopicShare, ...]:
    if links is None:
        return ()
    shares = []
    for topic in links.topics:
        neurons = [linked.neuron for linked in topic.neurons]
        if neurons:
            shares.append(TopicShare(topic.id, topic.name, len(neurons), _number(values[neurons].sum())))
    nameless = links.without_topic
    strongest = sorted(shares, key=lambda share: -abs(share.value))[:TOPICS_OF_A_WORD]
    return (*strongest, TopicShare(None, None, len(nameless), _number(values[nameless].sum())))


def _timelines(
    reading: Reading, values: np.ndarray, topics: Sequence[TopicScore], links: TopicLinks | None
) -> tuple[TopicTimeline, ...]:
    carried = [] if links is None else [topic for topic in topics if links.topics[topic.id].neurons]
    if not carried:
        strongest = np.argsort(-np.abs(values).sum(axis=0), kind="stable")[:NEURONS_OF_A_TIMELINE]
        neurons = tuple(_timeline(reading.activations, int(neuron)) for neuron in strongest)
        return (TopicTimeline(None, "the strongest neurons of the caption", neurons),)
    carried = sorted(carried, key=lambda topic: -topic.score)
    relevant = carried[: min(RELEVANT_TOPICS, max(1, len(carried) - 1))]
    irrelevant = carried[-1:] if len(carried) > len(relevant) else []
    return tuple(
        topic_timeline(links.topics[topic.id], reading.activations, topic in relevant, topic.score)
        for topic in (*relevant, *irrelevant)
    )


def topic_timeline(
    topic: TopicLink, activations: np.ndarray, relevant: bool = True, score: float | None = None
) -> TopicTimeline:
    """The neurons that carry a topic most, over the frames; activations (time, neurons)."""
    neurons = tuple(_timeline(activations, linked.neuron) for linked in topic.neurons[:NEURONS_OF_A_TIMELINE])
    return TopicTimeline(topic.id, topic.name, neurons, relevant, score)


def _timeline(activations: np.ndarray, neuron: int) -> NeuronTimeline:
    return NeuronTimeline(neuron, _numbers(activations[:, neuron]))


def _number(value) -> float:
    return round(float(value), _DECIMALS)


def _numbers(values) -> tuple[float, ...]:
    return tuple(_number(value) for value in values)


def clock(seconds: float) -> str:
    """A time within a clip, such as 4.5 s or 1:07."""
    return f"{seconds:.1f}\u00a0s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02d}"
