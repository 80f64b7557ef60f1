"""Correction propagation: teaching the encoder what corrections say, so that other videos gain too.

A correction enhances the activations v of one video to v*. The parameters theta of the encoder are then moved so that
it gives v* by itself, no further from where they were than needed (Dong et al. 2017, section 4, eq. 10), by one of the
measures of `topiclens.components.refinement.nearness`. The decoder and f stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from topiclens.components.neurons.enhancement import activation_added
from topiclens.components.refinement.descent import OnStep, minimise
from topiclens.components.refinement.eq10 import Eq10
from topiclens.components.refinement.nearness import WeightNearness
from topiclens.schemas.records import VideoRecord, frame_mask
from topiclens.trainer.captioner import Captioner

# Ours: the paper tells none. With 28 GoogLeNet features a video and `WeightNearness`, mu = 1 takes in most of
# what a single weak correction asks for and changes other videos less than 0.01; after 20 of 60 steps most is done.
MU = 1.0
STEPS = 60


@dataclass(frozen=True, eq=False)
class CorrectedVideo:
    """A video with all that was said of it: two corrections by themselves would pull its v in two directions.

    `topics` is topic id -> strength of its enhancement; 1 is the paper's, less than 0 takes a topic away.
    """

    video: VideoRecord
    topics: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class Propagation:
    """A refined captioner and how it came about: what a choice of mu is judged by, beside its captions.

    Attributes:
        captioner: the parent's twin with another encoder.
        losses: eq. 10 before the first step and after each; empty where there was nothing to learn.
        before, after: (corrections,) ||v - v*||^2 and ||v' - v*||^2, each the mean over the real frames. `before` is 0
            where no neuron carries the topics: such a correction asks for nothing.
        least: (corrections,) what `after` cannot fall below: an LSTM stays within -1 .. 1, where a strong enhancement
            may want more.
        moved: ||theta' - theta||.
    """

    captioner: Captioner
    losses: tuple[float, ...]
    before: np.ndarray
    after: np.ndarray
    least: np.ndarray
    moved: float


def propagate(
    parent: Captioner,
    enhancement: np.ndarray,
    corrections: Sequence[CorrectedVideo],
    *,
    nearness: WeightNearness | None = None,
    mu: float = MU,
    steps: int = STEPS,
    on_step: OnStep | None = None,
) -> Propagation:
    """Minimises ||v' - v*||^2 + mu ||theta' - theta||^2 over the encoder's parameters theta' (eq. 10).

    Nothing is drawn at random: the same call gives the same weights. Without corrections, and where none of them asks
    for anything, the captioner comes back with the parent's weights, bit for bit.

    Args:
        parent: the captioner that is corrected; it is left as it is.
        enhancement: (topics, neurons), what strength 1 of each topic adds to v.
        corrections: all that is to be taught, each video once.
        nearness: measures ||theta' - theta||; the paper's by default.
        mu: the price of leaving the parent, see `Eq10` for its scale. The paper does not give it: choose it by what the
            captions of held-out videos gain and lose.
        steps: of L-BFGS, at most.
        on_step: called after each step with its number and the loss.
    Raises:
        ValueError: a setting, a topic or a video cannot be used, or the enhancement is another model's.
    """
    _check(parent, enhancement, corrections, mu)
    child = twin(parent)
    added = np.stack([activation_added(enhancement, correction.topics) for correction in corrections] or [[]])
    if not added.any():
        nothing = np.zeros(len(corrections), np.float32)
        return Propagation(child, (), nothing, nothing, nothing, 0.0)

    # One thread takes half the time of two for products so small, and sums alike on any number of cores.
    with threadpool_limits(1, "blas"):
        objective = Eq10(parent, [correction.video for correction in corrections], added, mu, nearness)
        before = objective.distances(objective.start)
        end, losses = minimise(objective, objective.start, steps=steps, on_step=on_step)
        for variable, values in zip(child.encoder.trainable_variables, objective.theta(end), strict=True):
            variable.assign(values)
        return Propagation(child, losses, before, objective.distances(end), objective.least(), objective.moved(end))


def twin(captioner: Captioner) -> Captioner:
    """Another captioner with the same weights, bit for bit."""
    copy = Captioner(captioner.config, name=captioner.name)
    copy.set_weights(captioner.get_weights())
    return copy


def _check(parent: Captioner, enhancement: np.ndarray, corrections: Sequence[CorrectedVideo], mu: float) -> None:
    neurons = parent.encoder.n_neurons
    if enhancement.shape[1] != neurons:
        raise ValueError(f"The enhancement is of {enhancement.shape[1]} neurons, the captioner has {neurons}.")
    if mu < 0:
        raise ValueError(f"mu is {mu}; expected a number of 0 or more.")
    seen = set()
    for video in (correction.video for correction in corrections):
        if not frame_mask(video.frames).any():
            raise ValueError(f"Video {video.video_id!r} has no real frame; a correction of it teaches nothing.")
        if video.video_id in seen:
            raise ValueError(f"Video {video.video_id!r} is corrected twice; put all of its topics into one correction.")
        seen.add(video.video_id)
