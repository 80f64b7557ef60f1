"""Correction propagation: teaching the encoder what corrections say, so that other videos gain too.

A correction enhances the activations v of one video to v*. The parameters theta of the encoder are then moved so that
it gives v* by itself, no further from where they were than needed (Dong et al. 2017, section 4, eq. 10), by one of the
measures of `topiclens.components.refinement.nearness`. The decoder and f stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from threadpoolctl import threadpool_limits

from topiclens.components.captions.generate import pad
from topiclens.components.neurons.enhancement import activation_added, enhanced
from topiclens.components.refinement.descent import OPTIMIZERS, OnStep, minimised
from topiclens.components.refinement.encoding import encoded
from topiclens.components.refinement.nearness import Nearness, Weights
from topiclens.schemas.records import VideoRecord, frame_mask
from topiclens.trainer.captioner import Captioner

# Choices, not the paper's, which tells none. With 28 GoogLeNet features a video and `Weights`, mu = 1 takes in most
# of what a single weak correction asks for and changes other videos less than 0.01; after 20 of 60 steps most is done.
MU = 1.0
STEPS = 60
LEARNING_RATE = 1e-5  # features of a norm of 60 and more turn larger steps into leaps


@dataclass(frozen=True, eq=False)
class CorrectedVideo:
    """A video with all that was said of it: two corrections by themselves would pull its v in two directions.

    Attributes:
        video: of which the frames count alone.
        topics: topic id -> strength of its enhancement; 1 is the paper's, less than 0 takes a topic away.
    """

    video: VideoRecord
    topics: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class Propagation:
    """A refined captioner and how it came about: what a choice of mu is judged by, beside its captions.

    Attributes:
        captioner: the parent's twin with another encoder.
        losses: eq. 10 before the first step and after each; none where there was nothing to learn.
        before, after: (corrections,) ||v - v*||^2 and ||v' - v*||^2, each the mean over the real frames. `before` is 0
            where no neuron carries the topics: such a correction asks for nothing.
        least: (corrections,) what `after` cannot fall below: no LSTM says what is outside of -1 .. 1, where a strong
            enhancement wants it.
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
    nearness: Nearness | None = None,
    mu: float = MU,
    optimizer: str = OPTIMIZERS[0],
    steps: int = STEPS,
    learning_rate: float = LEARNING_RATE,
    on_step: OnStep | None = None,
) -> Propagation:
    """Minimises ||v' - v*||^2 + mu ||theta' - theta||^2 over the encoder's parameters theta' (eq. 10).

    Nothing is drawn at random: the same call gives the same weights. Without corrections, and where none of them asks
    for anything, the captioner comes back with the parent's weights, bit for bit.

    Args:
        parent: the captioner that is corrected; it is left as it is.
        enhancement: (topics, neurons), what strength 1 of each topic adds to v; see
            `topiclens.components.neurons.enhancement`.
        corrections: all that is to be taught, each video once.
        nearness: measures ||theta' - theta||; the paper's by default.
        mu: what leaving the parent costs, see `Eq10` for its scale. The published experiment does not tell it: choose
            it by what the captions of held-out videos gain and lose.
        optimizer: `l-bfgs` or `adam`; see `topiclens.components.refinement.descent`.
        steps: at most.
        learning_rate: of `adam`.
        on_step: called after each step with its number and the loss.
    Raises:
        ValueError: a setting, a topic or a video is none that can be used, or the enhancement is another model's.
    """
    _check(parent, enhancement, corrections, mu)
    child = twin(parent)
    added = np.stack([activation_added(enhancement, correction.topics) for correction in corrections] or [[]])
    if not added.any():
        nothing = np.zeros(len(corrections), np.float32)
        return Propagation(child, (), nothing, nothing, nothing, 0.0)

    # One thread takes half the time of two for products so small, and sums alike on any number of cores.
    with threadpool_limits(1, "blas"):
        objective = Eq10(child, [correction.video for correction in corrections], added, mu, nearness)
        before = objective.distances()
        losses = minimised(objective, optimizer=optimizer, steps=steps, learning_rate=learning_rate, on_step=on_step)
        for variable, values in zip(child.encoder.trainable_variables, objective.theta(), strict=True):
            variable.assign(values)
        return Propagation(child, losses, before, objective.distances(), objective.least(), objective.moved())


def twin(captioner: Captioner) -> Captioner:
    """Another captioner with the same weights, bit for bit."""
    copy = Captioner(captioner.config, name=captioner.name)
    copy.set_weights(captioner.get_weights())
    return copy


class Eq10:
    """Eq. 10 for several videos, as a function of coordinates of theta' - theta, which begin at zero.

    sum_k mean_i ||v'_ki - v*_ki||^2 + mu ||theta' - theta||^2, over the videos k and the real frames i of each.

    The mean over the frames makes short clips count like long ones, and mu mean the same for any n: were the norm a
    sum over n frames, its mu would be n times this one. The sum over the videos makes a correction pull in a batch as
    it does alone. v* and theta are those of the moment when this is made.

    mu weighs a distance of activations, which lie in -1 .. 1, against one of encoders. As `nearness.Gates` measures
    that, it is one of what the gates are told, and mu means the same whatever the features are. As `nearness.Weights`
    does, it is as small as the features are large: with GoogLeNet's, whose squared norm is in the thousands, a mu of
    0.01 leaves the encoder all but free, and 100 keeps most of it.

    Args:
        captioner: whose encoder theta is.
        videos: each with at least one frame.
        added: (videos, neurons), v* - v at every real frame.
        mu: as above.
        nearness: measures ||theta' - theta||; the paper's by default.
    Attributes:
        parameters: the coordinates.
    """

    def __init__(
        self,
        captioner: Captioner,
        videos: Sequence[VideoRecord],
        added: np.ndarray,
        mu: float,
        nearness: Nearness | None = None,
    ):
        self._frames = pad(videos)
        mask = frame_mask(self._frames)
        self._real_frames, self._mu = mask.sum(axis=1).astype(np.float32), mu
        self._theta = [np.array(variable) for variable in captioner.encoder.trainable_variables]
        self._nearness = nearness or Weights(self._theta)
        self.parameters = [keras.Variable(np.zeros(shape, np.float32)) for shape in self._nearness.shapes()]
        v, _ = encoded(self._theta, self._frames)
        self._target = enhanced(v, mask, np.asarray(added, np.float32))

    def __call__(self) -> tuple[float, list[np.ndarray]]:
        """The value, and its gradients in the order of `parameters`."""
        v, backward = encoded(self.theta(), self._frames)
        away, coordinates = v - self._target, self._coordinates()
        value = np.sum(self._mean_square(away)) + self._mu * _squares(coordinates)
        of_v = self._nearness.gradients(backward((2 / self._real_frames)[:, None, None] * away))
        return float(value), [one + np.float32(2 * self._mu) * far for one, far in zip(of_v, coordinates, strict=True)]

    def theta(self) -> list[np.ndarray]:
        """theta', in the order of the encoder's variables."""
        return [old + move for old, move in zip(self._theta, self._moves(), strict=True)]

    def distances(self) -> np.ndarray:
        """mean_i ||v'_ki - v*_ki||^2: (videos,) float32."""
        v, _ = encoded(self.theta(), self._frames)
        return self._mean_square(v - self._target)

    def least(self) -> np.ndarray:
        """What no encoder's `distances` are below, since |v'| < 1: (videos,) float32."""
        return self._mean_square(np.maximum(np.abs(self._target) - 1, 0))

    def moved(self) -> float:
        """||theta' - theta||, of the weights."""
        return float(np.sqrt(_squares(self._moves())))

    def _moves(self) -> list[np.ndarray]:
        return self._nearness.moves(self._coordinates())

    def _coordinates(self) -> list[np.ndarray]:
        return [np.array(parameter) for parameter in self.parameters]

    def _mean_square(self, rows: np.ndarray) -> np.ndarray:
        """(videos, time, neurons), zero at padding, to the mean over the real frames of the squared norm: (videos,)."""
        return np.sum(np.square(rows), axis=(1, 2)) / self._real_frames


def _squares(arrays: Iterable[np.ndarray]) -> float:
    """The squared norm of all arrays together."""
    return sum(float(np.sum(np.square(array), dtype=np.float64)) for array in arrays)


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
