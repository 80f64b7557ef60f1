"""The prior of words in topics, with or without seed words.

A symmetric Dirichlet prior gives each word the pseudo-count beta in each topic. Seed words make it asymmetric, as in
Lu, Ott, Cardie and Tsou, *Multi-aspect sentiment analysis with topic models*, 2011, section 3.2: raised in the topic
that they are pinned to, where they also begin, and lowered in all others. It is a belief, not a constraint as in
Andrzejewski and Zhu (*Latent Dirichlet allocation with topic-in-set knowledge*, 2009): captions can overrule it.

A word can be pinned to one topic at most, so the prior of a word over the topics is a level and one raised place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.topics.documents import Corpus, index_of

ELSEWHERE = 0.01  # of beta: the prior alone then hardly ever places a seed word in a topic that has none of it


@dataclass(frozen=True)
class Seed:
    """Words that are pinned to a sampled topic, 0..K-1.

    `weight` is the pseudo-count of a word, as a share of how often the captions hold it: 1 makes it count as much as
    all captions together.
    """

    topic: int
    words: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class WordPrior:
    """beta_kw = base_w, and raised_w more where k is the word's home.

    Attributes:
        base: (words,) float64, the pseudo-count of each word in every topic.
        home: (words,) int64, the topic that a word is pinned to, or -1.
        raised: (words,) float64, its pseudo-count there beyond the base; 0 without a home.
    """

    base: np.ndarray
    home: np.ndarray
    raised: np.ndarray

    @classmethod
    def symmetric(cls, n_rows: int, prior: float) -> WordPrior:
        """The same pseudo-count everywhere."""
        return cls(np.full(n_rows, float(prior)), np.full(n_rows, -1, np.int64), np.zeros(n_rows))

    @classmethod
    def seeded(cls, corpus: Corpus, beta: float, seeds: Sequence[Seed]) -> WordPrior:
        """Raised for the seeds' words, lowered elsewhere. Words that the corpus does not have are ignored.

        Raises:
            ValueError: a word is pinned to two topics, or the corpus has none of a seed's words.
        """
        prior = cls.symmetric(len(corpus.words), beta)
        occurrences = np.bincount(corpus.tokens, minlength=len(corpus.words))
        index = index_of(corpus.words)
        for seed in seeds:
            known = [index[word] for word in dict.fromkeys(seed.words) if word in index]
            if not known:
                raise ValueError(
                    f"None of the seed words {', '.join(seed.words)} is in the captions often enough "
                    f"({len(corpus.words)} words are). Pin words that captions use, in the form in which they use them."
                )
            for word in known:
                if prior.home[word] not in (-1, seed.topic):
                    raise ValueError(
                        f"The word {corpus.words[word]!r} is pinned to two topics, so it cannot set them apart. "
                        "Take it out of one of the seeds."
                    )
                prior.home[word] = seed.topic
                prior.base[word] = ELSEWHERE * beta
                prior.raised[word] = beta + seed.weight * occurrences[word] - ELSEWHERE * beta
        return prior

    @property
    def pins_anything(self) -> bool:
        return bool((self.home >= 0).any())

    def totals(self, n_topics: int) -> np.ndarray:
        """(topics,) float64: sum_w beta_kw, exactly V beta where nothing is pinned."""
        free = self.home < 0
        levels = int(free.sum()) * (self.base[free][0] if free.any() else 0.0) + self.base[~free].sum()
        return levels + np.bincount(self.home[~free], self.raised[~free], minlength=n_topics)

    def dense(self, n_topics: int) -> np.ndarray:
        """(topics, words) float64: beta_kw."""
        table = np.tile(self.base, (n_topics, 1))
        pinned = np.flatnonzero(self.home >= 0)
        table[self.home[pinned], pinned] += self.raised[pinned]
        return table

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name."""
        return {"prior_base": self.base, "prior_home": self.home, "prior_raised": self.raised}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> WordPrior | None:
        """What `to_arrays` gave; None where the arrays hold no prior."""
        return cls(*(arrays[f"prior_{name}"] for name in cls.__dataclass_fields__)) if "prior_base" in arrays else None
