"""Deletion curves: a score that falls fast as the frames said to matter are taken away has been explained well
(Samek et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Clips (clips, time, feature_dim), zero rows at frames that are gone -> (clips,) scores.
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class DeletionCurves:
    """A score after the first k = 0 .. steps frames are gone.

    Attributes:
        by_relevance: (steps + 1,), the most relevant frame first.
        random: (orders, steps + 1), in random orders.
    """

    by_relevance: np.ndarray
    random: np.ndarray

    @property
    def drop(self) -> float:
        """AOPC by relevance: the mean over k of how far the score has fallen (Samek et al. 2017)."""
        return mean_drop(self.by_relevance)

    @property
    def drop_random(self) -> float:
        """AOPC of the random orders, their mean."""
        return float(np.mean([mean_drop(curve) for curve in self.random]))


def deletion_curves(
    score: Score, frames: np.ndarray, relevance: np.ndarray, rng: np.random.Generator, orders: int = 10
) -> DeletionCurves:
    """Deletes a clip's frames by relevance and at random, all but the last one.

    Args:
        score: of a clip, such as a word's logit or a caption's log-probability.
        frames: (time, feature_dim), zero rows at padding.
        relevance: (time,), of each frame for this score.
        rng: draws the random orders.
        orders: how many random ones.
    Raises:
        ValueError: the relevance is not that of this clip.
    """
    if np.shape(relevance) != frames.shape[:1]:
        raise ValueError(
            f"The relevance has shape {np.shape(relevance)}; expected one number for each of {len(frames)} rows."
        )
    real = np.flatnonzero(np.any(frames != 0, axis=-1))
    by_relevance = real[np.argsort(-np.asarray(relevance)[real], kind="stable")]
    random = [deletion_curve(score, frames, rng.permutation(real)[:-1]) for _ in range(orders)]
    return DeletionCurves(deletion_curve(score, frames, by_relevance[:-1]), np.array(random))


def deletion_curve(score: Score, frames: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """The scores (len(order) + 1,) of a clip from which the first k = 0 .. len(order) frames of `order` are deleted.

    A deleted frame becomes padding, as if it had not been sampled: captioners know clips of any length.
    """
    clips = np.tile(frames, (len(order) + 1, 1, 1))
    for k, frame in enumerate(order, start=1):
        clips[k:, frame] = 0
    return np.asarray(score(clips), np.float64)


def mean_drop(curve: np.ndarray) -> float:
    """The mean over k of how far the score has fallen after k deletions (AOPC)."""
    return float(np.mean(curve[0] - curve))
