"""Correction propagation: teaching the encoder what corrections say, so that other videos gain too.

A correction enhances the activations v of one video to v*. The parameters theta of the encoder are then moved so that
it gives v* by itself, no further from where they were than needed (Dong et al. 2017, section 4, eq. 10), by one of the
measures of `topiclens.components.refinement.nearness`. The decoder and f stay as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits

from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.enhancement import activation_added, enhanced
from topiclens.components.refinement.descent import OnStep, minimise
from topiclens.components.refinement.nearness import WeightNearness
from topiclens.schemas.records import VideoRecord, frame_mask
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.encoders import make_encoder
from topiclens.trainer.settings import CaptionerConfig

# A graph is traced for each length of clips, which takes seconds. Clips are padded to a multiple of this, so that
# there are few; the usual 28 frames and their halves are multiples already.
TIME_MULTIPLE = 7


@dataclass(frozen=True, eq=False)
class CorrectedVideo:
    """A video with all that was said of it: two corrections by themselves would pull its v in two directions.

    `topics` is topic id -> strength of its enhancement; 1 is the paper's, less than 0 takes a topic away. Where a topic
    is there for a stretch alone, its strength is (frames,), one for each frame.
    """

    video: VideoRecord
    topics: Mapping[int, float | np.ndarray]


@dataclass(frozen=True, eq=False)
class Propagation:
    """A refined encoder, and what a choice of mu is judged by beside the captions."""

    encoder: list[np.ndarray]  # theta', as `Encoder.set_weights` takes it
    losses: tuple[float, ...]  # eq. 10 before the first step and after each; empty where there was nothing to learn
    # (corrections,) ||v - v*||^2, the mean over the real frames; 0 where no neuron carries the topics: such a
    # correction asks for nothing
    before: np.ndarray
    after: np.ndarray  # the same of v'
    least: np.ndarray  # what `after` cannot fall below: an LSTM stays within -1 .. 1, an enhancement may want more
    moved: float  # ||theta' - theta||


def propagate(
    parent: Captioner,
    enhancement: np.ndarray,
    corrections: Sequence[CorrectedVideo],
    *,
    nearness: WeightNearness | None = None,
    mu: float = 1.0,
    steps: int = 60,
    on_step: OnStep | None = None,
) -> Propagation:
    """Minimises ||v' - v*||^2 + mu ||theta' - theta||^2 over the encoder's parameters theta' (eq. 10).

    Nothing is drawn at random: the same call gives the same weights. Without corrections, and where none of them asks
    for anything, they are the parent's, bit for bit.

    Args:
        parent: the captioner that is corrected; it is left as it is.
        enhancement: (topics, neurons), what strength 1 of each topic adds to v.
        corrections: all that is to be taught, each video once.
        nearness: measures ||theta' - theta||; the paper's by default.
        mu: the price of leaving the parent, see `Eq10` for its scale. The paper does not give it: choose it by what the
            captions of held-out videos gain and lose. With 28 GoogLeNet features a video and `WeightNearness`, 1 takes
            in most of what a single weak correction asks for and changes other videos less than 0.01.
        steps: of L-BFGS, at most; most is done after 20.
        on_step: called after each step with its number and the loss.
    Raises:
        ValueError: a setting, a topic or a video cannot be used, or the enhancement is another model's.
    """
    _check(parent, enhancement, corrections, mu)
    encoder = parent.encoder
    added = _added(enhancement, corrections)
    if not added.any():
        nothing = np.zeros(len(corrections), np.float32)
        return Propagation(encoder.get_weights(), (), nothing, nothing, nothing, 0.0)

    # One thread takes half the time of two for products so small, and sums alike on any number of cores.
    with threadpool_limits(1, "blas"):
        videos = [correction.video for correction in corrections]
        near = (nearness or WeightNearness(encoder)).only(np.flatnonzero(added.any(axis=(0, 1))))
        objective = Eq10(parent, videos, added, mu, near)
        before = objective.distances(objective.start)
        end, losses = minimise(objective, objective.start, steps=steps, on_step=on_step)
        moved = dict(zip(map(id, encoder.trainable_variables), objective.theta(end), strict=True))
        weights = [moved[id(weight)] if id(weight) in moved else np.array(weight) for weight in encoder.weights]
        return Propagation(weights, losses, before, objective.distances(end), objective.least(), objective.moved(end))


def _added(enhancement: np.ndarray, corrections: Sequence[CorrectedVideo]) -> np.ndarray:
    """v* - v of each video at each frame: (videos, time of the longest, neurons)."""
    time = max((len(correction.video.frames) for correction in corrections), default=0)
    added = np.zeros((len(corrections), time, enhancement.shape[1]), np.float32)
    for row, correction in zip(added, corrections):
        row[: len(correction.video.frames)] = activation_added(enhancement, correction.topics)
    return added


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


class Eq10:
    """Eq. 10 for several videos, as a function of coordinates of theta' - theta, which begin at zero.

    sum_k mean_i ||v'_ki - v*_ki||^2 + mu ||theta' - theta||^2, over the videos k and the real frames i of each.

    The mean over the frames makes short clips count like long ones, and mu mean the same for any n: were the norm a
    sum over n frames, its mu would be n times this one. The sum over the videos makes a correction pull in a batch as
    it does alone. v* and theta are those of the moment when this is made.

    v* is what an encoder can say of topic neurons: 0 at least.

    mu weighs a distance of activations, which lie in -1 .. 1, against one of encoders. `GateNearness` measures how far
    the gates' inputs move, so that mu means the same whatever the features are. With `WeightNearness` the distance is
    as small as the features are large: with GoogLeNet's, whose squared norm is in the thousands, a mu of 0.01 leaves
    the encoder all but free, and 100 keeps most of it.

    Args:
        videos: each with at least one frame.
        added: (videos, neurons), v* - v at every real frame; or (videos, time of the longest, neurons), at each.
    Attributes:
        start: the coordinates at which theta' is theta: (nearness.size,) zeros.
    """

    def __init__(
        self,
        captioner: Captioner,
        videos: Sequence[VideoRecord],
        added: np.ndarray,
        mu: float,
        nearness: WeightNearness | None = None,
    ):
        encoder, frames = captioner.encoder, pad_videos(videos)
        self._theta = [np.array(variable) for variable in encoder.trainable_variables]
        self._frames = np.pad(frames, ((0, 0), (0, -frames.shape[1] % TIME_MULTIPLE), (0, 0)))
        self._state = [np.array(variable) for variable in encoder.non_trainable_variables]
        self._distance = _distance(captioner.config, self._frames.shape[1])
        self._mu = mu
        self._nearness = nearness or WeightNearness(encoder)
        self.start = np.zeros(self._nearness.size, np.float32)
        mask = frame_mask(self._frames)
        self._real_frames = mask.sum(axis=1).astype(np.float32)
        v, _, _ = self._at(self._theta, np.zeros((*mask.shape, encoder.n_neurons), np.float32))
        over_time = np.asarray(added, np.float32).reshape(len(videos), -1, encoder.n_neurons)
        if over_time.shape[1] > 1:
            over_time = np.pad(over_time, ((0, 0), (0, mask.shape[1] - over_time.shape[1]), (0, 0)))
        self._target = enhanced(v, mask, over_time)
        self._own = captioner.config.topic_neurons
        self._target[..., : self._own] = np.maximum(self._target[..., : self._own], 0)

    def __call__(self, coordinates: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and its gradient in the coordinates."""
        _, distances, gradients = self._at(self.theta(coordinates), self._target)
        value = float(np.sum(distances)) + self._mu * _squares([coordinates])
        return value, self._nearness.gradient(gradients) + np.float32(2 * self._mu) * coordinates

    def theta(self, coordinates: np.ndarray) -> list[np.ndarray]:
        """theta', in the order of the encoder's trainable variables."""
        moves = self._nearness.moves(coordinates)
        return [old + move for old, move in zip(self._theta, moves, strict=True)]

    def distances(self, coordinates: np.ndarray) -> np.ndarray:
        """mean_i ||v'_ki - v*_ki||^2: (videos,) float32."""
        return self._at(self.theta(coordinates), self._target)[1]

    def least(self) -> np.ndarray:
        """What no encoder's `distances` are below, since a state's range is -1 .. 1, and no topic neuron is negative:
        (videos,) float32."""
        own = np.arange(self._target.shape[-1]) < self._own
        lowest, highest = np.where(own, 0, -1), np.where(own, np.inf, 1)
        outside = np.maximum(self._target - highest, 0) + np.maximum(lowest - self._target, 0)
        return np.sum(np.square(outside), axis=(1, 2)) / self._real_frames

    def moved(self, coordinates: np.ndarray) -> float:
        """||theta' - theta||, of the weights."""
        return float(np.sqrt(_squares(self._nearness.moves(coordinates))))

    def _at(self, theta: list[np.ndarray], target: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        v, distances, gradients = self._distance(theta, self._state, self._frames, target, self._real_frames)
        return v.numpy(), distances.numpy(), [gradient.numpy() for gradient in gradients]


@functools.lru_cache(maxsize=8)
def _distance(config: CaptionerConfig, time: int) -> Callable:
    """The first term of eq. 10 and its gradient in the encoder's weights, as a graph for all encoders of one kind.

    Returns:
        A function of theta, the encoder's other variables, frames (videos, time, feature_dim), v*
        (videos, time, neurons) and the number of real frames (videos,). It gives v, mean_i ||v_ki - v*_ki||^2
        (videos,), and the gradient of the latter's sum by each weight.
    """
    encoder = make_encoder(config)
    encoder.build((None, None, config.feature_dim))

    def specs(variables: Sequence[Any]) -> list[tf.TensorSpec]:
        return [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]

    signature = [
        specs(encoder.trainable_variables),
        specs(encoder.non_trainable_variables),
        tf.TensorSpec([None, time, config.feature_dim]),
        tf.TensorSpec([None, time, encoder.n_neurons]),
        tf.TensorSpec([None]),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def distance(theta: Any, state: Any, frames: Any, target: Any, real_frames: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(theta)
            named, _ = encoder.stateless_call(theta, state, frames)
            distances = tf.reduce_sum(tf.square(named["v"] - target), (1, 2)) / real_frames
        return named["v"], distances, tape.gradient(distances, theta, unconnected_gradients="zero")

    return distance


def _squares(arrays: Iterable[np.ndarray]) -> float:
    """The squared norm of all arrays together."""
    return sum(float(np.sum(np.square(array), dtype=np.float64)) for array in arrays)
