"""How near a refined encoder stays to its parent: the second term of eq. 10, and the coordinates it is minimised in.

The paper's ||theta' - theta||^2 counts all weights alike. But a weight that reads a large feature, or one that every
video has, moves the gates of every video; one that reads what hardly any video has moves nothing. Where features have
a large common part, as those of a network that ends in a rectifier do, a correction of one video goes into that part
and changes all other videos too. `GateNearness` measures how far the gates of training videos move. It leaves to the
correction what sets its video apart.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence

import numpy as np
from keras import ops

from topiclens.components.captions.generate import pad_videos
from topiclens.schemas.records import VideoRecord, frame_mask
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.encoders import Encoder

VIDEOS = 128  # of training, by which `GateNearness` measures; as many others show what a refinement costs
RIDGE = 0.1  # of the mean eigenvalue; a tenth of it cost the captions of other videos more
RANK = 128  # directions that are measured one by one; the others count alike


class WeightNearness:
    """||theta' - theta||^2, the paper's, as ||phi||^2 of coordinates phi.

    phi is a vector of `size` numbers that is zero where theta' is theta.
    """

    def __init__(self, encoder: Encoder):
        self._encoder = encoder
        self._shapes = [tuple(variable.shape) for variable in encoder.trainable_variables]
        self._columns = [np.arange(shape[-1]) for shape in self._shapes]  # that may move, of each variable

    def only(self, neurons: Iterable[int]) -> WeightNearness:
        """The same for a correction of these neurons; in the paper all weights may move."""
        return self

    @property
    def size(self) -> int:
        return sum(map(math.prod, self._moving_shapes))

    @property
    def _moving_shapes(self) -> list[tuple[int, ...]]:
        return [(*shape[:-1], len(columns)) for shape, columns in zip(self._shapes, self._columns, strict=True)]

    def moves(self, coordinates: np.ndarray) -> list[np.ndarray]:
        """theta' - theta, in the order of the encoder's variables."""
        shapes = self._moving_shapes
        parts = np.split(coordinates, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
        moving = self._scaled([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])
        moves = [np.zeros(shape, coordinates.dtype) for shape in self._shapes]
        for move, part, columns in zip(moves, moving, self._columns, strict=True):
            move[..., columns] = part
        return moves

    def gradient(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """The gradient with respect to the coordinates of what has these gradients with respect to theta'."""
        moving = [np.asarray(one)[..., columns] for one, columns in zip(gradients, self._columns, strict=True)]
        return np.concatenate([np.ravel(one) for one in self._scaled(moving)])  # a scale is symmetric

    def _scaled(self, moving: list[np.ndarray]) -> list[np.ndarray]:
        """Arrays like the columns of theta that may move, in the scale of the weights for one of the coordinates."""
        return moving


class GateNearness(WeightNearness):
    """mean_t ||(theta' - theta)^T z_t||^2, over the real frames of training videos.

    z_t is what a kernel of the encoder reads at frame t: (h_t, 1), the states of both directions, for topic neurons;
    (x_t, h_{t-1}, 1) for the gates of an LSTM's direction; see `Encoder.kernel_inputs`. So this is how far inputs of
    topic neurons and gates move, to first order; the metric of Gauss and Newton for them (Martens and Grosse 2015,
    section 3, without the backward factor). A ridge prices the directions that training videos do not have. Only what a
    correction asks for moves (`only`), so that all else that an encoder says stays nearly as it is. Weights that
    `kernel_inputs` leaves out count as in `WeightNearness`.
    """

    def __init__(self, encoder: Encoder, videos: Sequence[VideoRecord], ridge: float = RIDGE):
        super().__init__(encoder)
        place = {id(variable): i for i, variable in enumerate(encoder.trainable_variables)}
        self._roots = [
            ([place[id(variable)] for variable in variables], InverseRoot(moments, ridge))
            for variables, moments in second_moments(encoder, videos)
        ]

    def only(self, neurons: Iterable[int]) -> GateNearness:
        """The same where nothing may move but the columns of kernels that make these neurons.

        Where the encoder does not tell which these are (`Encoder.columns_of`), everything may.
        """
        told: dict[int, list[int]] = {}
        for neuron in neurons:
            of_neuron = self._encoder.columns_of(neuron)
            if not of_neuron:
                return self
            for variables, columns in of_neuron:
                for variable in variables:
                    told.setdefault(id(variable), []).extend(columns)
        narrowed = copy.copy(self)
        variables = self._encoder.trainable_variables
        narrowed._columns = [np.unique(told.get(id(variable), [])).astype(int) for variable in variables]
        return narrowed

    def _scaled(self, moving: list[np.ndarray]) -> list[np.ndarray]:
        """Those that read one z, stacked, are multiplied by the root of its moments."""
        for places, root in self._roots:
            if not moving[places[0]].size:
                continue
            rows = [moving[place].reshape(-1, moving[place].shape[-1]) for place in places]
            parts = np.split(root @ np.vstack(rows), np.cumsum([len(part) for part in rows])[:-1])
            for place, part in zip(places, parts, strict=True):
                moving[place] = part.reshape(moving[place].shape)
        return moving


def near_and_others(train: Sequence[VideoRecord], seed: int) -> tuple[list[VideoRecord], list[VideoRecord]]:
    """Training videos to measure nearness by, and others to see what a refinement costs, drawn by the seed.

    The first ones say little of the cost: their gates are held near. They serve for both where there are no others.
    """
    drawn = np.random.default_rng(seed).permutation(len(train))
    near, others = ([train[place] for place in sorted(part)] for part in (drawn[:VIDEOS], drawn[VIDEOS : 2 * VIDEOS]))
    return near, others or near


def nearness_of(name: str, captioner: Captioner, videos: Sequence[VideoRecord]) -> WeightNearness:
    """The measure of a name among `settings.NEARNESS`, of a parent; `videos` are of training."""
    return GateNearness(captioner.encoder, videos) if name == "gates" else WeightNearness(captioner.encoder)


class InverseRoot:
    """(C + r I)^(-1/2) of second moments C (n, n); eigenvalues beyond the `RANK` largest are replaced by their mean.

    `ridge` is r as a share of the mean eigenvalue.
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


def second_moments(encoder: Encoder, videos: Sequence[VideoRecord]) -> list[tuple[Sequence, np.ndarray]]:
    """E[z z^T] over the real frames, (n, n) float64, of what each kernel reads, with the variables that make it up."""
    return [(variables, z.T @ z / len(z)) for variables, z in _read_by_kernels(encoder, videos)]


def _read_by_kernels(encoder: Encoder, videos: Sequence[VideoRecord]) -> list[tuple[Sequence, np.ndarray]]:
    """What each kernel reads at the real frames of all videos, (frames, n) float64, with its variables."""
    frames = pad_videos(videos)
    mask = frame_mask(frames)
    inputs = encoder.kernel_inputs(ops.convert_to_tensor(frames), ops.convert_to_tensor(mask))
    return [(variables, np.asarray(z)[mask].astype(np.float64)) for variables, z in inputs]
