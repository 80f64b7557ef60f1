"""Names for topics, short enough to say and different from one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

RELEVANCE = 0.6  # the weight that people found best to tell a topic by (Sievert and Shirley 2014, section 4)
WORDS_IN_A_NAME = 2


def most_relevant(phi: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Each topic's words, those that tell it from other topics first.

    Relevance = 0.6 log phi_kw + 0.4 log(phi_kw / p(w)) (Sievert and Shirley, *LDAvis*, 2014, eq. 1), so that a word
    which most topics share, such as "man", does not lead them all.

    Args:
        phi: (topics, words) the words' probabilities in each topic.
        counts: (topics, words) their counts.
    Returns:
        (topics, words) word numbers.
    """
    overall = counts.sum(0) / counts.sum()
    relevance = np.log(phi) - (1 - RELEVANCE) * np.log(overall)
    return np.argsort(-relevance, axis=1, kind="stable")


def name_topics(words: Sequence[Sequence[str]], given: Mapping[int, str] | None = None) -> list[str]:
    """A name a topic, such as ``guitar, playing``: its first words, and so many that no other topic has that name.

    Forms of a word that is already in the name are passed over ("cutting", "cut").

    Args:
        words: the words that may name each topic, best first; none for a topic that no token has.
        given: names that some topics have already, by topic.
    """
    names: list[str] = []
    given = given or {}
    for topic, candidates in enumerate(words):
        if topic in given:
            names.append(given[topic])
            continue
        free = (name for name in _names_of(candidates) if name not in names and name not in given.values())
        name = next(free, None)
        names.append(name or f"unused topic {topic}" if not candidates else name or f"{candidates[0]} {topic}")
    return names


def _names_of(candidates: Sequence[str]) -> Iterator[str]:
    """The names a topic may have, ever longer ones."""
    from nltk.stem.snowball import SnowballStemmer  # nltk takes a second to load, and a topic has its name for long

    stem = SnowballStemmer("english").stem
    chosen: dict[str, str] = {}
    for word in candidates:
        chosen.setdefault(stem(word), word)
    different = list(chosen.values())
    for length in range(min(WORDS_IN_A_NAME, len(different)), len(different) + 1):
        if length:
            yield ", ".join(different[:length])
