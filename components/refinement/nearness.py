"""How near a refined encoder stays to its parent: the second term of eq. 10, and the coordinates it is minimised in.

The paper's ||theta' - theta||^2 counts all weights alike. But a weight that meets a large feature, or one that every
video has, moves the gates of every video; one that meets what hardly any video has moves nothing. Where features have
a large common part, as those of a network that ends in a rectifier do, a correction of one video then goes into that
part, and all other videos are told the same. `Gates` measures how far the gates of training videos are moved, and
leaves to the correction what sets its video apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from topiclens.components.captions.generate import pad
from topiclens.components.refinement.encoding import encoded
from topiclens.schemas.records import VideoRecord, frame_mask
from topiclens.trainer.captioner import Captioner

VIDEOS = 128  # of training, by which `Gates` measures; and as many others that show what a refinement costs
RIDGE = 0.1  # of the mean eigenvalue; a tenth of it cost the captions of other videos more
RANK = 128  # directions that are measured one by one; the others count alike


class Nearness(Protocol):
    """Coordinates phi of theta' - theta in which its size is ||phi||^2."""

    def shapes(self) -> list[tuple[int, ...]]:
        """Of the coordinates, which are zero where theta' is theta."""

    def moves(self, coordinates: Sequence[np.ndarray]) -> list[np.ndarray]:
        """theta' - theta, in the encoder's order."""

    def gradients(self, gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The gradient with respect to the coordinates of what has these gradients with respect to theta'."""


class Weights:
    """||theta' - theta||^2, the paper's.

    Args:
        theta: the parent encoder's weights.
    """

    def __init__(self, theta: Sequence[np.ndarray]):
        self._shapes = [values.shape for values in theta]

    def shapes(self) -> list[tuple[int, ...]]:
        return self._shapes

    def moves(self, coordinates: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(coordinates)

    def gradients(self, gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(gradients)


class Gates:
    """mean_t ||(theta' - theta)^T z_t||^2, over the real frames of training videos, of both directions.

    z_t = (x_t, h_{t-1}, 1) is what the gates of a direction read at frame t, so that this is how far what they are told
    moves, to first order; the metric of Gauss and Newton for them (Martens and Grosse 2015, section 3, without the
    backward factor). A ridge makes a price of directions that training videos do not have.

    Args:
        theta: the parent encoder's weights, in the order of `encoding.encoded`.
        videos: of training, with one real frame at least.
    """

    def __init__(self, theta: Sequence[np.ndarray], videos: Sequence[VideoRecord], ridge: float = RIDGE):
        self._theta = [values.shape for values in theta]
        self._roots = [InverseRoot(moments, ridge) for moments in second_moments(theta, videos)]

    def shapes(self) -> list[tuple[int, ...]]:
        return [(sum(self._rows(first)), self._theta[first][1]) for first in (0, 3)]

    def moves(self, coordinates: Sequence[np.ndarray]) -> list[np.ndarray]:
        moves = []
        for first, root, phi in zip((0, 3), self._roots, coordinates, strict=True):
            kernel, recurrent_kernel, bias = np.split(root @ phi, np.cumsum(self._rows(first))[:-1])
            moves += [kernel, recurrent_kernel, bias[0]]
        return moves

    def gradients(self, gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        stacked = (np.vstack([*gradients[first : first + 2], gradients[first + 2][None]]) for first in (0, 3))
        return [root @ rows for root, rows in zip(self._roots, stacked, strict=True)]  # the root is symmetric

    def _rows(self, first: int) -> tuple[int, int, int]:
        """How many rows of a direction's coordinates are of the kernel, of the recurrent kernel and of the bias."""
        return self._theta[first][0], self._theta[first + 1][0], 1


def near_and_others(train: Sequence[VideoRecord], seed: int) -> tuple[list[VideoRecord], list[VideoRecord]]:
    """Training videos to measure nearness by, and others to see what a refinement costs, drawn by the seed.

    The first ones say little of the cost: their gates are what is held. Where there are no others, they have to do.
    """
    drawn = np.random.default_rng(seed).permutation(len(train))
    near, others = ([train[place] for place in sorted(part)] for part in (drawn[:VIDEOS], drawn[VIDEOS : 2 * VIDEOS]))
    return near, others or near


def nearness_of(name: str, captioner: Captioner, videos: Sequence[VideoRecord]) -> Nearness:
    """The measure of a name among `settings.NEARNESS`, of a parent; `videos` are of training."""
    theta = [np.array(variable) for variable in captioner.encoder.trainable_variables]
    return Gates(theta, videos) if name == "gates" else Weights(theta)


class InverseRoot:
    """(C + r I)^(-1/2) of second moments C, with the eigenvalues beyond the `RANK` largest replaced by their mean.

    Args:
        moments: (n, n), C.
        ridge: r as a share of the mean eigenvalue.
    """

    def __init__(self, moments: np.ndarray, ridge: float):
        values, vectors = np.linalg.eigh(moments)
        values, vectors = np.maximum(values, 0), vectors[:, -RANK:]
        price = ridge * values.mean()
        others = price + (values[:-RANK].mean() if len(values) > RANK else 0.0)
        self._others = np.float32(others**-0.5)
        self._vectors = vectors.astype(np.float32)
        self._scales = ((values[-RANK:] + price) ** -0.5 - others**-0.5).astype(np.float32)[:, None]

    def __matmul__(self, rows: np.ndarray) -> np.ndarray:
        return self._others * rows + self._vectors @ (self._scales * (self._vectors.T @ rows))


def second_moments(theta: Sequence[np.ndarray], videos: Sequence[VideoRecord]) -> list[np.ndarray]:
    """E[z z^T] over the real frames, for the direction that reads forwards and for the other: (n, n) float64 each."""
    frames = pad(videos)
    mask = frame_mask(frames)
    v, _ = encoded(theta, frames)
    ahead, back = np.split(v, 2, axis=-1)
    before = np.zeros_like(ahead), np.zeros_like(back)
    before[0][:, 1:], before[1][:, :-1] = ahead[:, :-1], back[:, 1:]
    ones = np.ones((*mask.shape, 1), np.float32)
    moments = []
    for states in before:
        z = np.concatenate([frames, states, ones], axis=-1)[mask].astype(np.float64)
        moments.append(z.T @ z / len(z))
    return moments
