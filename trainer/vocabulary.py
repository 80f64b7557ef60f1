"""Words and their numbers: how a caption becomes the integers that the decoder reads and writes."""

import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from topiclens.schemas.files import read_text, write_text

PAD, BOS, EOS, UNK = range(4)
SPECIAL_WORDS = ("<pad>", "<bos>", "<eos>", "<unk>")

# Words as the Penn Treebank tokeniser cuts them, which is how caption metrics read a sentence ("dog's" -> "dog 's",
# "isn't" -> "is n't", "t-shirt" stays whole), less the punctuation. A trained word is then also a scored word.
_WORD = re.compile(r"[^\W_]+(?=n't\b)|n't\b|'(?:s|d|m|re|ve|ll)\b|\d+(?:[.,]\d+)+|[^\W_]+(?:-[^\W_]+)*")
_APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'"})


def tokenize(caption: str) -> list[str]:
    """Splits a caption into lower-case words without punctuation.

    >>> tokenize("The dog's T-shirt isn't red!")
    ['the', 'dog', "'s", 't-shirt', 'is', "n't", 'red']
    """
    text = unicodedata.normalize("NFC", caption).translate(_APOSTROPHES).lower()
    return _WORD.findall(text)


class Vocabulary:
    """An immutable, ordered list of words; a word's place is its number.

    The first four places are taken: PAD 0 fills a row up, BOS 1 begins a caption, EOS 2 ends it, UNK 3 replaces every
    word that is not listed. ValueError: a word repeats, is empty, holds white space, or is one of the special words.
    """

    def __init__(self, words: Iterable[str]):
        self.words: tuple[str, ...] = (*SPECIAL_WORDS, *words)
        self._ids = {word: i for i, word in enumerate(self.words)}
        for i, word in enumerate(self.words):
            if not word or word.split() != [word]:
                raise ValueError(f"Word {i} of the vocabulary is {word!r}; expected text without white space.")
            if self._ids[word] != i:
                raise ValueError(f"Word {word!r} is in the vocabulary twice, at {i} and {self._ids[word]}.")

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], min_count: int = 5) -> "Vocabulary":
        """Keeps the words seen at least `min_count` times: the most frequent first, ties in alphabetical order.

        The order depends on the counts alone, so counting in parallel and merging gives the same vocabulary.
        """
        kept = [word for word, count in counts.items() if count >= min_count and word not in SPECIAL_WORDS]
        if not kept:
            raise ValueError(
                f"No word is seen {min_count} times: {len(counts)} different words in the training captions. "
                "Lower the vocabulary's `min_count`, or check that the training split has captions."
            )
        return cls(sorted(kept, key=lambda word: (-counts[word], word)))

    @classmethod
    def from_captions(cls, captions: Iterable[str], min_count: int = 5) -> "Vocabulary":
        """Counts the words of training captions; see `from_counts`."""
        return cls.from_counts(Counter(word for caption in captions for word in tokenize(caption)), min_count)

    @classmethod
    def from_text(cls, text: str, source: str = "the vocabulary") -> "Vocabulary":
        """Reads what `save` wrote: one word a line, the special words first, so line i (from 0) is word i."""
        lines = text.removesuffix("\n").split("\n")
        if tuple(lines[: len(SPECIAL_WORDS)]) != SPECIAL_WORDS:
            raise ValueError(
                f"{source} does not begin with the lines {', '.join(SPECIAL_WORDS)} but with "
                f"{lines[: len(SPECIAL_WORDS)]}. Expected a file written by Vocabulary.save, one word a line."
            )
        return cls(lines[len(SPECIAL_WORDS) :])

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Vocabulary":
        return cls.from_text(read_text(path), source=os.fspath(path))

    def arrays(self, rows: Sequence[Mapping[str, Sequence[float]]]) -> np.ndarray:
        """Pairs of numbers of words as (rows, words, 2) float32: 0 for words that a row lacks; others are left out."""
        result = np.zeros((len(rows), len(self), 2), np.float32)
        for row, numbers in zip(result, rows):
            for word in set(numbers) & set(self._ids):
                row[self.id(word)] = numbers[word]
        return result

    def to_text(self) -> str:
        return "".join(f"{word}\n" for word in self.words)

    def save(self, path: str | os.PathLike) -> None:
        """Writes one word a line."""
        write_text(path, self.to_text())

    def encode(self, caption: str) -> list[int]:
        """Word numbers of a caption, without BOS and EOS."""
        return [self.id(word) for word in tokenize(caption)]

    def decode(self, ids: Sequence[int]) -> str:
        """The words up to the first EOS, joined by spaces; PAD and BOS are left out."""
        said = itertools.takewhile(lambda i: i != EOS, ids)
        return " ".join(self.words[i] for i in said if i not in (PAD, BOS))

    def id(self, word: str) -> int:
        return self._ids.get(word, UNK)

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words)"
