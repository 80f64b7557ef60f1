"""What every encoder has in common: it turns a clip's frames into named activations."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from topiclens.trainer.edits import Edit, edited
from topiclens.trainer.tensor import Tensor


def frame_mask(frames: Tensor) -> Tensor:
    """(videos, time) bool, True where a row of ``frames`` (videos, time, dim) is a real frame: padding is all zeros."""
    return ops.any(ops.not_equal(frames, 0), axis=-1)


def masked_mean(rows: Tensor, mask: Tensor) -> Tensor:
    """The mean over time of ``rows`` (videos, time, dim) at kept frames alone: (videos, dim); 0 for an empty clip."""
    weights = ops.cast(mask, rows.dtype)
    total = ops.squeeze(ops.matmul(weights[:, None, :], rows), axis=1)
    return total / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)


def edit_video(video: dict[str, Tensor], edits: Sequence[Edit]) -> dict[str, Tensor]:
    """An encoded video whose activations are changed before f and the decoder see them.

    Args:
        video: the encoder's named activations.
        edits: those of other activations than `encoder.v` and `encoder.mean` play no part.
    Returns:
        The same dictionary, all of whose entries follow from the changed ones; raw features in the memory stay.
    """
    if not any(edit.name.startswith("encoder.") for edit in edits):
        return video
    neurons, mask = video["v"].shape[-1], video["mask"]
    v = edited("encoder.v", video["v"], edits) * ops.cast(mask, video["v"].dtype)[:, :, None]
    memory = ops.concatenate([v, video["memory"][:, :, neurons:]], axis=-1)
    memory_mean = masked_mean(memory, mask)
    mean = edited("encoder.mean", memory_mean[:, :neurons], edits)
    memory_mean = ops.concatenate([mean, memory_mean[:, neurons:]], axis=-1)
    return {"v": v, "mask": mask, "mean": mean, "memory": memory, "memory_mean": memory_mean}


class Encoder(keras.layers.Layer):
    """An encoder: frames to named activations. The captioner knows nothing else of it.

    A subclass creates its weights in ``build`` (after ``super().build``) and writes ``read``. A neuron is one column of
    ``v``. Everything else that is named follows from ``v`` here.

    Args:
        n_neurons: columns of v.
        skip: joins the raw features to what the decoder attends to. The neurons, ``v``, stay those of the encoder: no
            correction of the encoder can move a raw feature.
        dropout: share of the frames' numbers that is dropped in training.

    Call arguments:
        frames: (videos, time, feature_dim) float; padded with all-zero rows.
    Returns:
        The named activations: ``v`` (videos, time, n_neurons), zero at padding; ``mask`` (videos, time) bool, True at
        real frames; ``mean`` (videos, n_neurons), the mean of v over the real frames; ``memory``
        (videos, time, memory_dim), what the decoder attends to; ``memory_mean`` (videos, memory_dim), its mean.
    """

    def __init__(self, n_neurons: int, skip: bool = False, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_neurons = n_neurons
        self.skip = skip
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, frames_shape: tuple[Any, ...]) -> None:
        self.feature_dim = frames_shape[-1]
        self.memory_dim = self.n_neurons + (self.feature_dim if self.skip else 0)

    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        """The neurons' activations at every frame.

        Args:
            frames: (videos, time, feature_dim).
            mask: (videos, time) bool, True at real frames, which may stand anywhere. Padding must change no activation
                of a real frame.
        Returns:
            (videos, time, n_neurons); what stands at padding is dropped.
        """
        raise NotImplementedError

    def read_linearised(self, frames: Tensor, mask: Tensor) -> Tensor:
        """What `read` gives, such that input times gradient is relevance (`topiclens.trainer.relevance`).

        An encoder with gates holds them fast here. This default suits encoders without: what is not linear in `read`,
        biases among it, then takes its part of the relevance.
        """
        return self.read(frames, mask)

    def kernel_inputs(self, frames: Tensor, mask: Tensor) -> list[tuple[list[keras.Variable], Tensor]]:
        """What the encoder's kernels read at every frame, by which refinement measures how far an encoder moves.

        Args:
            frames, mask: as ``read`` takes them.
        Returns:
            For each product ``z @ kernel`` the trainable variables whose rows, stacked, are the kernel (a bias is one
            row), and z (videos, time, rows). Variables may be missing: they are measured by themselves. None are told
            by default.
        """
        return []

    def call(self, frames: Tensor, training: bool = False, linearised: bool = False) -> dict[str, Tensor]:
        mask = frame_mask(frames)
        frames = self.dropout(frames, training=training)
        v = self.read_linearised(frames, mask) if linearised else self.read(frames, mask)
        v = v * ops.cast(mask, v.dtype)[:, :, None]
        memory = ops.concatenate([v, frames], axis=-1) if self.skip else v
        memory_mean = masked_mean(memory, mask)
        mean = memory_mean[:, : self.n_neurons]
        return {"v": v, "mask": mask, "mean": mean, "memory": memory, "memory_mean": memory_mean}
