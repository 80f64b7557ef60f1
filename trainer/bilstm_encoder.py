"""The paper's video encoder: a bidirectional LSTM over the frames' features."""

from typing import Any

import keras
from keras import ops

from topiclens.trainer.encoder import Encoder
from topiclens.trainer.lstm import lstm_over_time, lstm_signal_step, lstm_signal_step_gradient
from topiclens.trainer.tensor import Tensor


class BiLstmEncoder(Encoder):
    """Reads a clip forwards and backwards (Dong et al. 2017, section 2.2).

    The first half of the neurons reads the clip forwards, the second half backwards. Padded frames neither move a state
    nor appear in it, wherever they stand.

    Args:
        units: LSTM units of each direction.
        skip, dropout: see ``Encoder``.
    """

    def __init__(self, units: int = 256, skip: bool = False, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(2 * units, skip, dropout, **kwargs)
        self.units = units
        # The cells hold the weights and the gates' order (i, f, g, o); the loop is ours.
        self.forward = keras.layers.LSTMCell(units, name="forward")
        self.backward = keras.layers.LSTMCell(units, name="backward")

    def build(self, frames_shape: tuple[Any, ...]) -> None:
        super().build(frames_shape)
        self.forward.build((None, self.feature_dim))
        self.backward.build((None, self.feature_dim))

    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        return self._read_both(frames, mask)

    def read_linearised(self, frames: Tensor, mask: Tensor) -> Tensor:
        return self._read_both(frames, mask, lstm_signal_step, lstm_signal_step_gradient)

    def kernel_inputs(self, frames: Tensor, mask: Tensor) -> list[tuple[list[keras.Variable], Tensor]]:
        ahead, back = ops.split(self.read(frames, mask), 2, axis=-1)
        nothing, one = ops.zeros_like(ahead[:, :1]), ops.ones_like(ahead[:, :, :1])
        before = ops.concatenate([nothing, ahead[:, :-1]], axis=1), ops.concatenate([back[:, 1:], nothing], axis=1)
        return [
            ([cell.kernel, cell.recurrent_kernel, cell.bias], ops.concatenate([frames, states, one], axis=-1))
            for cell, states in zip((self.forward, self.backward), before)
        ]

    def _read_both(self, frames: Tensor, mask: Tensor, *step: Any) -> Tensor:
        ahead = self._read(self.forward, frames, mask, False, *step)
        back = self._read(self.backward, frames, mask, True, *step)
        return ops.concatenate([ahead, back], axis=-1)

    def _read(self, cell: keras.layers.LSTMCell, frames: Tensor, mask: Tensor, backwards: bool, *step: Any) -> Tensor:
        """The states (videos, time, units) of one direction; at padding they stay as they were."""
        videos, time = ops.shape(frames)[:2]
        # The frames' part of every step is one product. Time first: a step is then one piece of memory.
        rows = ops.reshape(ops.transpose(frames, (1, 0, 2)), (-1, self.feature_dim))
        inputs = ops.reshape(ops.matmul(rows, cell.kernel) + cell.bias, (time, videos, 4 * self.units))
        states = lstm_over_time(inputs, cell.recurrent_kernel, ops.transpose(mask)[:, :, None], backwards, *step)
        return ops.transpose(states, (1, 0, 2))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "skip": self.skip, "dropout": self.dropout.rate}
