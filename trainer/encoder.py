"""The video encoder: a bidirectional LSTM over the frames' features."""

import keras
from keras import ops


def frame_mask(frames):
    """(videos, time) bool, True where a row of ``frames`` (videos, time, dim) holds a real frame: padding is all zeros."""
    return ops.any(ops.not_equal(frames, 0), axis=-1)


def masked_mean(rows, mask):
    """The mean over time of ``rows`` (videos, time, dim) at the kept frames alone: (videos, dim); 0 for an empty clip."""
    weights = ops.cast(mask, rows.dtype)
    total = ops.squeeze(ops.matmul(weights[:, None, :], rows), axis=1)
    return total / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)


class VideoEncoder(keras.layers.Layer):
    """Reads a clip forwards and backwards (Dong et al. 2017, section 2.2).

    A neuron of the encoder is one column of ``v``: the first half reads the clip forwards, the second half backwards.
    Padded frames neither move a state nor appear in it, wherever they stand, and their rows of ``v`` are zero.

    Args:
        units: LSTM units of each direction.
        skip: joins the raw features to what the decoder attends to. The neurons, ``v``, stay those of the LSTM: no
            correction of the encoder can move a raw feature.

    Call arguments:
        frames: (videos, time, feature_dim) float; padded with all-zero rows.
    Returns:
        memory (videos, time, memory_dim), what the decoder attends to, and the named activations: ``v``
        (videos, time, 2 * units), ``mask`` (videos, time) bool, ``mean`` (videos, 2 * units), the mean of v over the
        real frames, and ``memory_mean`` (videos, memory_dim), the same for the memory.
    """

    def __init__(self, units=256, skip=False, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.skip = skip
        # The cells hold the weights and the gates' order (i, f, g, o); the loop below is ours.
        self.forward = keras.layers.LSTMCell(units, name="forward")
        self.backward = keras.layers.LSTMCell(units, name="backward")

    def build(self, frames_shape):
        self.feature_dim = frames_shape[-1]
        self.memory_dim = 2 * self.units + (self.feature_dim if self.skip else 0)
        self.forward.build((None, self.feature_dim))
        self.backward.build((None, self.feature_dim))

    def call(self, frames):
        mask = frame_mask(frames)
        v = self._both_directions(frames, mask)
        memory = ops.concatenate([v, frames], axis=-1) if self.skip else v
        memory_mean = masked_mean(memory, mask)
        mean = memory_mean[:, : 2 * self.units]
        return memory, {"v": v, "mask": mask, "mean": mean, "memory_mean": memory_mean}

    def _both_directions(self, frames, mask):
        """v (videos, time, 2 * units). Both directions take a step together, as one batched product."""
        units = self.units
        kernel = ops.concatenate([self.forward.kernel, self.backward.kernel], axis=1)
        bias = ops.concatenate([self.forward.bias, self.backward.bias], axis=0)
        recurrent_kernel = ops.concatenate([self.forward.recurrent_kernel, self.backward.recurrent_kernel], axis=0)
        recurrent_kernel = ops.reshape(recurrent_kernel, (2, units, 4 * units))
        videos, time = ops.shape(frames)[:2]

        # No step depends on the input's projection: one product for all steps and both directions, time first.
        inputs = ops.matmul(ops.transpose(frames, (1, 0, 2)), kernel) + bias
        inputs = ops.reshape(inputs, (time, videos, 2, 4 * units))
        inputs = ops.stack([inputs[:, :, 0], ops.flip(inputs[:, :, 1], axis=0)], axis=1)
        keep = ops.transpose(mask)[:, :, None]
        keep = ops.stack([keep, ops.flip(keep, axis=0)], axis=1)

        def step(state, t):
            h, c = state
            i, f, g, o = ops.split(inputs[t] + ops.matmul(h, recurrent_kernel), 4, axis=-1)
            next_c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            next_h = ops.sigmoid(o) * ops.tanh(next_c)
            state = (ops.where(keep[t], next_h, h), ops.where(keep[t], next_c, c))
            return state, state

        zeros = ops.zeros((2, videos, units), dtype=self.compute_dtype)
        states = _scan(step, (zeros, zeros), time)
        v = ops.concatenate([states[:, 0], ops.flip(states[:, 1], axis=0)], axis=-1)
        return ops.transpose(v, (1, 0, 2)) * ops.cast(mask, v.dtype)[:, :, None]

    def get_config(self):
        return super().get_config() | {"units": self.units, "skip": self.skip}


def _scan(step, state, time):
    """The first part of the state after each of ``time`` steps, stacked; unrolled, which is faster, if time is known."""
    if not isinstance(time, int):
        _, states = ops.scan(step, state, ops.arange(time))
        return states[0]
    outputs = []
    for t in range(time):
        state, _ = step(state, t)
        outputs.append(state[0])
    return ops.stack(outputs)
