"""Eq. 10 (Dong et al. 2017): what a refinement minimises, computed by the captioner's own encoder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.enhancement import enhanced
from topiclens.components.refinement.nearness import WeightNearness
from topiclens.schemas.records import VideoRecord, frame_mask
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.encoders import make_encoder
from topiclens.trainer.settings import CaptionerConfig

# A graph is traced for each length of clips, which takes seconds. Clips are padded to a multiple of this, so that
# there are few; the usual 28 frames and their halves are multiples already.
TIME_MULTIPLE = 7


class Eq10:
    """Eq. 10 for several videos, as a function of coordinates of theta' - theta, which begin at zero.

    sum_k mean_i ||v'_ki - v*_ki||^2 + mu ||theta' - theta||^2, over the videos k and the real frames i of each.

    The mean over the frames makes short clips count like long ones, and mu mean the same for any n: were the norm a
    sum over n frames, its mu would be n times this one. The sum over the videos makes a correction pull in a batch as
    it does alone. v* and theta are those of the moment when this is made.

    mu weighs a distance of activations, which lie in -1 .. 1, against one of encoders. As `GateNearness` measures
    that, it is one of what the gates are told, and mu means the same whatever the features are. As `WeightNearness`
    does, it is as small as the features are large: with GoogLeNet's, whose squared norm is in the thousands, a mu of
    0.01 leaves the encoder all but free, and 100 keeps most of it.

    Args:
        captioner: whose encoder theta is.
        videos: each with at least one frame.
        added: (videos, neurons), v* - v at every real frame.
        mu: as above.
        nearness: measures ||theta' - theta||; the paper's by default.
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
        self._target = enhanced(v, mask, np.asarray(added, np.float32))

    def __call__(self, coordinates: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and its gradient in the coordinates."""
        _, distances, gradients = self._at(self.theta(coordinates), self._target)
        value = float(np.sum(distances)) + self._mu * _squares([coordinates])
        return value, self._nearness.gradient(gradients) + np.float32(2 * self._mu) * coordinates

    def theta(self, coordinates: np.ndarray) -> list[np.ndarray]:
        """theta', in the order of the encoder's variables."""
        moves = self._nearness.moves(coordinates)
        return [old + move for old, move in zip(self._theta, moves, strict=True)]

    def distances(self, coordinates: np.ndarray) -> np.ndarray:
        """mean_i ||v'_ki - v*_ki||^2: (videos,) float32."""
        return self._at(self.theta(coordinates), self._target)[1]

    def least(self) -> np.ndarray:
        """What no encoder's `distances` are below, since |v'| < 1: (videos,) float32."""
        outside = np.maximum(np.abs(self._target) - 1, 0)
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
