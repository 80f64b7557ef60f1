"""Relevance through the model: the LSTM's rule in matrices, batches and single clips, an encoder of one's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.trainer import encoders
from topiclens.trainer.encoders import Encoder
from topiclens.trainer.lstm import lstm_over_time, lstm_signal_step, lstm_signal_step_gradient, lstm_step, tanh_slope
from topiclens.trainer.relevance import propagate_relevance, traced_propagation

UNITS, DIM, TIME = 4, 3, 5


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def weights(seed):
    rng = np.random.default_rng(seed)
    shapes = (DIM, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,), (TIME, DIM), (2, TIME, UNITS)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def propagated(kernel, recurrent_kernel, bias, rows, relevance, known_time):
    """Input times gradient: from relevance (scores, time, units) to that of the rows (scores, time, inputs)."""

    def through(rows, relevance):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            inputs = tf.transpose(tf.tensordot(rows, kernel, 1) + bias, (1, 0, 2))
            keep = tf.ones_like(inputs[:, :, :1], tf.bool)
            step = lstm_signal_step, lstm_signal_step_gradient
            states = tf.transpose(lstm_over_time(inputs, recurrent_kernel, keep, False, *step), (1, 0, 2))
        return rows * tape.gradient(states, rows, tf.math.divide_no_nan(relevance, states))

    rows = tf.constant(np.tile(rows, (len(relevance), 1, 1)))
    if not known_time:
        through = tf.function(through, [tf.TensorSpec([None, None, DIM]), tf.TensorSpec([None, None, UNITS])])
    return through(rows, tf.constant(relevance)).numpy()


def by_matrices(kernel, recurrent_kernel, bias, rows, relevance):
    """The same by matrices of the epsilon rule, epsilon being 0, filled in number by number (Arras et al. 2017)."""
    signal, h, c, matrices = slice(2 * UNITS, 3 * UNITS), np.zeros(UNITS), np.zeros(UNITS), []
    for x in rows:
        inputs, weight = np.concatenate([x, h]), np.concatenate([kernel, recurrent_kernel])
        z_i, z_f, z_g, z_o = np.split(inputs @ weight + bias, 4)
        kept, written = sigmoid(z_f) * c, sigmoid(z_i) * np.tanh(z_g)
        c = kept + written
        h = sigmoid(z_o) * np.tanh(c)
        matrix = np.zeros((2 * UNITS, DIM + 2 * UNITS))  # from [h_t, c_t] to [x_t, h_{t-1}, c_{t-1}]
        for j in range(UNITS):
            for row in (j, UNITS + j):  # all that h_j has goes to c_j
                for i in range(DIM + UNITS):
                    matrix[row, i] = written[j] / c[j] * inputs[i] * weight[:, signal][i, j] / z_g[j]
                matrix[row, DIM + UNITS + j] = kept[j] / c[j]
        matrices.append(matrix)
    found, state = np.zeros((len(relevance), TIME, DIM)), np.zeros((len(relevance), 2 * UNITS))
    for t in reversed(range(TIME)):
        state[:, :UNITS] += relevance[:, t]
        behind = state @ matrices[t]
        found[:, t], state = behind[:, :DIM], behind[:, DIM:]
    return found


@pytest.mark.parametrize("known_time", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_an_lstm_read_backwards_is_the_product_of_its_steps_matrices(seed, known_time):
    expected = by_matrices(*weights(seed))
    np.testing.assert_allclose(propagated(*weights(seed), known_time), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_an_lstm_without_biases_keeps_all_relevance(seed):
    kernel, recurrent_kernel, bias, rows, relevance = weights(seed)
    rows = propagated(kernel, recurrent_kernel, 0 * bias, rows, relevance, True)
    np.testing.assert_allclose(rows.sum(axis=(1, 2)), relevance.sum(axis=(1, 2)), rtol=1e-4, atol=1e-4)


def test_a_state_is_explained_by_no_later_row():
    *cell, relevance = weights(0)
    relevance = np.zeros_like(relevance)
    relevance[:, 2] = 1
    rows = propagated(*cell, relevance, True)
    assert np.all(rows[:, :3] != 0) and not rows[:, 3:].any()


def test_holding_gates_fast_changes_no_value():
    rng = np.random.default_rng(0)
    z, c = rng.normal(size=(6, 4 * UNITS)), rng.normal(size=(6, UNITS))
    for held, free in zip(lstm_signal_step(z, c)[:2], lstm_step(z, c)[:2]):
        np.testing.assert_allclose(held, free, rtol=1e-6)
    np.testing.assert_array_equal(tanh_slope(np.array([0.0, 1e-30, 80.0])), [1, 1, 1 / 80])


@pytest.mark.parametrize("trace", [False, True])
def test_each_clip_of_a_batch_is_explained_as_if_alone(trace):
    model, rng = tiny_captioner(skip=True), np.random.default_rng(0)
    propagate = traced_propagation(model) if trace else propagate_relevance
    frames, words = rng.normal(size=(4, 6, TINY["feature_dim"])).astype(np.float32), np.zeros((4, 5), np.int32)
    frames[1, [0, 3]] = frames[2, 2:] = 0
    words[0], words[1, :2], words[2, :1] = [5, 3, 8, 3, 2], [4, 2], [6]  # and a caption without a word
    together = propagate(model, frames, words)
    for i, count in enumerate((5, 2, 1, 0)):
        if count:
            alone = propagate_relevance(model, frames[i : i + 1], words[i : i + 1, :count])
        for name, value in together.items():
            assert not value[i, count:].numpy().any()
            if count:
                value = value[i, :count, :count] if name == "previous" else value[i, :count]
                np.testing.assert_allclose(value, alone[name][0], rtol=1e-4, atol=1e-5, err_msg=name)


@keras.saving.register_keras_serializable("tests")
class RunningMean(Encoder):
    """The mean of the frames so far, and one layer: an encoder without a recurrence or a gate."""

    def build(self, frames_shape):
        super().build(frames_shape)
        self.layer = keras.layers.Dense(self.n_neurons)
        self.layer.build(frames_shape)

    def read(self, frames, mask):
        seen = ops.cumsum(ops.cast(mask, "float32"), axis=1)[:, :, None]
        return self.layer(ops.cumsum(frames, axis=1) / ops.maximum(seen, 1.0))


@pytest.mark.parametrize("skip", [False, True])
def test_an_encoder_of_ones_own_is_explained_without_a_word_of_its_own(skip):
    encoders.register_encoder(f"running mean {skip}", lambda config: RunningMean(6, skip, name="encoder"))
    model = tiny_captioner(encoder=f"running mean {skip}", skip=skip)
    frames = np.random.default_rng(0).normal(size=(1, 6, TINY["feature_dim"])).astype(np.float32)
    frames[0, 2] = 0
    found = {
        name: value[0].numpy() for name, value in propagate_relevance(model, frames, np.int32([[5, 3, 2]])).items()
    }
    explained = found["features"].sum((1, 2)) + found["previous"].sum(1) + found["decoder_bias"] + found["encoder_bias"]
    np.testing.assert_allclose(explained, found["scores"], rtol=1e-4)
    assert not found["features"][:, 2].any() and np.abs(found["features"]).min(axis=(0, 2))[[0, 1, 3, 4, 5]].all()
    # A linear encoder hands a neuron's relevance to what it is the mean of; its biases take the rest.
    kernel, bias = model.encoder.layer.get_weights()
    v = np.asarray(model.encode(frames)["v"])[0]
    taken = (found["neurons"] / np.where(v == 0, 1, v) * bias).sum((1, 2))
    np.testing.assert_allclose(found["encoder_bias"], taken, rtol=1e-3, atol=1e-4)
