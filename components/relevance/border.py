"""The border effect: models fed with short clips look mostly at their first and last frames (Anders et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_FEWEST_FRAMES = 3  # a clip of one or two is all border, and its index is 1 whatever the model does


def border_index(relevance: np.ndarray) -> np.ndarray:
    """(n / 2) (|R_1| + |R_n|) / sum_t |R_t|: 1 where the border has its even share, n / 2 where it has all.

    Args:
        relevance: (..., n), of the real frames of a clip, padding left out.
    Returns:
        (...), NaN where there is no relevance at all.
    """
    size = np.abs(relevance)
    with np.errstate(invalid="ignore"):
        return size.shape[-1] / 2 * (size[..., 0] + size[..., -1]) / size.sum(axis=-1)


@dataclass(frozen=True)
class BorderEffect:
    """The border index of a model under a sampling policy.

    Attributes:
        index: the mean over videos; 1 is no border effect.
        low, high: its confidence interval.
        confidence: of the interval.
        videos: how many it is over.
    """

    index: float
    low: float
    high: float
    confidence: float
    videos: int


def border_effect(
    relevances: Iterable[np.ndarray], rng: np.random.Generator, *, confidence: float = 0.95, resamples: int = 2000
) -> BorderEffect:
    """The mean border index of videos, with its percentile bootstrap interval over videos (Efron 1979).

    A video's index is the mean of its words': words of one caption share their clip, so the video is what is resampled.
    Videos of fewer than three frames, and those without any relevance, say nothing and are left out.

    Args:
        relevances: of each video, (words, its real frames); `WordRelevance.frames[:, mask]`.
        rng: resamples the videos.
        confidence: of the interval.
        resamples: bootstrap samples.
    Raises:
        ValueError: no video says anything.
    """
    indices = [border_index(relevance) for relevance in relevances if np.shape(relevance)[-1] >= _FEWEST_FRAMES]
    by_video = np.array([np.nanmean(of_words) for of_words in indices if not np.isnan(of_words).all()])
    if not len(by_video):
        raise ValueError(
            f"No video has relevance and at least {_FEWEST_FRAMES} frames, so there is no border effect to measure. "
            "Is the split empty, or are its clips all too short?"
        )
    means = [rng.choice(by_video, size=len(by_video)).mean() for _ in range(resamples)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return BorderEffect(float(by_video.mean()), float(low), float(high), confidence, len(by_video))
