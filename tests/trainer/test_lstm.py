"""The LSTM whose gradient is written out, against TensorFlow's automatic gradient of the same steps."""

import numpy as np
import pytest
import tensorflow as tf

from topiclens.trainer.lstm import lstm_over_time, lstm_step

TIME, BATCH, UNITS = 5, 3, 4


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    keep = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1]], bool).T[:, :, None]
    inputs, kernel = rng.normal(size=(TIME, BATCH, 4 * UNITS)), rng.normal(size=(UNITS, 4 * UNITS))
    return tf.constant(inputs, tf.float32), tf.constant(kernel, tf.float32), tf.constant(keep)


def step_by_step(inputs, kernel, keep, backwards):
    h = c = tf.zeros((BATCH, UNITS))
    states = [None] * TIME
    for t in range(TIME)[::-1] if backwards else range(TIME):
        next_h, next_c, _ = lstm_step(inputs[t] + h @ kernel, c)
        h, c = tf.where(keep[t], next_h, h), tf.where(keep[t], next_c, c)
        states[t] = h
    return tf.stack(states)


@pytest.mark.parametrize("backwards", [False, True])
def test_states_and_gradients_are_those_of_the_plain_loop(case, backwards):
    inputs, kernel, keep = case
    weights = tf.constant(np.random.default_rng(1).normal(size=(TIME, BATCH, UNITS)), tf.float32)
    results = []
    for function in (lstm_over_time, step_by_step):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel])
            states = function(inputs, kernel, keep, backwards)
            loss = tf.reduce_sum(states * weights)
        results.append([states, *tape.gradient(loss, [inputs, kernel])])
    for ours, automatic in zip(*results):
        np.testing.assert_allclose(ours, automatic, atol=1e-5)


def test_a_state_that_is_not_kept_neither_moves_nor_learns(case):
    inputs, kernel, keep = case
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        states = lstm_over_time(inputs, kernel, keep)
    np.testing.assert_array_equal(states[3, 1], states[2, 1])
    assert not tape.gradient(states, inputs).numpy()[~keep.numpy()[..., 0]].any()
