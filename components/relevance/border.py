"""The border effect: models fed with short clips look mostly at their first and last frames (Anders et al. 2019).

Sampling policies are held against it here, without training anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.relevance.reading import explain
from topiclens.components.videos.sampling import POLICIES, WITH_STEP, Sampling
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.relevance import traced_propagation

_FEWEST_FRAMES = 3  # a clip of one or two is all border, and its index is 1 whatever the model does

# (features (t, dim) by video id) -> word numbers by video id.
Write = Callable[[Mapping[str, np.ndarray]], Mapping[str, Sequence[int]]]


def border_index(relevance: np.ndarray) -> np.ndarray:
    """(n / 2) (|R_1| + |R_n|) / sum_t |R_t|: 1 where the border has its even share, n / 2 where it has all.

    From relevance (..., n) of the real frames of a clip to (...), NaN where there is no relevance at all.
    """
    size = np.abs(relevance)
    with np.errstate(invalid="ignore"):
        return size.shape[-1] / 2 * (size[..., 0] + size[..., -1]) / size.sum(axis=-1)


@dataclass(frozen=True)
class BorderEffect:
    """The border index of a model under a sampling policy: its mean over videos; 1 is no border effect."""

    index: float
    # the ends of the confidence interval
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


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """A video's features at every frame that one of several samplings takes."""

    video_id: str
    total: int  # how many frames it has
    indices: np.ndarray  # (k,) int, the numbers of the frames that are known, ascending
    features: np.ndarray  # (k, dim) float32, of these frames

    def sampled(self, sampling: Sampling) -> np.ndarray:
        """(t, dim): the features of the frames that a sampling takes."""
        return self.features[np.searchsorted(self.indices, sampling.indices(self.total, self.video_id))]


@dataclass(frozen=True)
class PolicyEffect:
    """A way of sampling, its border effect, and the metric of the captions that a model writes under it."""

    sampling: Sampling
    effect: BorderEffect
    metric: float


def candidates(own: Sampling, steps: Iterable[int], seed: int) -> list[Sampling]:
    """The sampling that a model was trained with, first, and every other policy with as many frames.

    `steps` are for the policies that have one, `seed` for the random clips.
    """
    others = (
        dataclasses.replace(own, policy=policy, step=step, seed=seed)
        for policy in POLICIES
        for step in (steps if policy in WITH_STEP else (1,))
    )
    return list(dict.fromkeys([own, *others]))


def frames_of_any(samplings: Iterable[Sampling], total: int, video_id: str) -> tuple[int, ...]:
    """The numbers of the frames that at least one sampling takes of a video of `total` frames, ascending."""
    return tuple(sorted({index for sampling in samplings for index in sampling.indices(total, video_id)}))


def study_policies(
    captioner: Captioner,
    videos: Sequence[ClipFeatures],
    samplings: Iterable[Sampling],
    *,
    write: Write,
    metric: Callable[[Mapping[str, Sequence[int]]], float],
    seed: int,
) -> Iterator[PolicyEffect]:
    """Samples each video anew in every way, lets the model caption it, and measures where the words look.

    Args:
        videos: with the frames that all samplings take.
        metric: of captions, by video id.
        seed: of the intervals.
    """
    propagate = traced_propagation(captioner)
    for sampling in samplings:
        sampled = {video.video_id: video.sampled(sampling) for video in videos}
        captions = write(sampled)
        effect = border_effect(
            (
                explain(captioner, sampled[video_id], words, propagate=propagate).frames
                for video_id, words in captions.items()
                if len(words)
            ),
            np.random.default_rng(seed),
        )
        yield PolicyEffect(sampling, effect, metric(captions))


def recommend(found: Sequence[PolicyEffect], *, allowed_loss: float = 0.01) -> PolicyEffect:
    """The policy whose border index is nearest to 1, of those whose metric is at most `allowed_loss` below the best.

    The model's own policy, the first, stays where its captions are good enough, unless the two intervals lie apart: a
    smaller index on these videos alone is no reason to change.
    """
    best = max(one.metric for one in found)
    good = [one for one in found if best - one.metric <= allowed_loss]
    own, nearest = found[0], min(good, key=lambda one: abs(one.effect.index - 1))
    apart = nearest.effect.high < own.effect.low or nearest.effect.low > own.effect.high
    return nearest if apart or own not in good else own
