"""CIDEr as coco-caption reports it (Vedantam et al., *CIDEr: Consensus-based Image Description Evaluation*, CVPR 2015).

What coco-caption, and so every paper that uses it, calls CIDEr is the variant that the paper's §7 names CIDEr-D,
without stemming: n-gram weights clipped at the reference's, and a Gaussian penalty on the difference in length.
Document frequencies are counted over the references that are judged, so scores of different sets of videos do not
compare.
"""

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0  # words; width of the length penalty
SCALE = 10.0  # of the reported score

Ngram = tuple[str, ...]


def ngrams(words: Sequence[str]) -> Counter[Ngram]:
    """How often each n-gram of the four orders occurs."""
    return Counter(ngram for order in ORDERS for ngram in zip(*(words[start:] for start in range(order))))


@dataclasses.dataclass(frozen=True)
class _References:
    """The references of one video, ready to be compared.

    Attributes:
        weights: n-gram -> [(reference, its tf-idf weight), ...] for the references that contain it.
        norms: (references, orders), length of each tf-idf vector; infinite if it is zero, so that nothing matches.
        lengths: (references,), bigrams of each reference, which is what coco-caption measures length by.
    """

    weights: dict[Ngram, list[tuple[int, float]]]
    norms: np.ndarray
    lengths: np.ndarray


class CiderScorer:
    """Scores captions against tokenised references by video id, whose side of the arithmetic is done once."""

    def __init__(self, references: Mapping[str, Sequence[str]]):
        counts = {
            video_id: [ngrams(sentence.split()) for sentence in sentences] for video_id, sentences in references.items()
        }
        frequency = Counter(ngram for sentences in counts.values() for ngram in set().union(*sentences))
        self._rare = math.log(len(counts)) if counts else 0.0
        self._idf = {ngram: self._rare - math.log(count) for ngram, count in frequency.items()}
        self._references = {video_id: self._prepare(sentences) for video_id, sentences in counts.items()}

    def _weights(self, counts: Counter) -> tuple[dict[Ngram, float], np.ndarray, int]:
        """The tf-idf vector of a sentence (eq. 1), its (orders,) norms, and its length in bigrams."""
        weights = {ngram: count * self._idf.get(ngram, self._rare) for ngram, count in counts.items()}
        squares = np.zeros(len(ORDERS))
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight * weight
        norms = np.sqrt(squares)
        norms[norms == 0] = np.inf
        return weights, norms, sum(count for ngram, count in counts.items() if len(ngram) == 2)

    def _prepare(self, sentences: Sequence[Counter]) -> _References:
        weights, norms, lengths = defaultdict(list), [], []
        for index, counts in enumerate(sentences):
            sentence_weights, sentence_norms, length = self._weights(counts)
            for ngram, weight in sentence_weights.items():
                weights[ngram].append((index, weight))
            norms.append(sentence_norms)
            lengths.append(length)
        return _References(dict(weights), np.array(norms), np.array(lengths))

    def score_one(self, video_id: str, caption: str, without: int | None = None) -> float:
        """CIDEr-D of a tokenised caption: eq. 2-3 with §7's clipping and length penalty; `without` leaves a reference
        out.
        """
        references = self._references[video_id]
        weights, norms, length = self._weights(ngrams(caption.split()))
        products = np.zeros(references.norms.shape)
        for ngram, weight in weights.items():
            for index, reference_weight in references.weights.get(ngram, ()):
                products[index, len(ngram) - 1] += min(weight, reference_weight) * reference_weight
        penalty = np.exp(-((length - references.lengths) ** 2) / (2 * SIGMA**2))
        similarities = products / (norms * references.norms) * penalty[:, None]
        kept = similarities if without is None else np.delete(similarities, without, axis=0)
        return float(SCALE * np.mean(kept))

    def score(self, captions: Mapping[str, str]) -> dict[str, float]:
        """CIDEr-D of each tokenised caption by video id; the corpus' score is their mean."""
        return {video_id: self.score_one(video_id, caption) for video_id, caption in captions.items()}
