"""From sampled topics to the topics of the vector s: which id each has, and which count as another one or not at all.

An id is a place in s and never changes. A topic that is merged away, banned or lost keeps its id and occurs in no
video: s is 0 there. Topics that are new when topics are found anew make s longer. So everything that refers to an id
(labels, links, corrections, the rows of f) keeps its meaning.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.governance import Governance, GovernanceError
from topiclens.components.topics.matching import Distributions, Match, Matching, MatchKind, match_topics, resolve_topic
from topiclens.components.topics.model import TopicModel, word_probabilities, write_files
from topiclens.components.topics.priors import Seed, WordPrior
from topiclens.components.topics.table import Fate, Topic, describe_topics
from topiclens.schemas.corrections import CorrectedTopic

_log = logging.getLogger(__name__)
NOT_ANY = -1


@dataclass(frozen=True, eq=False)
class Identity:
    """The ids of the sampled topics, and what is known by id.

    Attributes:
        matching: with the earlier model; None without one.
        ids: (sampled,) int64, the id of each sampled topic.
        fates: id -> why it cannot occur, and the id that it counts as.
        n_topics: N_t, the length of s.
        names, seeds: id -> the name that a topic has already, and its pinned words.
        lost: the topics that were not found again, as they were.
    """

    matching: Matching | None
    ids: np.ndarray
    fates: Mapping[int, tuple[Fate, int | None]]
    n_topics: int
    names: Mapping[int, str]
    seeds: Mapping[int, tuple[str, ...]]
    lost: tuple[Topic, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether each sampled topic has its place as id, as without governance and earlier model."""
        return not self.fates and np.array_equal(self.ids, np.arange(self.n_topics))

    @property
    def label_of(self) -> np.ndarray:
        """(sampled,) int64: the id that each counts as; NOT_ANY if it is banned."""
        counts_as = {known: NOT_ANY if into is None else into for known, (_, into) in self.fates.items()}
        return np.array([counts_as.get(known, known) for known in self.ids.tolist()], np.int64)


def make_seeds(governance: Governance, n_topics: int) -> tuple[Seed, ...]:
    """The seeds for the sampler, in the file's order; GovernanceError if there are more of them than topics."""
    if len(governance.seeds) > n_topics:
        raise GovernanceError(
            f"There are {len(governance.seeds)} seeds and {n_topics} topics. Raise topics.n_topics, or pin fewer."
        )
    return tuple(Seed(place, seed.words, seed.weight) for place, seed in enumerate(governance.seeds))


def identify(
    corpus: Corpus, phi: np.ndarray, counts: np.ndarray, governance: Governance, previous: TopicModel | None
) -> Identity:
    """Gives the sampled topics their ids; a topic of `previous`, an earlier model or None, keeps its id.

    `phi` and `counts` are (sampled, words): the words' probabilities in each topic, and how often they have it.
    """
    earlier = () if previous is None else previous.topics
    matching = None
    ids = np.arange(len(counts), dtype=np.int64)
    if previous is not None:
        before = Distributions(previous.ids, previous.words, previous.counts)
        after = Distributions(ids, corpus.words, counts)
        matching = match_topics(after, before, next_id=len(earlier), pinned=_pinned_ids(governance, earlier))
        ids = matching.ids
    n_topics = max(len(earlier), int(ids.max()) + 1)
    found = describe_topics(corpus, phi, counts, ())
    by_id: list[Topic] = [replace(topic, fate=Fate.LOST) for topic in earlier]
    by_id += [Topic(number, "", (), None, 0.0) for number in range(len(earlier), n_topics)]
    for place, number in enumerate(ids.tolist()):
        by_id[number] = replace(found[place], id=number)
    for reason in describe_moved(governance, by_id):
        _log.warning("topics: decided upon: %s", reason)
    seeds = {int(ids[place]): seed for place, seed in enumerate(governance.seeds)}
    names = {topic.id: topic.found_name or topic.name for topic in earlier if topic.words}
    names |= {number: seed.name for number, seed in seeds.items()}
    return Identity(
        matching=matching,
        ids=ids,
        fates=find_fates(governance, by_id),
        n_topics=n_topics,
        names=_different(names, first=seeds),
        seeds={number: seed.words for number, seed in seeds.items()},
        lost=tuple(topic for topic in by_id if topic.fate is Fate.LOST),
    )


def find_fates(governance: Governance, topics: Sequence[Topic]) -> dict[int, tuple[Fate, int | None]]:
    """Which of a model's topics are merged away and banned: id -> why it cannot occur, and the id that it counts as.

    A decision follows the words of its topic; one about a topic that is gone has no effect.
    """
    fates: dict[int, tuple[Fate, int | None]] = {}
    decided: set[int] = set()  # by their words, topics of two decisions may be one now: the first has it
    for group in governance.merge:
        found = dict.fromkeys(_now(member, governance, topics) for member in group)
        now = [known for known in found if known is not None and known not in decided]
        fates |= dict.fromkeys(now[1:], (Fate.MERGED, now[0] if now else None))
        decided.update(now)
    for banned in governance.ban:
        known = _now(banned, governance, topics)
        if known is not None and known not in decided:
            fates[known] = Fate.BANNED, None
    return fates


def describe(
    corpus: Corpus, identity: Identity, counts: np.ndarray, samples: int, prior: WordPrior, labels: Iterable
) -> tuple[Topic, ...]:
    """The table of all topics, by id. A topic that others count as has the words of all of them, the others their own.

    `counts` (sampled, words) are over all `samples`; `labels` are the topics that occur in each training video.
    """
    own, pseudo = np.zeros((2, identity.n_topics, len(corpus.words)))
    own[identity.ids], pseudo[identity.ids] = counts, prior.dense(len(counts))
    pseudo[np.setdiff1d(np.arange(identity.n_topics), identity.ids)] = 1.0  # nothing is known of ids without a topic
    whole, believed = own.copy(), pseudo.copy()
    for known, (_, into) in identity.fates.items():
        if into is not None:
            whole[into] += own[known]
            believed[into] += pseudo[known]
    names = identity.names
    table = describe_topics(corpus, word_probabilities(whole / samples, believed), whole, labels, names)
    alone = describe_topics(corpus, word_probabilities(own / samples, pseudo), own, (), names)
    lost = {topic.id: topic for topic in identity.lost}
    targets = {into for _, into in identity.fates.values() if into is not None}
    rows = []
    for topic in table:
        fate, into = identity.fates.get(topic.id, (None, None))
        words, found_words = topic.words, alone[topic.id].words if topic.id in targets else ()
        if topic.id in lost:
            fate, words = Fate.LOST, lost[topic.id].found_words or lost[topic.id].words
        seeds = identity.seeds.get(topic.id, ())
        rows.append(replace(topic, words=words, fate=fate, into=into, found_words=found_words, seeds=seeds))
    return tuple(rows)


def rename_topics(topics: Sequence[Topic], governance: Governance) -> tuple[Topic, ...]:
    """The table with the names that people gave; a topic that was found under such a name has its id added to it."""
    named = {}
    for number, name in governance.rename.items():
        if (known := _now(number, governance, topics)) is not None:
            named[known] = name
    taken = {name.casefold() for name in named.values()}
    rows = []
    for topic in topics:
        found = topic.found_name or topic.name
        name = named.get(topic.id) or (f"{found} ({topic.id})" if found.casefold() in taken else found)
        rows.append(replace(topic, name=name, found_name=None if name == found else found))
    return tuple(rows)


def apply_decisions(topics: Sequence[Topic], decided: Governance) -> tuple[Topic, ...]:
    """The topics with the names and fates that decisions give them; shares and words stay those of the run."""
    fates = find_fates(decided, topics)
    rows = []
    for topic in _undecided(topics):
        fate, into = fates.get(topic.id, (topic.fate, None))
        rows.append(replace(topic, fate=fate, into=into))
    return rename_topics(rows, decided)


def mark_banned(topics: Sequence[Topic], decided: Governance) -> tuple[Topic, ...]:
    """The topics as a run found them, with those marked that were banned since: people are not asked about them.

    Other decisions change a topic's name or what it counts as, which the model of this run does not know yet.
    """
    then = apply_decisions(topics, decided)
    return tuple(
        replace(topic, fate=Fate.BANNED) if topic.fate is None and then[topic.id].fate is Fate.BANNED else topic
        for topic in topics
    )


def write_renamed(source: str | os.PathLike, folder: str | os.PathLike, governance: Governance) -> None:
    """Copies the topics' folder, with the names that people gave in its table."""
    model = TopicModel.load(source)
    files = {path.name: path.read_bytes() for path in Path(source).iterdir() if path.is_file()}
    write_files(folder, files | replace(model, topics=rename_topics(model.topics, governance)).to_files())


def describe_moved(governance: Governance, topics: Sequence[Topic]) -> Iterator[str]:
    """Says which topics of decisions are not found under their ids: they are found by their words, or gone."""
    for number in sorted({*governance.rename, *itertools.chain(*governance.merge), *governance.ban}):
        outcome = _outcome(number, governance, topics)
        if outcome.how in (MatchKind.BY_WORDS, MatchKind.GONE):
            yield outcome.reason


def _now(number: int, governance: Governance, topics: Sequence[Topic]) -> int | None:
    """The id that a topic of a decision has in these topics; None if it is gone."""
    topic = _outcome(number, governance, topics).topic
    return None if topic is None else topic.id


def _outcome(number: int, governance: Governance, topics: Sequence[Topic]) -> Match:
    """The topic of a decision in these topics, found by its words where they are known; merges and bans are ignored."""
    own = _undecided(topics)
    if number in governance.topics:
        then = governance.topics[number]
        return resolve_topic(CorrectedTopic(number, then.name, then.words), own)
    if number < len(own) and own[number].fate is None and own[number].words:
        return Match(MatchKind.SAME, own[number], 1.0, f"topic {number} ({own[number].name}) is taken at its id")
    return Match(MatchKind.GONE, None, 0.0, f"topic {number} is not found")


def _undecided(topics: Sequence[Topic]) -> list[Topic]:
    return [topic if topic.fate is Fate.LOST else replace(topic, fate=None, into=None) for topic in topics]


def _pinned_ids(governance: Governance, earlier: Sequence[Topic]) -> dict[int, int]:
    """Place of a seed -> the id of the earlier topic that it made, or that it is pinned to."""
    made = {topic.found_name or topic.name: topic.id for topic in earlier if topic.seeds}
    pinned: dict[int, int] = {}
    for place, seed in enumerate(governance.seeds):
        known = made.get(seed.name)
        if known is None and seed.topic is not None:
            known = _now(seed.topic, governance, earlier)
        if known is not None and known not in pinned.values():
            pinned[place] = known
    return pinned


def _different(names: Mapping[int, str], first: Iterable[int]) -> dict[int, str]:
    """The names, with the id added where another topic has the same; those of `first` stay as they are."""
    chosen = {number: names[number] for number in first}
    for number, name in names.items():
        if number not in chosen:
            chosen[number] = f"{name} ({number})" if name in chosen.values() else name
    return chosen
