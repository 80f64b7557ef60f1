"""How well detectors tell topics: a detector gives each video a score, which should be high where its topic is there.

NeuronEval (Oikarinen et al., ICML 2025, arXiv 2506.05774) asks two things of a figure. It must fall where half of a
concept's positive labels are taken away, and where as many again are given to videos at random. F1, IoU, Pearson's
correlation, the cosine and the average precision do. The area under the ROC curve does not, for a rare topic: it is
given beside them, because it is widely known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True)
class Detection:
    """How well one detector tells its topic, or many on average; None where no topic is to be told."""

    f1: float | None  # 2 TP / (2 TP + FP + FN), at the threshold that is best on the training videos
    iou: float | None  # TP / (TP + FP + FN), at the same threshold, which is the best for it too: IoU = F1 / (2 - F1)
    pearson: float | None  # the correlation of the score with the presence of the topic, 0 or 1
    cosine: float | None  # of the angle between the two; unlike the others it hangs on where the score has its zero
    average_precision: float | None  # the area under the curve of precision and recall (AUPRC)
    auc: float | None  # the area under the ROC curve


METRICS = tuple(field.name for field in fields(Detection))
DETECTION = dict(zip(METRICS, ("F1", "IoU", "Pearson", "cosine", "average precision", "AUC"), strict=True))  # labels


def detect(seen: np.ndarray, seen_present: np.ndarray, scores: np.ndarray, present: np.ndarray) -> list[Detection]:
    """How well each detector tells its topic on held-out videos; its sign, zero and threshold are of the training's.

    Args:
        seen, seen_present: (training videos, detectors), scores and whether the detector's own topic is there.
        scores, present: (held-out videos, detectors), the same; each topic occurs, and not in all videos.
    """
    trained, asked = oriented(seen, seen_present, seen), oriented(seen, seen_present, scores)
    seen_present, present = np.asarray(seen_present, bool), np.asarray(present, bool)
    result = []
    for known, score, known_topic, topic in zip(trained.T, asked.T, seen_present.T, present.T):
        f1, iou = overlaps(score >= best_threshold(known, known_topic), topic)
        auc = float(roc_auc(score[:, None], topic[:, None]).item())
        precision = average_precision(score, topic)
        result.append(Detection(f1, iou, pearson(score, topic), cosine_similarity(score, topic), precision, auc))
    return result


def mean_detection(found: Iterable[Detection]) -> Detection:
    """Each figure's mean; all are None where there is no detector."""
    found = list(found)
    means = [float(np.mean([getattr(one, name) for one in found])) if found else None for name in METRICS]
    return Detection(*means)


def oriented(seen: np.ndarray, seen_present: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Scores of detectors with the sign that speaks for their topics, and a zero below which none fell in training.

    An LSTM's activation is in (-1, 1), and a low one may speak for the topic: its sign is that of the correlation on
    the training videos. A score that never fell below 0 there, as a topic neuron's, keeps its sign: 0 says that the
    topic is absent. A score that falls below 0 there is raised by as much as it does: the cosine
    and selectivity are made for scores that are not negative. All arrays are (videos, detectors).
    """
    turned = (seen.min(axis=0) < 0) & (_correlation(seen, seen_present) < 0)
    sign = np.where(turned, -1, 1).astype(seen.dtype)
    return scores * sign - np.minimum((seen * sign).min(axis=0), 0)


def best_threshold(scores: np.ndarray, present: np.ndarray) -> float:
    """The score from which on to say that the topic is there, for the highest F1, and with it the highest IoU. Of
    several, the highest; infinity if the topic occurs nowhere. Scores and present are (videos,)."""
    taken, hits, falling = _by_threshold(scores, present)
    if not hits.size or not hits[-1]:
        return float("inf")
    return float(falling[np.argmax(2 * hits / (taken + hits[-1]))])


def overlaps(said: np.ndarray, present: np.ndarray) -> tuple[float, float]:
    """F1 and IoU of what is said of each video and what is so, (videos,) bool each; 0 if nothing is said and nothing is
    so."""
    both, either = np.sum(said & present), np.sum(said | present)
    return float(2 * both / max(both + either, 1)), float(both / max(either, 1))


def pearson(scores: np.ndarray, present: np.ndarray) -> float:
    """The correlation of scores and presence, (videos,) each; 0 if either is the same in all videos."""
    return float(_correlation(np.asarray(scores)[:, None], np.asarray(present)[:, None]).item())


def cosine_similarity(scores: np.ndarray, present: np.ndarray) -> float:
    """a . c / (|a| |c|) of scores and presence, (videos,) each; 0 if either is 0 everywhere."""
    scores, present = np.asarray(scores, np.float64), np.asarray(present, np.float64)
    norms = np.linalg.norm(scores) * np.linalg.norm(present)
    return float(scores @ present / norms) if norms else 0.0


def selectivity(scores: np.ndarray, present: np.ndarray) -> float:
    """(m_with - m_without) / (m_with + m_without), m being the mean score over the videos with the topic, and over
    those without (Morcos et al. 2018). It is made for scores that are not negative. Scores and present are (videos,).

    NaN if the topic occurs in all videos or in none; 0 if all scores are 0.
    """
    scores, present = np.asarray(scores, np.float64), np.asarray(present, bool)
    if present.all() or not present.any():
        return float("nan")
    with_topic, without = scores[present].mean(), scores[~present].mean()
    return float((with_topic - without) / (with_topic + without)) if with_topic + without else 0.0


def average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    """sum_k (R_k - R_k-1) P_k over the distinct thresholds of one detector, P and R being precision and recall
    (Manning, Raghavan and Schütze 2008, section 8.4, without interpolation). Scores and present are (videos,).

    NaN if the topic occurs nowhere.
    """
    taken, hits, _ = _by_threshold(scores, present)
    if not hits.size or not hits[-1]:
        return float("nan")
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * hits / taken))


def _by_threshold(scores: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At each distinct score, the highest first: how many videos reach it, how many of them have the topic, it."""
    order = np.argsort(-scores, kind="stable")
    falling, hits = scores[order], np.cumsum(np.asarray(present, bool)[order])
    last_of_tie = np.flatnonzero(np.append(np.diff(falling) != 0, True)[: len(falling)])
    return last_of_tie + 1, hits[last_of_tie], falling[last_of_tie]


def roc_auc(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The area under the ROC curve of every detector for every topic: the share of pairs of a video with the topic and
    one without in which the former scores higher, ties counting half (Mann-Whitney; Hanley and McNeil 1982).

    From scores (videos, detectors) and present (videos, topics) to (detectors, topics), NaN for a topic that occurs in
    all videos or in none.
    """
    present = np.asarray(present, bool)
    with_topic = present.sum(axis=0)
    pairs = with_topic * (len(present) - with_topic)
    ranks = rankdata(scores, axis=0).T @ present  # the sum of the ranks of the videos with each topic
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (ranks - with_topic * (with_topic + 1) / 2) / pairs, np.nan)


def correlations(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Pearson's correlation of every detector with every topic: from scores (videos, detectors) and present (videos,
    topics) to (detectors, topics), 0 where either is the same in all videos."""
    return _standardised(scores).T @ _standardised(present) / max(len(scores), 1)


def _correlation(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """`correlations` of each detector with its own topic: two (videos, detectors) to (detectors,)."""
    return np.sum(_standardised(scores) * _standardised(present), axis=0) / max(len(scores), 1)


def _standardised(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1; 0 where a column is the same throughout."""
    columns = np.asarray(columns, np.float64)
    moved = columns - columns.mean(axis=0)
    spread = moved.std(axis=0)
    constant = np.ptp(columns, axis=0) == 0  # the mean of equal numbers need not be that number
    return np.where(constant, 0, moved / np.where(constant, 1, spread))
