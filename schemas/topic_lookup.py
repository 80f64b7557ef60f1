"""Which topic a person means: by its id, its name, or a word of it. The command line, the page and the API ask here.

find_topic("7", topics)           # by id
find_topic("dance, girl", topics) # by name
find_topic("dance", topics)       # by a word that only one topic has
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

_MAX_CANDIDATES = 5


class NamedTopic(Protocol):
    """What a lookup needs of a topic. `found_name`, the name before a person gave another, may be there too."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def words(self) -> Sequence[str]: ...


T = TypeVar("T", bound=NamedTopic)


class UnknownTopic(ValueError):
    """No topic has the name, or several may be meant; the message has the candidates with their ids."""


def find_topic(text: int | str, topics: Sequence[T]) -> T:
    """Finds the topic that a person means by `text`.

    The first of these rules that any topic satisfies decides: its id; its name, or the name it was found under; a word
    of its name; one of its top words. Case does not matter.

    Raises:
        UnknownTopic: no topic is meant, or several may be.
    """
    exact = exact_topic(text, topics)
    if exact is not None:
        return exact
    wanted = _key(text)
    for words_of in (_name_words, _top_words):
        found = [topic for topic in topics if wanted in words_of(topic)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownTopic(f"{text!r} may be one of {len(found)} topics. {_did_you_mean(found)}")
    near = _spelt_like(wanted, topics)
    if near:
        raise UnknownTopic(f"There is no topic {text!r}. {_did_you_mean(near)}")
    ids = f": the topics go from 0 to {len(topics) - 1}" if topics else ""
    raise UnknownTopic(f"There is no topic {text!r}{ids}. 'topiclens topics' shows them with their names.")


def exact_topic(text: int | str, topics: Iterable[T]) -> T | None:
    """The topic with this id or exactly this name, or with the name it was found under; None if no topic has it."""
    topics, wanted = list(topics), _key(text)
    if not wanted:
        return None
    rules: tuple[Callable[[T], str | None], ...] = (
        lambda topic: str(topic.id),
        lambda topic: topic.name,
        lambda topic: getattr(topic, "found_name", None),
    )
    for rule in rules:
        for topic in topics:
            if wanted == _key(rule(topic) or ""):
                return topic
    return None


def search_topics(text: str, topics: Iterable[T]) -> list[T]:
    """The topics whose name or words hold every word of a search, the best match first; all by name if it is empty."""
    wanted = _key(text).split()
    if not wanted:
        return sorted(topics, key=lambda topic: topic.name)
    found = [(_likeness(topic, wanted), topic) for topic in topics]
    return [topic for likeness, topic in sorted(found, key=lambda pair: (-pair[0], pair[1].name)) if likeness]


def _likeness(topic: NamedTopic, wanted: Sequence[str]) -> float:
    """How well a topic fits a search: a name that begins so is best, then a name, then its words in their order."""
    name = topic.name.casefold()
    if all(part in name for part in wanted):
        return 3.0 if name.startswith(wanted[0]) else 2.0
    places = [place for place, word in enumerate(topic.words) if any(word.startswith(part) for part in wanted)]
    covered = all(any(word.startswith(part) for word in (*topic.words, *name.split())) for part in wanted)
    return math.exp(-places[0]) if covered and places else 0.0


def _did_you_mean(topics: Sequence[NamedTopic]) -> str:
    shown = " or ".join(f"{topic.id} ({topic.name})" for topic in topics[:_MAX_CANDIDATES])
    return f"Did you mean {shown}? Give its id."


def _spelt_like(wanted: str, topics: Sequence[T]) -> list[T]:
    names = {topic.id: {_key(topic.name), *_name_words(topic), *_top_words(topic)} for topic in topics}
    near = set(difflib.get_close_matches(wanted, sorted(set().union(*names.values())), cutoff=0.7))
    return [topic for topic in topics if names[topic.id] & near]


def _key(text: int | str) -> str:
    return str(text).strip().casefold()


def _name_words(topic: NamedTopic) -> set[str]:
    return {word for word in _key(topic.name).replace(",", " ").split() if word}


def _top_words(topic: NamedTopic) -> set[str]:
    return set(map(_key, topic.words))
