"""The video encoder: a bidirectional LSTM over the frames' features."""

import keras
from keras import ops

from topiclens.trainer.lstm import lstm_over_time


def frame_mask(frames):
    """(videos, time) bool, True where a row of ``frames`` (videos, time, dim) is a real frame: padding is all zeros."""
    return ops.any(ops.not_equal(frames, 0), axis=-1)


def masked_mean(rows, mask):
    """The mean over time of ``rows`` (videos, time, dim) at kept frames alone: (videos, dim); 0 for an empty clip."""
    weights = ops.cast(mask, rows.dtype)
    total = ops.squeeze(ops.matmul(weights[:, None, :], rows), axis=1)
    return total / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)


def with_neurons(video, v):
    """An encoded video whose neurons are changed before the decoder sees them.

    Args:
        video: the encoder's named activations and its ``memory``, as ``Captioner.encode`` gives them.
        v: (videos, time, neurons), zero at padding.
    Returns:
        The same dictionary, all of whose entries follow from the new ``v``; raw features in the memory stay.
    """
    neurons = v.shape[-1]
    memory = ops.concatenate([v, video["memory"][:, :, neurons:]], axis=-1)
    memory_mean = masked_mean(memory, video["mask"])
    return {**video, "v": v, "mean": memory_mean[:, :neurons], "memory": memory, "memory_mean": memory_mean}


class VideoEncoder(keras.layers.Layer):
    """Reads a clip forwards and backwards (Dong et al. 2017, section 2.2).

    A neuron of the encoder is one column of ``v``: the first half reads the clip forwards, the second half backwards.
    Padded frames neither move a state nor appear in it, wherever they stand, and their rows of ``v`` are zero.

    Args:
        units: LSTM units of each direction.
        skip: joins the raw features to what the decoder attends to. The neurons, ``v``, stay those of the LSTM: no
            correction of the encoder can move a raw feature.
        dropout: share of the frames' numbers that is dropped in training.

    Call arguments:
        frames: (videos, time, feature_dim) float; padded with all-zero rows.
    Returns:
        memory (videos, time, memory_dim), what the decoder attends to, and the named activations: ``v``
        (videos, time, 2 * units), ``mask`` (videos, time) bool, ``mean`` (videos, 2 * units), the mean of v over the
        real frames, and ``memory_mean`` (videos, memory_dim), the same for the memory.
    """

    def __init__(self, units=256, skip=False, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.skip = skip
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        # The cells hold the weights and the gates' order (i, f, g, o); the loop is ours.
        self.forward = keras.layers.LSTMCell(units, name="forward")
        self.backward = keras.layers.LSTMCell(units, name="backward")

    def build(self, frames_shape):
        self.feature_dim = frames_shape[-1]
        self.memory_dim = 2 * self.units + (self.feature_dim if self.skip else 0)
        self.forward.build((None, self.feature_dim))
        self.backward.build((None, self.feature_dim))

    def call(self, frames, training=False):
        mask = frame_mask(frames)
        frames = self.dropout(frames, training=training)
        ahead = self._read(self.forward, frames, mask)
        back = self._read(self.backward, frames, mask, backwards=True)
        v = ops.concatenate([ahead, back], axis=-1)
        memory = ops.concatenate([v, frames], axis=-1) if self.skip else v
        memory_mean = masked_mean(memory, mask)
        mean = memory_mean[:, : 2 * self.units]
        return memory, {"v": v, "mask": mask, "mean": mean, "memory_mean": memory_mean}

    def _read(self, cell, frames, mask, backwards=False):
        """The states (videos, time, units) of one direction, zero at padding."""
        videos, time = ops.shape(frames)[:2]
        # The frames' part of every step is one product. Time first: a step is then one piece of memory.
        rows = ops.reshape(ops.transpose(frames, (1, 0, 2)), (-1, self.feature_dim))
        inputs = ops.reshape(ops.matmul(rows, cell.kernel) + cell.bias, (time, videos, 4 * self.units))
        states = lstm_over_time(inputs, cell.recurrent_kernel, ops.transpose(mask)[:, :, None], backwards)
        return ops.transpose(states, (1, 0, 2)) * ops.cast(mask, states.dtype)[:, :, None]

    def get_config(self):
        return super().get_config() | {"units": self.units, "skip": self.skip, "dropout": self.dropout.rate}
