"""What the topic model reads: one document a video, which is the content words of all its captions."""

from __future__ import annotations

import functools
import importlib.resources
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.trainer.vocabulary import tokenize


@functools.cache
def stop_words() -> frozenset[str]:
    """The words of ``stop_words.txt``, which this package brings along: nltk's own list is a separate download."""
    text = importlib.resources.files(__package__).joinpath("stop_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() for word in line.partition("#")[0].split())


def content_words(captions: Iterable[str], extra_stop_words: Iterable[str] = ()) -> list[str]:
    """The words of a video's captions that say something about it, in order, with repeats.

    Words are cut as for training the captioner; stop words, single characters and what has no letter are left out.

    >>> content_words(["A man is slicing 2 tomatoes.", "The man's cooking"])
    ['man', 'slicing', 'tomatoes', 'man', 'cooking']
    """
    dropped = stop_words().union(extra_stop_words)
    return [
        word
        for caption in captions
        for word in tokenize(caption)
        if len(word) > 1 and word not in dropped and any(character.isalpha() for character in word)
    ]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Documents as word numbers, laid end to end.

    Attributes:
        words: the vocabulary; a word's place is its number.
        ids: the documents' names.
        tokens: (tokens,) int32 word numbers, document after document.
        offsets: (documents + 1,) int64; document d is ``tokens[offsets[d]:offsets[d + 1]]``. It may be empty.
    """

    words: tuple[str, ...]
    ids: tuple[str, ...]
    tokens: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_documents(cls, documents: Mapping[str, Sequence[str]], min_count: int = 3) -> Corpus:
        """Numbers the words seen at least ``min_count`` times in all documents together; rarer ones are dropped.

        Documents are taken by id and words by the alphabet, so the order in which workers delivered them is forgotten.

        Raises:
            ValueError: no word is left.
        """
        counts = Counter(word for words in documents.values() for word in words)
        words = tuple(sorted(word for word, count in counts.items() if count >= min_count))
        if not words:
            raise ValueError(
                f"No topics can be fitted: no word is seen {min_count} times in the captions of the "
                f"{len(documents)} training documents ({len(counts)} different content words). Lower `min_count`, "
                "or check that the dataset has rows of the split 'train' with captions in English."
            )
        ids = tuple(sorted(documents))
        index = index_of(words)
        numbered = [number_words(documents[name], index) for name in ids]
        return cls(
            words=words,
            ids=ids,
            tokens=np.concatenate(numbered),
            offsets=np.concatenate([[0], np.cumsum([len(document) for document in numbered])]).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def document(self, d: int) -> np.ndarray:
        """(length,) int32 word numbers of document d."""
        return self.tokens[self.offsets[d] : self.offsets[d + 1]]


@functools.lru_cache(maxsize=4)
def index_of(words: tuple[str, ...]) -> Mapping[str, int]:
    """The number of each word of a vocabulary."""
    return {word: number for number, word in enumerate(words)}


def number_words(words: Iterable[str], index: Mapping[str, int]) -> np.ndarray:
    """(known words,) int32: the numbers of the words that the vocabulary has; the others are left out."""
    return np.array([index[word] for word in words if word in index], np.int32)
