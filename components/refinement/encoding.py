"""The encoder and its gradient outside Keras: plain arrays, for a few videos at a time.

A refinement takes some hundred gradients of one to a few dozen videos. To build TensorFlow's graph of one takes longer
than to compute all of them here, and its threads wait for each other at every one of a thousand small products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from topiclens.schemas.records import frame_mask

# The gradient of a loss with respect to v, (videos, time, neurons), to that with respect to the weights.
Backward = Callable[[np.ndarray], list[np.ndarray]]


def encoded(weights: Sequence[np.ndarray], frames: np.ndarray) -> tuple[np.ndarray, Backward]:
    """What `topiclens.trainer.bilstm_encoder.BiLstmEncoder` makes of frames, and how a gradient goes back through it.

    Args:
        weights: of the encoder, in its order: kernel (feature_dim, 4 * units), recurrent kernel (units, 4 * units) and
            bias (4 * units,) of the direction that reads forwards, then of the other; gates in the order i, f, g, o.
        frames: (videos, time, feature_dim) float32, all-zero rows at padding.
    Returns:
        v (videos, time, 2 * units) float32, zero at padding; and the gradient, which gives one array a weight.
    """
    mask = frame_mask(frames)
    keep = mask.T[:, :, None]  # time first: a step is then one piece of memory
    rows = np.ascontiguousarray(np.swapaxes(frames, 0, 1)).reshape(-1, frames.shape[2])
    time = range(frames.shape[1])
    ahead, back = (
        _direction(rows, keep, *weights[first : first + 3], order)
        for first, order in ((0, list(time)), (3, list(reversed(time))))
    )
    v = np.swapaxes(np.concatenate([ahead[0], back[0]], axis=-1) * keep, 0, 1)

    def backward(d_v: np.ndarray) -> list[np.ndarray]:
        d_states = np.split(np.swapaxes(d_v, 0, 1) * keep, 2, axis=-1)
        return [*ahead[1](d_states[0]), *back[1](d_states[1])]

    return v, backward


def _direction(rows: np.ndarray, keep: np.ndarray, kernel, recurrent_kernel, bias, order: Sequence[int]):
    """The states (time, videos, units) of one direction, and their gradient; what is not kept leaves a state alone."""
    time, videos, units = *keep.shape[:2], len(recurrent_kernel)
    inputs = (rows @ kernel + bias).reshape(time, videos, 4 * units)
    h = c = np.zeros((videos, units), inputs.dtype)
    states = np.empty((time, videos, units), inputs.dtype)
    before, gates = np.empty_like(states), {}
    for t in order:
        before[t] = h
        i, f, g, o = np.split(inputs[t] + h @ recurrent_kernel, 4, axis=-1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        new_c = f * c + i * g
        tanh_c = np.tanh(new_c)
        gates[t] = i, f, g, o, c, tanh_c
        h, c = np.where(keep[t], o * tanh_c, h), np.where(keep[t], new_c, c)
        states[t] = h

    def gradient(d_states: np.ndarray) -> list[np.ndarray]:
        d_inputs = np.empty_like(inputs)
        d_h = d_c = np.zeros((videos, units), inputs.dtype)
        for t in reversed(order):
            i, f, g, o, c_before, tanh_c = gates[t]
            d_h = d_h + d_states[t]
            d_new_c = d_c + d_h * o * (1 - tanh_c * tanh_c)
            d_z = (
                d_new_c * g * i * (1 - i),
                d_new_c * c_before * f * (1 - f),
                d_new_c * i * (1 - g * g),
                d_h * tanh_c * o * (1 - o),
            )
            d_inputs[t] = np.where(keep[t], np.concatenate(d_z, axis=-1), 0)
            d_h = d_inputs[t] @ recurrent_kernel.T + np.where(keep[t], 0, d_h)
            d_c = np.where(keep[t], d_new_c * f, d_c)
        flat = d_inputs.reshape(-1, 4 * units)
        return [rows.T @ flat, before.reshape(-1, units).T @ flat, flat.sum(axis=0)]

    return states, gradient


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))
