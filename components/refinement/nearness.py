"""How near a refined encoder stays to its parent: the second term of eq. 10, and the coordinates it is minimised in.

The paper's ||theta' - theta||^2 counts all weights alike. But a weight that reads a large feature, or one that every
video has, moves the gates of every video; one that reads what hardly any video has moves nothing. Where features have
a large common part, as those of a network that ends in a rectifier do, a correction of one video goes into that part
and changes all other videos too. `GateNearness` measures how far the gates of training videos move. It leaves to the
correction what sets its video apart.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        self._shapes = [tuple(variable.shape) for variable in encoder.trainable_variables]
        self._ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        self.size = int(self._ends[-1])

    def moves(self, coordinates: np.ndarray) -> list[np.ndarray]:
        """theta' - theta, in the order of the encoder's variables."""
        parts = np.split(coordinates, self._ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def gradient(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """The gradient with respect to the coordinates of what has these gradients with respect to theta'."""
        return np.concatenate([np.ravel(gradient) for gradient in gradients])


class GateNearness(WeightNearness):
    """mean_t ||(theta' - theta)^T z_t||^2, over the real frames of training videos.

    z_t is what a kernel of the encoder reads at frame t: (x_t, h_{t-1}, 1) for the gates of an LSTM's direction; see
    `Encoder.kernel_inputs`. So this is how far the gates' inputs move, to first order; the metric of Gauss and Newton
    for them (Martens and Grosse 2015, section 3, without the backward factor). A ridge prices the directions that
    training videos do not have. Weights that `kernel_inputs` leaves out count as in `WeightNearness`.
    """

    def __init__(self, encoder: Encoder, videos: Sequence[VideoRecord], ridge: float = RIDGE):
        super().__init__(encoder)
        place = {id(variable): i for i, variable in enumerate(encoder.trainable_variables)}
        self._roots = [
            ([place[id(variable)] for variable in variables], InverseRoot(moments, ridge))
            for variables, moments in second_moments(encoder, videos)
        ]

    def moves(self, coordinates: np.ndarray) -> list[np.ndarray]:
        return self._by_roots(super().moves(coordinates))

    def gradient(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        return super().gradient(self._by_roots(list(gradients)))  # a root is symmetric

    def _by_roots(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Arrays like theta; those that read one z, stacked, are multiplied by the root of its moments."""
        for places, root in self._roots:
            rows = [arrays[place].reshape(-1, arrays[place].shape[-1]) for place in places]
            parts = np.split(root @ np.vstack(rows), np.cumsum([len(part) for part in rows])[:-1])
            for place, part in zip(places, parts, strict=True):
                arrays[place] = part.reshape(self._shapes[place])
        return arrays


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
    frames = pad_videos(videos)
    mask = frame_mask(frames)
    moments: list[tuple[Sequence, np.ndarray]] = []
    for variables, inputs in encoder.kernel_inputs(ops.convert_to_tensor(frames), ops.convert_to_tensor(mask)):
        z = np.asarray(inputs)[mask].astype(np.float64)
        moments.append((variables, z.T @ z / len(z)))
    return moments
