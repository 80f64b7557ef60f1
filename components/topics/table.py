"""The readable table of topics: what each is about, how coherent it is, and how often it occurs."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from topiclens.components.topics.documents import Corpus

TOP_WORDS = 10  # as topics are usually shown, and as NPMI is usually computed
RELEVANCE = 0.6  # the weight by which people recognised topics best (Sievert and Shirley 2014, section 4)
WORDS_IN_A_NAME = 2


class Fate(enum.StrEnum):
    """Why a topic occurs in no video: it counts as another one, was banned, or was not found again."""

    MERGED = "merged"
    BANNED = "banned"
    LOST = "lost"


@dataclass(frozen=True)
class Topic:
    """A topic as people see it.

    Attributes:
        id: its place in the topic vector s, and the same in later models that find it again.
        name: short, and different from every other topic's.
        words: its most probable words, the most probable first; empty if no token has the topic.
        npmi: their coherence, -1 to 1; None if there are fewer than two.
        share_of_videos: the share of training videos in which it occurs.
        fate: why it cannot occur; None if it can.
        into: the topic that it was merged into.
        found_name: its name before a person gave it this one.
        found_words: its own words, if others were merged into it.
        seeds: the words that were pinned to it.
    """

    id: int
    name: str
    words: tuple[str, ...]
    npmi: float | None
    share_of_videos: float
    fate: Fate | None = None
    into: int | None = None
    found_name: str | None = None
    found_words: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()

    @property
    def marks(self) -> str:
        """What people and later models changed, in words; empty for a topic as it was found."""
        marks = [
            self.fate and (f"merged into {self.into}" if self.fate is Fate.MERGED else str(self.fate)),
            self.found_words and "others merged into it",
            self.found_name and f"was: {self.found_name}",
            self.seeds and f"pinned: {' '.join(self.seeds)}",
        ]
        return "; ".join(mark for mark in marks if mark)


def describe_topics(
    corpus: Corpus,
    phi: np.ndarray,
    counts: np.ndarray,
    labels: Iterable[Sequence[int]],
    names: Mapping[int, str] | None = None,
) -> tuple[Topic, ...]:
    """The table's rows, by id.

    Args:
        phi, counts: (topics, words) the words' probabilities in each topic, and how often they have it; words that
            never have it do not describe it.
        labels: the topics that occur in each training video.
        names: of topics that have one already; the others get different names.
    """
    n_topics = len(phi)
    words = _held_words(corpus, np.argsort(-phi, axis=1, kind="stable"), counts)
    naming_words = _held_words(corpus, most_relevant(phi, counts), counts)
    labels = list(labels)
    occurrences = np.bincount([topic for topics in labels for topic in topics], minlength=n_topics)
    coherences = [None if value is None else round(value, 4) for value in npmi(corpus, words)]
    named = name_topics(naming_words, names)
    return tuple(
        Topic(k, named[k], tuple(words[k]), coherences[k], round(occurrences[k] / max(len(labels), 1), 4))
        for k in range(n_topics)
    )


def mean_npmi(topics: Iterable[Topic]) -> float | None:
    """The mean coherence of the topics that can occur and have one; None if none has."""
    known = [topic.npmi for topic in topics if topic.npmi is not None and topic.fate is None]
    return float(np.mean(known)) if known else None


def table_rows(topics: Iterable[Topic]) -> list[tuple[str, ...]]:
    """The head, then a row for each topic, those that occur in most videos first."""
    rows: list[tuple[str, ...]] = [("id", "videos", "NPMI", "name", "words")]
    for topic in sorted(topics, key=lambda topic: (-topic.share_of_videos, topic.id)):
        coherence = "-" if topic.npmi is None else f"{topic.npmi:.2f}"
        words = " ".join(topic.words) + (f"  [{topic.marks}]" if topic.marks else "")
        rows.append((str(topic.id), f"{topic.share_of_videos:.1%}", coherence, topic.name, words))
    return rows


def _held_words(corpus: Corpus, order: np.ndarray, counts: np.ndarray) -> list[list[str]]:
    """The first words of each topic's order, of those that the topic holds."""
    return [
        [corpus.words[word] for word in by_topic[held[by_topic] > 0][:TOP_WORDS]]
        for by_topic, held in zip(order, counts, strict=True)
    ]


def most_relevant(phi: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(topics, words) word numbers: each topic's words, those that set it apart from other topics first.

    Relevance = 0.6 log phi_kw + 0.4 log(phi_kw / p(w)) (Sievert and Shirley, *LDAvis*, 2014, eq. 1), so that a word
    which most topics share, such as "man", does not lead them all.
    """
    overall = counts.sum(0) / counts.sum()
    relevance = np.log(phi) - (1 - RELEVANCE) * np.log(overall)
    return np.argsort(-relevance, axis=1, kind="stable")


def name_topics(words: Sequence[Sequence[str]], given: Mapping[int, str] | None = None) -> list[str]:
    """A name for each topic, such as ``guitar, playing``: its first words, as many as make the name unique.

    Forms of a word that is already in the name are left out ("cutting", "cut"). `words` may name each topic, the best
    first; `given` are the names that some topics have already.
    """
    names: list[str] = []
    given = given or {}
    for topic, candidates in enumerate(words):
        free = (name for name in _names_of(candidates) if name not in names and name not in given.values())
        unnamed = f"{candidates[0]} {topic}" if candidates else f"unused topic {topic}"
        names.append(given[topic] if topic in given else next(free, unnamed))
    return names


def _names_of(candidates: Sequence[str]) -> Iterator[str]:
    """The names that a topic may have, from short to long."""
    from nltk.stem.snowball import SnowballStemmer  # nltk takes a second to load, and is rarely needed

    stem = SnowballStemmer("english").stem
    chosen: dict[str, str] = {}
    for word in candidates:
        chosen.setdefault(stem(word), word)
    different = list(chosen.values())
    for length in range(min(WORDS_IN_A_NAME, len(different)), len(different) + 1):
        if length:
            yield ", ".join(different[:length])


def npmi(corpus: Corpus, topics: Sequence[Sequence[str]]) -> list[float | None]:
    """NPMI of each topic: the mean over pairs of its words, with documents as windows; None with fewer than two words.

    NPMI(v, w) = log(p(v, w) / (p(v) p(w))) / -log p(v, w) (Bouma 2009; for topics Lau, Newman and Baldwin, EACL 2014),
    from -1, never together, over 0, independent, to 1, never apart. p is the share of the corpus' documents that hold
    the word, or both words.
    """
    words = sorted({word for topic in topics for word in topic})
    row_of = {word: row for row, word in enumerate(words)}
    together = _documents_with_both(corpus, words)
    return [
        float(np.mean([_npmi_of_pair(together, row_of[v], row_of[w], len(corpus)) for v, w in pairs]))
        if (pairs := list(itertools.combinations(topic, 2)))
        else None
        for topic in topics
    ]


def _documents_with_both(corpus: Corpus, words: Sequence[str]) -> np.ndarray:
    """(words, words) int64: the documents that hold both words; the diagonal has those that hold one."""
    document_of_token = np.repeat(np.arange(len(corpus)), np.diff(corpus.offsets))
    held = scipy.sparse.csr_array(
        (np.ones(corpus.tokens.size, np.int64), (document_of_token, corpus.tokens)),
        shape=(len(corpus), len(corpus.words)),
    )
    held.data[:] = 1
    index = {word: number for number, word in enumerate(corpus.words)}
    held = held[:, [index[word] for word in words]]
    return (held.T @ held).toarray()


def _npmi_of_pair(together: np.ndarray, v: int, w: int, documents: int) -> float:
    both = together[v, w] / documents
    if both == 0:
        return -1.0  # the limit of -log p / log p
    if both == 1:
        return 1.0  # both in every document: the limit for two words that are never apart
    return float(np.log(both * documents**2 / (together[v, v] * together[w, w])) / -np.log(both))
