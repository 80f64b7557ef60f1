"""Which topic of one model is which of another: topics that are found anew have other numbers.

A topic keeps its id from model to model as long as it is found again. Two models' topics are paired one to one so that
their word distributions differ least in sum (Kuhn, *The Hungarian method for the assignment problem*, 1955), by the
Jensen-Shannon divergence in bits (Lin 1991): 0 for equal distributions, 1 for those that share no word. Topics that
differ by more than `MOST_DIVERGENCE` are not paired. An id is never given twice: a new topic gets one that no topic
had, and the id of a lost topic stays unused.

    resolve_topic(CorrectedTopic(7, "dog, running", ("dog", ...)), model.topics)  # the topic of then, in this model
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from topiclens.components.topics.table import Fate, Topic
from topiclens.schemas.corrections import CorrectedTopic

MOST_DIVERGENCE = 0.4  # bits; above it pairs found on Flickr8k are of one colour or one word, not of one theme
LEAST_OVERLAP = 0.25  # of the top words: 4 of 10 and 10 are 4 / 16


class MatchKind(enum.StrEnum):
    """What became of an earlier topic: it has its id, is part of another, has another id, is banned, or is gone."""

    SAME = "same"
    MERGED = "merged"
    BY_WORDS = "by words"
    BANNED = "banned"
    GONE = "gone"


@dataclass(frozen=True)
class Match:
    """What an earlier topic is in a new model.

    Attributes:
        topic: what it is now; None if it is banned or gone.
        overlap: of the words then and now, see `overlap`.
        reason: in words.
    """

    how: MatchKind
    topic: Topic | None
    overlap: float
    reason: str


def resolve_topic(then: CorrectedTopic, topics: Sequence[Topic]) -> Match:
    """Finds a topic of an earlier model in the table of this one, so that decisions and corrections keep their meaning.

    It is the topic with its id if their words agree, and no other topic's agree more than twice as much: a model that
    was fitted without the earlier one has other ids. Else it is the topic whose words agree most. Names do not matter.
    """
    shared = [likeness(then.words, topic) for topic in topics]
    known = then.id < len(shared) and shared[then.id] >= max(LEAST_OVERLAP, max(shared) / 2)
    best = then.id if known else int(np.argmax(shared)) if shared else -1
    described = f"topic {then.id} ({then.name})"
    if best < 0 or shared[best] < LEAST_OVERLAP:
        return Match(
            MatchKind.GONE, None, max(shared, default=0.0), f"{described} is gone: no topic is about its words now"
        )
    found, share = topics[best], shared[best]
    if found.fate is Fate.BANNED:
        return Match(MatchKind.BANNED, None, share, f"{described} is banned")
    if found.into is not None:
        into = topics[found.into]
        return Match(MatchKind.MERGED, into, share, f"{described} is merged into topic {into.id} ({into.name})")
    if known:
        return Match(MatchKind.SAME, found, share, f"{described} is topic {found.id} ({found.name}) still")
    return Match(MatchKind.BY_WORDS, found, share, f"{described} is topic {found.id} ({found.name}) now, by its words")


def likeness(words: Sequence[str], topic: Topic) -> float:
    """The overlap of a topic's earlier words with its words now, or with its own if others were merged into it."""
    if topic.fate is Fate.LOST:
        return 0.0
    return max(overlap(words, topic.words), overlap(words, topic.found_words))


def overlap(words: Sequence[str], others: Sequence[str]) -> float:
    """The share of two topics' top words that both have (Jaccard 1901), 0 to 1; 0 if one has no words."""
    mine, theirs = set(words), set(others)
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0


@dataclass(frozen=True, eq=False)
class Distributions:
    """Topics as counts of words: ids (topics,) int, and counts (topics, words)."""

    ids: np.ndarray
    words: tuple[str, ...]
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class Matching:
    """Topics of a model, by those of the one before.

    Attributes:
        ids: (topics,) int64, the id of each topic of the new model, in its own order.
        kept: id -> divergence in bits, of the topics that were found again, by id.
        new: ids that no topic had.
        lost: ids of topics that were not found again.
    """

    ids: np.ndarray
    kept: Mapping[int, float]
    new: tuple[int, ...]
    lost: tuple[int, ...]

    def to_json(self, topics: Sequence[Topic]) -> dict:
        """The content of `matching.json`; `topics` is the new model's table, by id, with the lost ones."""

        def named(ids: Iterable[int]) -> list[dict]:
            return [{"id": i, "name": topics[i].name, "words": list(topics[i].words)} for i in ids]

        kept = [{**row, "divergence": round(self.kept[row["id"]], 4)} for row in named(self.kept)]
        return {"most_divergence": MOST_DIVERGENCE, "kept": kept, "new": named(self.new), "lost": named(self.lost)}


def match_topics(
    after: Distributions, before: Distributions, *, next_id: int, pinned: Mapping[int, int] | None = None
) -> Matching:
    """Gives the topics of a new model their ids.

    Args:
        after: the new model's topics; their ids do not matter.
        before: the earlier model's.
        next_id: the first id that may be given to a new topic; all ids of earlier models are below.
        pinned: place in the new model -> earlier id, for topics that are known already: those of seed words.
    """
    ids, kept = np.full(len(after.counts), -1, np.int64), {}
    apart = divergences(before, after)
    for place, known in (pinned or {}).items():
        ids[place] = known
        kept[known] = float(apart[before.ids == known, place].min(initial=1.0))
    theirs, ours = np.flatnonzero(~np.isin(before.ids, ids)), np.flatnonzero(ids < 0)
    among = apart[np.ix_(theirs, ours)]
    # All pairs above the limit cost the same, so that they cannot break up a pair below it.
    for row, column in zip(*linear_sum_assignment(np.minimum(among, MOST_DIVERGENCE)), strict=True):
        if among[row, column] < MOST_DIVERGENCE:
            ids[ours[column]] = before.ids[theirs[row]]
            kept[int(before.ids[theirs[row]])] = float(among[row, column])
    unknown = np.flatnonzero(ids < 0)
    ids[unknown] = next_id + np.arange(unknown.size)
    lost = sorted(set(before.ids.tolist()) - set(ids.tolist()))
    return Matching(ids, dict(sorted(kept.items())), tuple(ids[unknown].tolist()), tuple(lost))


def divergences(before: Distributions, after: Distributions) -> np.ndarray:
    """(topics before, topics after) float64: the Jensen-Shannon divergence of their words, in bits.

    Words that one vocabulary lacks have no probability there. Topics without tokens equal only each other.
    """
    words = sorted({*before.words, *after.words})
    p, q = (_aligned(each, words) for each in (before, after))
    result = np.stack([_entropy((row + q) / 2) - (_entropy(row) + _entropy(q)) / 2 for row in p])
    no_p, no_q = p.sum(1) == 0, q.sum(1) == 0
    result[no_p[:, None] ^ no_q], result[no_p[:, None] & no_q] = 1.0, 0.0
    return np.clip(result, 0.0, 1.0)


def _aligned(topics: Distributions, words: Sequence[str]) -> np.ndarray:
    """(topics, words) float64: the shares of the words in each topic; 0 in a topic without tokens."""
    place = {word: number for number, word in enumerate(words)}
    shares = np.zeros((len(topics.counts), len(words)))
    shares[:, [place[word] for word in topics.words]] = topics.counts
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1)


def _entropy(p: np.ndarray) -> np.ndarray:
    return entr(p).sum(axis=-1) / np.log(2)
