"""The LSTM, with its gradient written out.

The gates are in Keras' order i, f, g, o, so the weights are those of ``keras.layers.LSTMCell``. In a loop over time
each weight gets one large product after the loop. An automatic gradient makes a product and a sum the size of the
weight at every step.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from topiclens.trainer.tensor import Tensor


class Gates(NamedTuple):
    """What the gradient of a step needs; each (batch, units)."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c_before: Tensor
    tanh_c: Tensor


def lstm_step(z: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Gates]:
    """One step from the gates' inputs z (batch, 4 * units) and the cell state c (batch, units): h, c, Gates."""
    i, f, g, o = ops.split(z, 4, axis=-1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    c_after = f * c + i * g
    tanh_c = ops.tanh(c_after)
    return o * tanh_c, c_after, Gates(i, f, g, o, c, tanh_c)


class SignalGates(NamedTuple):
    """The factors of a signal on its way, as constants; each (batch, units)."""

    written: Tensor  # i tanh(z_g) / z_g, from z_g to c
    kept: Tensor  # f, from the c before to c
    shown: Tensor  # o tanh(c) / c, from c to h


def lstm_signal_step(z: Tensor, c: Tensor) -> tuple[Tensor, Tensor, SignalGates]:
    """`lstm_step` with the signal's factors as constants, so that input times gradient is relevance: the signal takes
    all of it, the gates none (Arras et al. 2017). See `topiclens.trainer.relevance`."""
    i, f, g, o = ops.split(z, 4, axis=-1)
    i, f, o = (ops.stop_gradient(ops.sigmoid(gate)) for gate in (i, f, o))
    written, kept = i * tanh_slope(g), f
    c_after = kept * c + written * g
    shown = o * tanh_slope(c_after)
    return shown * c_after, c_after, SignalGates(written, kept, shown)


def lstm_signal_step_gradient(gates: SignalGates, d_h: Tensor, d_c: Tensor) -> tuple[Tensor, Tensor]:
    """`lstm_step_gradient` of `lstm_signal_step`."""
    d_c = d_c + d_h * gates.shown
    d_g = d_c * gates.written
    nothing = ops.zeros_like(d_g)
    return ops.concatenate([nothing, nothing, d_g, nothing], axis=-1), d_c * gates.kept


def tanh_slope(z: Tensor) -> Tensor:
    """tanh(z) / z as a constant: z times it is tanh(z), and tanh hands its relevance on unchanged."""
    zero = ops.equal(z, 0)
    return ops.stop_gradient(ops.where(zero, 1.0, ops.tanh(z) / ops.where(zero, 1.0, z)))


def lstm_step_gradient(gates: Gates, d_h: Tensor, d_c: Tensor) -> tuple[Tensor, Tensor]:
    """From the gradients by a step's results, h and c, to those by its inputs: z and the c before."""
    i, f, g, o, c_before, tanh_c = gates
    d_c = d_c + d_h * o * (1 - ops.square(tanh_c))
    d_z = [
        d_c * g * i * (1 - i),
        d_c * c_before * f * (1 - f),
        d_c * i * (1 - ops.square(g)),
        d_h * tanh_c * o * (1 - o),
    ]
    return ops.concatenate(d_z, axis=-1), d_c * f


def transposed(weight: Tensor) -> Tensor:
    """(rows, columns) to (columns, rows), done once: TensorFlow folds a plain transpose into every step's product."""
    upper, lower = ops.split(weight, [weight.shape[0] // 2])
    return ops.concatenate([ops.transpose(upper), ops.transpose(lower)], axis=1)


def lstm_over_time(
    inputs: Tensor,
    recurrent_kernel: Tensor,
    keep: Tensor,
    backwards: bool = False,
    step: Callable[..., Any] = lstm_step,
    step_gradient: Callable[..., Any] = lstm_step_gradient,
) -> Tensor:
    """The states of an LSTM that begins at zero.

    Args:
        inputs: (time, batch, 4 * units), the inputs' part of the gates, bias included.
        recurrent_kernel: (units, 4 * units).
        keep: (time, batch, 1) bool; False leaves the state as it is.
        backwards: begins at the last step.
        step, step_gradient: of an ordinary LSTM, or `lstm_signal_step` and its gradient.
    Returns:
        h after each step, (time, batch, units), in the order of time.
    """
    if step is lstm_step and not isinstance(ops.shape(inputs)[0], int):
        return _read_alone(inputs, recurrent_kernel, keep, backwards)

    @ops.custom_gradient
    def recurrence(inputs: Tensor, recurrent_kernel: Tensor) -> tuple[Tensor, Tensor]:
        zeros = ops.zeros((ops.shape(inputs)[1], recurrent_kernel.shape[0]), inputs.dtype)

        def read(state: Any, row: Any) -> tuple[Any, ...]:
            (h, c, *_), (z, kept) = state, row
            next_h, next_c, gates = step(z + ops.matmul(h, recurrent_kernel), c)
            return ops.where(kept, next_h, h), ops.where(kept, next_c, c), h, gates

        nothing = step(ops.zeros_like(inputs[0]), zeros)[2]
        states, _, before, gates = _scan(read, (zeros, zeros, zeros, nothing), (inputs, keep), backwards)

        def gradient(*args: Any, upstream: Tensor = None) -> tuple[Tensor, Tensor]:
            (d_states,) = args if upstream is None else (upstream,)
            transposed_kernel = transposed(recurrent_kernel)

            def read_back(state: Any, row: Any) -> tuple[Tensor, Tensor, Tensor]:
                (d_h, d_c, _), (d_state, gates, kept) = state, row
                d_h = d_h + d_state
                d_z, d_c_before = step_gradient(gates, d_h, d_c)
                d_z = ops.where(kept, d_z, 0.0)
                d_h = ops.matmul(d_z, transposed_kernel) + ops.where(kept, 0.0, d_h)
                return d_h, ops.where(kept, d_c_before, d_c), d_z

            rows = d_states, gates, keep
            *_, d_inputs = _scan(read_back, (zeros, zeros, ops.zeros_like(inputs[0])), rows, not backwards)
            d_inputs, (rows, columns) = _stacked(d_inputs), recurrent_kernel.shape
            d_kernel = ops.matmul(
                ops.transpose(ops.reshape(_stacked(before), (-1, rows))), ops.reshape(d_inputs, (-1, columns))
            )
            return d_inputs, d_kernel

        return _stacked(states), gradient

    # A custom gradient wants tensors; a reshape makes one of a variable without copying it.
    return recurrence(inputs, ops.reshape(recurrent_kernel, recurrent_kernel.shape))


def _read_alone(inputs: Tensor, recurrent_kernel: Tensor, keep: Tensor, backwards: bool) -> Tensor:
    """``lstm_over_time`` in a served model: nothing is kept for a gradient."""

    def read(state: Any, t: Tensor) -> tuple[Any, Any]:
        h, c = state
        next_h, next_c, _ = lstm_step(inputs[t] + ops.matmul(h, recurrent_kernel), c)
        state = ops.where(keep[t], next_h, h), ops.where(keep[t], next_c, c)
        return state, state

    zeros = ops.zeros((ops.shape(inputs)[1], recurrent_kernel.shape[0]), inputs.dtype)
    _, (states, _) = ops.scan(read, (zeros, zeros), ops.arange(ops.shape(inputs)[0]), reverse=backwards)
    return states


def _scan(read: Callable[..., Any], state: Any, rows: Any, backwards: bool) -> Any:
    """Every state that ``read`` makes of the one before and a row, in the order of the rows.

    Where the number of rows is known the loop is unrolled, and each part of the states is a list. Only in TensorFlow
    can it be unknown.
    """
    time = ops.shape(rows[0])[0]
    if not isinstance(time, int):
        import tensorflow as tf

        return tf.scan(read, rows, state, reverse=backwards)
    rows = [part if isinstance(part, list) else ops.unstack(part, time) for part in rows]
    states = [None] * time
    for t in range(time)[::-1] if backwards else range(time):
        state = states[t] = read(state, [part[t] for part in rows])
    return [list(part) for part in zip(*states)]


def _stacked(parts: Tensor | list[Tensor]) -> Tensor:
    return ops.stack(parts) if isinstance(parts, list) else parts
