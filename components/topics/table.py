"""The readable table of topics: what each is about, how coherent it is, and how often it occurs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from components.topics.coherence import npmi
from components.topics.documents import Corpus
from components.topics.naming import most_relevant, name_topics

TOP_WORDS = 10  # as topics are usually shown, and as NPMI is usually computed


@dataclass(frozen=True)
class Topic:
    """A topic as people see it.

    Attributes:
        id: its place in the topic vector s.
        name: short, and different from every other topic's.
        words: its most probable words, most probable first; none if no token has the topic.
        npmi: their coherence, -1 to 1; None if there are fewer than two.
        share_of_videos: the share of training videos in which it occurs.
    """

    id: int
    name: str
    words: tuple[str, ...]
    npmi: float | None
    share_of_videos: float

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict) -> Topic:
        return cls(**{**row, "words": tuple(row["words"])})


def describe_topics(
    corpus: Corpus, phi: np.ndarray, counts: np.ndarray, labels: Iterable[Sequence[int]]
) -> tuple[Topic, ...]:
    """The table's rows, by id.

    Args:
        corpus: what was fitted.
        phi: (topics, words) the words' probabilities in each topic.
        counts: (topics, words) how often each word has each topic; words that a topic never has do not describe it.
        labels: the topics that occur in each training video.
    """
    n_topics = len(phi)
    words = _held_words(corpus, np.argsort(-phi, axis=1, kind="stable"), counts)
    naming_words = _held_words(corpus, most_relevant(phi, counts), counts)
    labels = list(labels)
    occurrences = np.bincount([topic for topics in labels for topic in topics], minlength=n_topics)
    coherences = npmi(corpus, words)
    names = name_topics(naming_words)
    return tuple(
        Topic(
            id=k,
            name=names[k],
            words=tuple(words[k]),
            npmi=None if coherences[k] is None else round(coherences[k], 4),
            share_of_videos=round(occurrences[k] / max(len(labels), 1), 4),
        )
        for k in range(n_topics)
    )


def mean_npmi(topics: Iterable[Topic]) -> float | None:
    """The mean coherence of the topics that have one; None if none has."""
    known = [topic.npmi for topic in topics if topic.npmi is not None]
    return float(np.mean(known)) if known else None


def format_table(topics: Iterable[Topic]) -> str:
    """The table as text, topics that occur in most videos first.

    >>> print(format_table([Topic(4, "guitar, playing", ("guitar", "playing", "man"), 0.41, 0.125)]))
       id  videos   NPMI  name             words
        4   12.5%   0.41  guitar, playing  guitar playing man
    """
    topics = sorted(topics, key=lambda topic: (-topic.share_of_videos, topic.id))
    width = max([len("name"), *(len(topic.name) for topic in topics)])
    lines = [f"   id  videos   NPMI  {'name':{width}}  words"]
    for topic in topics:
        coherence = "    -" if topic.npmi is None else f"{topic.npmi:5.2f}"
        lines.append(
            f"{topic.id:5d}  {topic.share_of_videos:6.1%}  {coherence}  {topic.name:{width}}  {' '.join(topic.words)}"
        )
    return "\n".join(line.rstrip() for line in lines)


def _held_words(corpus: Corpus, order: np.ndarray, counts: np.ndarray) -> list[list[str]]:
    """The first words of each topic's order, of those that the topic holds."""
    return [
        [corpus.words[word] for word in by_topic[held[by_topic] > 0][:TOP_WORDS]]
        for by_topic, held in zip(order, counts, strict=True)
    ]
