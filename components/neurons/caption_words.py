"""Which words of a caption tell of a topic, which have content, and whether a caption reads well."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.topics.documents import stop_words
from topiclens.trainer.vocabulary import PAD, SPECIAL_WORDS, Vocabulary


class CaptionWords:
    """The words of captions as numbers, seen by topics.

    Attributes:
        topics: the numbers of each topic's top words, by id.
        content: the numbers of all words but the special ones and the topic step's stop words.
    """

    def __init__(self, vocabulary: Vocabulary, links: TopicLinks):
        self.vocabulary = vocabulary
        self.topics = [numbers_of(topic.words, vocabulary) for topic in links.topics]
        self.content = content_numbers(vocabulary)

    def naming(self) -> np.ndarray:
        """(vocabulary_size, topics) bool: is a word among the top words of a topic?"""
        naming = np.zeros((len(self.vocabulary), len(self.topics)), bool)
        for topic, words in enumerate(self.topics):
            naming[list(words), topic] = True
        return naming

    def against(self) -> np.ndarray:
        """(vocabulary_size,) float32: the same weight for every word of content, their sum 1; see `word_accounts`."""
        return evenly(self.content, len(self.vocabulary))

    def fluent(self, caption: Sequence[int] | np.ndarray) -> bool:
        """Whether a caption (max_words,), PAD after its end, ends at all and says no word of content twice."""
        said = [word for word in np.asarray(caption).tolist() if word != PAD]
        content = [word for word in said if word in self.content]
        return len(said) < len(caption) and len(content) == len(set(content))


def numbers_of(words: Collection[str], vocabulary: Vocabulary) -> frozenset[int]:
    """Of words that the vocabulary has."""
    return frozenset(vocabulary.id(word) for word in words if word in vocabulary)


def content_numbers(vocabulary: Sequence[str] | Vocabulary) -> frozenset[int]:
    """The numbers of words that are neither special nor stop words."""
    dropped = stop_words()
    return frozenset(i for i, word in enumerate(vocabulary) if i >= len(SPECIAL_WORDS) and word not in dropped)


def evenly(numbers: Collection[int], size: int) -> np.ndarray:
    """(size,) float32: 1 / n at each of the n numbers, 0 elsewhere."""
    weights = np.zeros(size, np.float32)
    weights[list(numbers)] = 1 / max(len(numbers), 1)
    return weights
