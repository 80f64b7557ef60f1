"""The decisions that a person makes about topics, one at a time; each function returns a new `Governance`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import replace

from topiclens.components.topics.governance import Governance, GovernanceError, Remembered, SeedWords
from topiclens.components.topics.matching import LEAST_OVERLAP, likeness
from topiclens.components.topics.table import Fate, Topic
from topiclens.schemas.topic_lookup import exact_topic, find_topic


def rename(governance: Governance, topic: Topic, name: str, topics: Sequence[Topic]) -> Governance:
    """Gives a topic a name; GovernanceError if another topic has it, or the topic cannot occur."""
    _check_lives(topic)
    name = name.strip()
    holder = next((other for other in topics if other.name.casefold() == name.casefold()), None)
    if holder is not None and holder.id != topic.id:
        raise GovernanceError(
            f"The topic {holder.id} is called {holder.name!r} already. Give the one or the other another name, or say "
            f"that they are one: --merge {holder.id} {topic.id}."
        )
    return _remembering(replace(governance, rename={**governance.rename, topic.id: name}), [topic])


def merge(governance: Governance, topics: Sequence[Topic]) -> Governance:
    """Makes one topic of two or more: each counts as the first. A group that has one of them joins as a whole."""
    ids = list(dict.fromkeys(topic.id for topic in topics))
    if len(ids) < 2:
        raise GovernanceError("Name at least two topics to merge: --merge A B.")
    for topic in topics:
        if topic.fate is not Fate.MERGED:
            _check_lives(topic)
    joined = [group for group in governance.merge if set(group) & set(ids)]
    first = next((group for group in joined if ids[0] in group), (ids[0],))
    whole = tuple(dict.fromkeys([*first, *ids, *(number for group in joined for number in group)]))
    kept = tuple(group for group in governance.merge if group not in joined)
    return _remembering(replace(governance, merge=(*kept, whole)), topics)


def ban(governance: Governance, topic: Topic) -> Governance:
    """Bans a topic: it occurs in no video."""
    _check_lives(topic)
    _check_words(topic)
    return _remembering(replace(governance, ban=tuple(dict.fromkeys([*governance.ban, topic.id]))), [topic])


def pin(
    governance: Governance, name: str, words: Sequence[str], topics: Sequence[Topic], vocabulary: Collection[str]
) -> Governance:
    """Pins words of the vocabulary to the topic of that name, or to a new topic."""
    words = tuple(dict.fromkeys(word.strip().casefold() for word in words))
    for word in words:
        if word not in vocabulary:
            near = difflib.get_close_matches(word, vocabulary, cutoff=0.7)
            hint = f"Did you mean {' or '.join(near)}?" if near else "Pin words in the form in which captions use them."
            raise GovernanceError(f"The captions do not use the word {word!r} often enough to pin it. {hint}")
    topic = exact_topic(name, topics)
    if topic is not None and topic.fate is not Fate.LOST:
        _check_lives(topic)
        seed = SeedWords(topic.found_name or topic.name, words, topic.id)
    else:
        topic, seed = None, SeedWords(name.strip(), words)
    kept = tuple(other for other in governance.seeds if other.name.casefold() != seed.name.casefold())
    return _remembering(replace(governance, seeds=(*kept, seed)), [topic] if topic else [])


def undo(governance: Governance, text: str, topics: Sequence[Topic]) -> Governance:
    """Removes all decisions about a topic, or the seed of that name.

    Raises:
        GovernanceError: there are none.
        UnknownTopic: there is no such topic and no such seed, or several may be meant.
    """
    kept_seeds = tuple(seed for seed in governance.seeds if seed.name.casefold() != text.strip().casefold())
    topic = exact_topic(text, topics)
    if topic is None and len(kept_seeds) == len(governance.seeds):
        topic = find_topic(text, topics)
    number = topic.id if topic else None
    groups = (tuple(member for member in group if member != number) for group in governance.merge)
    undone = Governance(
        rename={other: name for other, name in governance.rename.items() if other != number},
        merge=tuple(group for group in groups if len(group) > 1),
        ban=tuple(other for other in governance.ban if other != number),
        seeds=tuple(seed for seed in kept_seeds if seed.topic is None or seed.topic != number),
    )
    if undone == replace(governance, topics={}):
        raise GovernanceError(f"Nothing was decided about the topic {text!r}, so there is nothing to undo.")
    return governance.with_memory(undone)


def _remembering(governance: Governance, topics: Sequence[Topic]) -> Governance:
    """Notes what topics are about when something is decided about them for the first time."""
    for topic in topics:
        _check_words(topic)
        _check_memory(topic, governance.topics.get(topic.id))
    now = {topic.id: Remembered(topic.found_name or topic.name, topic.found_words or topic.words) for topic in topics}
    return replace(governance, topics={**now, **governance.topics})


def _check_lives(topic: Topic) -> None:
    if topic.fate is not None:
        where = f" into {topic.into}: decide about that one, or" if topic.fate is Fate.MERGED else ":"
        undo = "no video has it" if topic.fate is Fate.LOST else f"take that back first with --undo {topic.id}"
        raise GovernanceError(f"The topic {topic.id} ({topic.name}) is {topic.fate}{where} {undo}.")


def _check_words(topic: Topic) -> None:
    if not topic.words:
        raise GovernanceError(f"The topic {topic.id} ({topic.name}) has no words: there is nothing to decide about it.")


def _check_memory(topic: Topic, then: Remembered | None) -> None:
    if then is not None and likeness(then.words, topic) < LEAST_OVERLAP:
        raise GovernanceError(
            f"Something was decided about topic {topic.id} when it was {then.name!r}, but now it is {topic.name!r}. "
            f"Take that back first with --undo {topic.id}."
        )
