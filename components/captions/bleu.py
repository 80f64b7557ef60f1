"""BLEU-1 to BLEU-4 as coco-caption computes them (Papineni et al., *BLEU*, ACL 2002)."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence

ORDERS = (1, 2, 3, 4)

# coco-caption's: a corpus with no match still has a score, of nearly zero, and no division is by zero.
_TINY = 1e-15
_SMALL = 1e-9


def ngrams(words: Sequence[str], orders: Iterable[int] = ORDERS) -> Counter:
    """How often each n-gram, a tuple of words, occurs."""
    return Counter(ngram for order in orders for ngram in zip(*(words[start:] for start in range(order))))


@dataclasses.dataclass(frozen=True)
class BleuStatistics:
    """What BLEU counts in one caption; a corpus' score comes from the sums of these.

    Attributes:
        matches: for each order, n-grams that a reference has too, each at most as often as the reference that has most.
        length: words of the caption.
        reference_length: words of the reference closest in length, the shorter of two.
    """

    matches: tuple[int, ...]
    length: int
    reference_length: int


def statistics(references: Sequence[str], caption: str) -> BleuStatistics:
    """Compares a tokenised caption with its tokenised references (§2.1.1, §2.2.2)."""
    words = caption.split()
    reference_words = [reference.split() for reference in references]
    reference_counts = [ngrams(reference) for reference in reference_words]
    matches: Counter[int] = Counter()
    for ngram, count in ngrams(words).items():
        matches[len(ngram)] += min(count, max(counts[ngram] for counts in reference_counts))
    closest = min((abs(len(reference) - len(words)), len(reference)) for reference in reference_words)[1]
    return BleuStatistics(tuple(matches[order] for order in ORDERS), len(words), closest)


def bleu(corpus: Sequence[BleuStatistics]) -> dict[str, float]:
    """BLEU-1 to BLEU-4 of a corpus: geometric mean of the n-gram precisions times the brevity penalty (§2.3).

    It is not a mean over captions: a caption's own BLEU is the corpus of that caption alone.
    """
    length = sum(caption.length for caption in corpus)
    reference_length = sum(caption.reference_length for caption in corpus)
    brevity = (length + _TINY) / (reference_length + _SMALL)
    penalty = math.exp(1 - 1 / brevity) if brevity < 1 else 1.0

    scores, product = {}, 1.0
    for index, order in enumerate(ORDERS):
        matched = sum(caption.matches[index] for caption in corpus)
        possible = sum(max(0, caption.length - order + 1) for caption in corpus)
        product *= (matched + _TINY) / (possible + _SMALL)
        scores[f"BLEU-{order}"] = product ** (1 / order) * penalty
    return scores
