"""Temporal attention: which frames the next word is about."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from topiclens.trainer.edits import Edit, edited
from topiclens.trainer.tensor import Tensor


class TemporalAttention(keras.layers.Layer):
    """Averages frames, each weighted by its relevance to the decoder state (Dong et al. 2017, eq. 3-4).

    Several decoder states may look at one video (the beams of a search): they are its queries.

    Call arguments:
        state: (batch, queries, state_dim), the decoder states h.
        memory: (batch, time, memory_dim), the encoded frames v.
        mask: (batch, time) bool, False at padding.
        keys: (batch, time, units), ``project(memory)`` where it has been computed before: it is the same at every step.
        due: (batch, queries, memory_dim), what the context is multiplied by; None leaves it as it is.
    Returns:
        context (batch, queries, memory_dim); alpha (batch, queries, time), summing to 1 over the kept frames.
    """

    def __init__(self, units: int = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_projection = keras.layers.Dense(units, use_bias=False, name="state_projection")  # U_a
        self.frame_projection = keras.layers.Dense(units, name="frame_projection")  # T_a, b_a
        self.score = keras.layers.Dense(1, use_bias=False, name="score")  # w_a

    def build(self, state_dim: int, memory_dim: int) -> None:
        self.state_projection.build((None, state_dim))
        self.frame_projection.build((None, memory_dim))
        self.score.build((None, self.units))

    def project(self, memory: Tensor) -> Tensor:
        """T_a v_i + b_a, the part of the comparison that no decoder state changes: (batch, time, units)."""
        batch, time, memory_dim = ops.shape(memory)
        keys = self.frame_projection(ops.reshape(memory, (-1, memory_dim)))
        return ops.reshape(keys, (batch, time, self.units))

    def call(
        self,
        state: Tensor,
        memory: Tensor,
        mask: Tensor,
        keys: Tensor = None,
        edits: Sequence[Edit] = (),
        step: Tensor = None,
        due: Tensor = None,
    ) -> tuple[Tensor, Tensor]:
        keys = self.project(memory) if keys is None else keys
        batch, n_queries, state_dim = ops.shape(state)
        # All products are of matrices. TensorFlow 2.16 even corrupts its memory on some (a, b, c, d) x (d, 1) (oneDNN).
        queries = self.state_projection(ops.reshape(state, (batch * n_queries, state_dim)))
        queries = ops.reshape(queries, (batch, n_queries, 1, self.units))
        comparison = ops.tanh(queries + keys[:, None, :, :])
        scores = self.score(ops.reshape(comparison, (-1, self.units)))
        scores = ops.reshape(scores, (batch, n_queries, -1)) + padding_bias(mask)[:, None, :]
        alpha = edited("decoder.alpha", ops.softmax(scores, axis=-1), edits, step)
        context = ops.matmul(alpha, memory)
        return edited("decoder.context", context if due is None else due * context, edits, step), alpha

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


def padding_bias(mask: Tensor) -> Tensor:
    """What to add to the scores so that padding gets no weight: (batch, time), 0 at kept frames.

    It is finite, so that a clip without a single frame gets even weights rather than NaN.
    """
    return ops.where(mask, 0.0, -1e9)
