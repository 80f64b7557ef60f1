"""Sampling policies held against the border effect, without training anything (Anders et al. 2019)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.relevance.border import BorderEffect, border_effect
from topiclens.components.relevance.word_relevance import explain
from topiclens.components.videos.sampling import POLICIES, WITH_STEP, Sampling
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.relevance import traced_propagation

# (features (t, dim) by video id) -> word numbers by video id.
Write = Callable[[Mapping[str, np.ndarray]], Mapping[str, Sequence[int]]]


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """A video's features at every frame that one of several samplings takes.

    Attributes:
        video_id: of the video.
        total: how many frames it has.
        indices: (k,) int, the numbers of the frames that are known, ascending.
        features: (k, dim) float32, of these frames.
    """

    video_id: str
    total: int
    indices: np.ndarray
    features: np.ndarray

    def sampled(self, sampling: Sampling) -> np.ndarray:
        """(t, dim): the features of the frames that a sampling takes."""
        return self.features[np.searchsorted(self.indices, sampling.indices(self.total, self.video_id))]


@dataclass(frozen=True)
class PolicyEffect:
    """A way of sampling and what a model does under it.

    Attributes:
        sampling: which frames were taken.
        effect: the border effect.
        metric: of the captions that the model writes.
    """

    sampling: Sampling
    effect: BorderEffect
    metric: float


def candidates(own: Sampling, steps: Iterable[int], seed: int) -> list[Sampling]:
    """The sampling that a model was trained with, first, and every other policy with as many frames.

    Args:
        own: of the model.
        steps: of the policies that have one.
        seed: of the random clips.
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
        captioner: that writes the captions.
        videos: with the frames that all samplings take.
        samplings: to be compared.
        write: captions sampled videos.
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

    The model's own, the first, stays unless that one's interval lies apart from its own interval: a smaller index on
    these videos alone is no reason to change. It goes only where its captions are too bad.
    """
    best = max(one.metric for one in found)
    good = [one for one in found if best - one.metric <= allowed_loss]
    own, nearest = found[0], min(good, key=lambda one: abs(one.effect.index - 1))
    apart = nearest.effect.high < own.effect.low or nearest.effect.low > own.effect.high
    return nearest if apart or own not in good else own
