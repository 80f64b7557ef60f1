"""The LSTM, with its gradient written out.

The gates lie in Keras' order i, f, g, o, so the weights are those of ``keras.layers.LSTMCell``. Writing the gradient
out lets a loop over time leave the weights alone: each gets one large product after the loop, where an automatic
gradient makes a product and a sum the size of the weight at every step.
"""

from typing import NamedTuple

from keras import ops


class Gates(NamedTuple):
    """What the gradient of a step needs; each (batch, units)."""

    i: object
    f: object
    g: object
    o: object
    c_before: object
    tanh_c: object


def lstm_step(z, c):
    """One step from the gates' inputs z (batch, 4 * units) and the cell state c (batch, units): h, c, Gates."""
    i, f, g, o = ops.split(z, 4, axis=-1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    c_after = f * c + i * g
    tanh_c = ops.tanh(c_after)
    return o * tanh_c, c_after, Gates(i, f, g, o, c, tanh_c)


class SignalGates(NamedTuple):
    """What lets a signal pass, as constants; each (batch, units)."""

    written: object  # i tanh(z_g) / z_g, from z_g to c
    kept: object  # f, from the c before to c
    shown: object  # o tanh(c) / c, from c to h


def lstm_signal_step(z, c):
    """`lstm_step` with all that lets a signal pass held fast, so that input times gradient is relevance: the signal
    takes all of it, the gates none (Arras et al. 2017). See `topiclens.trainer.relevance`."""
    i, f, g, o = ops.split(z, 4, axis=-1)
    i, f, o = (ops.stop_gradient(ops.sigmoid(gate)) for gate in (i, f, o))
    written, kept = i * tanh_slope(g), f
    c_after = kept * c + written * g
    shown = o * tanh_slope(c_after)
    return shown * c_after, c_after, SignalGates(written, kept, shown)


def lstm_signal_step_gradient(gates, d_h, d_c):
    """`lstm_step_gradient` of `lstm_signal_step`."""
    d_c = d_c + d_h * gates.shown
    d_g = d_c * gates.written
    nothing = ops.zeros_like(d_g)
    return ops.concatenate([nothing, nothing, d_g, nothing], axis=-1), d_c * gates.kept


def tanh_slope(z):
    """tanh(z) / z as a constant: where tanh(z) is z times it, tanh hands its relevance on unchanged."""
    zero = ops.equal(z, 0)
    return ops.stop_gradient(ops.where(zero, 1.0, ops.tanh(z) / ops.where(zero, 1.0, z)))


def lstm_step_gradient(gates, d_h, d_c):
    """From the gradients of what a step made, h and c, to those of what it was made of: z and the c before."""
    i, f, g, o, c_before, tanh_c = gates
    d_c = d_c + d_h * o * (1 - ops.square(tanh_c))
    d_z = [
        d_c * g * i * (1 - i),
        d_c * c_before * f * (1 - f),
        d_c * i * (1 - ops.square(g)),
        d_h * tanh_c * o * (1 - o),
    ]
    return ops.concatenate(d_z, axis=-1), d_c * f


def transposed(weight):
    """(rows, columns) to (columns, rows), done once: TensorFlow folds a plain transpose into every step's product."""
    upper, lower = ops.split(weight, [weight.shape[0] // 2])
    return ops.concatenate([ops.transpose(upper), ops.transpose(lower)], axis=1)


def lstm_over_time(inputs, recurrent_kernel, keep, backwards=False, step=lstm_step, step_gradient=lstm_step_gradient):
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
    time = ops.shape(inputs)[0]
    if not isinstance(time, int):
        return _scan(inputs, recurrent_kernel, keep, backwards, step)

    order = range(time)[::-1] if backwards else range(time)
    keeps = ops.unstack(keep, time)

    @ops.custom_gradient
    def unrolled(inputs, recurrent_kernel):
        inputs = ops.unstack(inputs, time)
        h = c = ops.zeros_like(inputs[0][:, : recurrent_kernel.shape[0]])
        before, states, gates = [None] * time, [None] * time, [None] * time
        for t in order:
            before[t] = h
            next_h, next_c, gates[t] = step(inputs[t] + ops.matmul(h, recurrent_kernel), c)
            h, c = ops.where(keeps[t], next_h, h), ops.where(keeps[t], next_c, c)
            states[t] = h

        def gradient(*args, upstream=None):
            (d_states,) = args if upstream is None else (upstream,)
            d_states = ops.unstack(d_states, time)
            transposed_kernel = transposed(recurrent_kernel)
            d_h = d_c = ops.zeros_like(h)
            d_inputs = [None] * time
            for t in reversed(order):
                d_h = d_h + d_states[t]
                d_z, d_c_before = step_gradient(gates[t], d_h, d_c)
                d_inputs[t] = ops.where(keeps[t], d_z, 0.0)
                d_h = ops.matmul(d_inputs[t], transposed_kernel) + ops.where(keeps[t], 0.0, d_h)
                d_c = ops.where(keeps[t], d_c_before, d_c)
            d_inputs = ops.stack(d_inputs)
            rows, columns = recurrent_kernel.shape
            d_kernel = ops.matmul(
                ops.transpose(ops.reshape(ops.stack(before), (-1, rows))), ops.reshape(d_inputs, (-1, columns))
            )
            return d_inputs, d_kernel

        return ops.stack(states), gradient

    # A custom gradient wants tensors; a reshape makes one of a variable without copying it.
    return unrolled(inputs, ops.reshape(recurrent_kernel, recurrent_kernel.shape))


def _scan(inputs, recurrent_kernel, keep, backwards, step):
    """``lstm_over_time`` where the number of steps is not known when the graph is built."""

    def read(state, t):
        h, c = state
        next_h, next_c, _ = step(inputs[t] + ops.matmul(h, recurrent_kernel), c)
        state = ops.where(keep[t], next_h, h), ops.where(keep[t], next_c, c)
        return state, state

    zeros = ops.zeros((ops.shape(inputs)[1], recurrent_kernel.shape[0]), inputs.dtype)
    _, (states, _) = ops.scan(read, (zeros, zeros), ops.arange(ops.shape(inputs)[0]), reverse=backwards)
    return states
