"""Sampling policies held against the border effect, without training anything (Anders et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.relevance.border import BorderEffect, border_effect
from components.relevance.captioner import explain
from components.relevance.plain import PlainCaptioner
from components.videos.reader import equally_spaced
from components.videos.sampling import centred, every, random_clip
from schemas.records import VideoRecord

# (frames that there are, frames to take, step, randomness) -> their numbers.
Policy = Callable[[int, int, int, np.random.Generator], tuple[int, ...]]

POLICIES: dict[str, Policy] = {
    "equally spaced": lambda total, n, step, rng: equally_spaced(total, n),
    "centred": lambda total, n, step, rng: centred(total, n),
    "fixed step": lambda total, n, step, rng: every(total, n, step),
    "random clip": lambda total, n, step, rng: random_clip(total, n, step, rng),
}
_WITH_STEP = ("fixed step", "random clip")

# (frames by video id) -> word numbers by video id.
Write = Callable[[Mapping[str, np.ndarray]], Mapping[str, Sequence[int]]]


@dataclass(frozen=True)
class PolicyEffect:
    """A sampling policy and what a model does under it.

    Attributes:
        policy: one of POLICIES.
        step: frames from one sampled frame to the next; None where the policy has none.
        effect: the border effect.
        metric: of the captions that the model writes under the policy.
    """

    policy: str
    step: int | None
    effect: BorderEffect
    metric: float

    @property
    def name(self) -> str:
        return self.policy if self.step is None else f"{self.policy} {self.step}"


def study_policies(
    captioner,
    videos: Sequence[VideoRecord],
    *,
    n_frames: int,
    steps: Sequence[int],
    write: Write,
    metric: Callable[[Mapping[str, Sequence[int]]], float],
    seed: int,
) -> Iterator[PolicyEffect]:
    """Samples each video anew by every policy, lets the model caption it, and measures where the words look.

    Args:
        captioner: a `trainer.captioner.Captioner`.
        videos: with as many frames as there are; a policy takes its own among them.
        n_frames: how many frames a policy takes.
        steps: of the policies that have one.
        write: captions sampled videos.
        metric: of captions, by video id.
        seed: of the random clips and of the intervals.
    """
    plain = PlainCaptioner.of(captioner)
    for policy, choose in POLICIES.items():
        for step in steps if policy in _WITH_STEP else (None,):
            rng = np.random.default_rng(seed)
            sampled = {
                video.video_id: video.frames[list(choose(len(video.frames), n_frames, step or 1, rng))]
                for video in videos
            }
            captions = write(sampled)
            effect = border_effect(
                (explain(plain, sampled[video_id], words).frames for video_id, words in captions.items() if len(words)),
                rng,
            )
            yield PolicyEffect(policy, step, effect, metric(captions))


def recommend(found: Sequence[PolicyEffect], *, allowed_loss: float = 0.01) -> PolicyEffect:
    """The policy whose border index is nearest to 1 among those whose metric is at most `allowed_loss` below the best."""
    best = max(one.metric for one in found)
    return min((one for one in found if best - one.metric <= allowed_loss), key=lambda one: abs(one.effect.index - 1))
