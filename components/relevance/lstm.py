"""Relevance through an LSTM, backwards in time (Arras et al. 2017).

Where a gate multiplies a signal, the signal takes all the relevance and the gate none. That leaves, of

    z_g = [x_t, h_{t-1}] W_g + b_g,   c_t = f c_{t-1} + i tanh(z_g),   h_t = o tanh(c_t),

a sum and a linear layer, each with the epsilon rule; tanh hands its relevance on unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from topiclens.components.relevance import rules


class Step(NamedTuple):
    """What one step of an LSTM leaves for the way back."""

    inputs: np.ndarray  # (inputs + units,), [x_t, h_{t-1}]
    z_g: np.ndarray  # (units,), what tanh makes the signal of
    kept: np.ndarray  # (units,), f c_{t-1}
    written: np.ndarray  # (units,), i tanh(z_g)
    c: np.ndarray  # (units,)
    h: np.ndarray  # (units,)


class Behind(NamedTuple):
    """The relevance of what a step was made of, for each score."""

    x: np.ndarray  # (scores, inputs)
    h: np.ndarray  # (scores, units), of h_{t-1}
    c: np.ndarray  # (scores, units), of c_{t-1}
    bias: np.ndarray  # (scores,), what b_g took


@dataclass(frozen=True, eq=False)
class Lstm:
    """An LSTM's weights; its gates lie in Keras' order i, f, g, o.

    Attributes:
        kernel: (inputs + units, 4 * units), for [x_t, h_{t-1}].
        bias: (4 * units,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, cell) -> Lstm:
        """The weights of a `keras.layers.LSTMCell`."""
        kernel, recurrent_kernel, bias = (np.asarray(array, np.float64) for array in cell.get_weights())
        return cls(np.concatenate([kernel, recurrent_kernel]), bias)

    @property
    def units(self) -> int:
        return len(self.bias) // 4

    def step(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> Step:
        """One step from x_t (inputs,) and the state before it, two (units,)."""
        inputs = np.concatenate([x, h])
        z_i, z_f, z_g, z_o = np.split(inputs @ self.kernel + self.bias, 4)
        kept, written = _sigmoid(z_f) * c, _sigmoid(z_i) * np.tanh(z_g)
        c = kept + written
        return Step(inputs, z_g, kept, written, c, _sigmoid(z_o) * np.tanh(c))

    def step_back(
        self, step: Step, relevance_h: np.ndarray, relevance_c: np.ndarray, epsilon: float = rules.EPSILON
    ) -> Behind:
        """From the relevance of h_t and of c_t, both (scores, units), to that of what the step was made of."""
        relevance_c = relevance_c + relevance_h  # h_t = o tanh(c_t)
        parts = rules.split_sum(np.stack([step.kept, step.written]), step.c, relevance_c, epsilon)
        before, written = parts[:, 0], parts[:, 1]
        signal = slice(2 * self.units, 3 * self.units)
        inputs, bias = rules.linear(step.inputs, self.kernel[:, signal], self.bias[signal], step.z_g, written, epsilon)
        return Behind(inputs[:, : -self.units], inputs[:, -self.units :], before, bias)

    def read(self, rows: np.ndarray) -> list[Step]:
        """The steps over rows (time, inputs), from a state of zeros."""
        h = c = np.zeros(self.units)
        steps = []
        for x in rows:
            steps.append(self.step(x, h, c))
            h, c = steps[-1].h, steps[-1].c
        return steps

    def read_back(
        self, steps: Sequence[Step], relevance: np.ndarray, epsilon: float = rules.EPSILON
    ) -> tuple[np.ndarray, np.ndarray]:
        """From the relevance of every state h_t, (scores, time, units), to that of the rows that were read.

        Nothing is left in the state it began from: zeros take no relevance.

        Returns:
            (scores, time, inputs), and what the bias took (scores,).
        """
        rows, bias = [], np.zeros(len(relevance))
        h = c = np.zeros((len(relevance), self.units))
        for t in reversed(range(len(steps))):
            x, h, c, taken = self.step_back(steps[t], h + relevance[:, t], c, epsilon)
            rows.append(x)
            bias += taken
        return np.stack(rows[::-1], axis=1), bias


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(z / 2)) / 2  # exp(-z) would overflow
