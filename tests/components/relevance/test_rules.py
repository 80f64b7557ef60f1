"""The rules, and a step of the LSTM, against matrices of relevance that are filled in number by number."""

import numpy as np
import pytest

from topiclens.components.relevance import rules
from topiclens.components.relevance.lstm import Lstm

EPSILON = 0.05  # large enough to be seen


def stabilised(z):
    return z + EPSILON * (1 if z >= 0 else -1)


@pytest.mark.parametrize("seed", range(3))
def test_the_linear_rule_is_its_matrix(seed):
    rng = np.random.default_rng(seed)
    x, kernel, bias, relevance = (rng.normal(size=shape) for shape in ((4,), (4, 6), (6,), (2, 6)))
    z = x @ kernel + bias
    matrix = np.array([[x[i] * kernel[i, j] / stabilised(z[j]) for i in range(4)] for j in range(6)])
    of_bias = np.array([bias[j] / stabilised(z[j]) for j in range(6)])
    inputs, taken = rules.linear(x, kernel, bias, z, relevance, EPSILON)
    np.testing.assert_allclose(inputs, relevance @ matrix)
    np.testing.assert_allclose(taken, relevance @ of_bias)


def test_what_a_linear_layer_hands_on_and_its_bias_takes_is_what_came_but_for_epsilon():
    rng = np.random.default_rng(0)
    x, kernel, bias, relevance = (rng.normal(size=shape) for shape in ((4,), (4, 6), (6,), (2, 6)))
    inputs, taken = rules.linear(x, kernel, bias, x @ kernel + bias, relevance)
    np.testing.assert_allclose(inputs.sum(axis=1) + taken, relevance.sum(axis=1), rtol=1e-6)


def test_an_output_of_zero_gives_nothing_rather_than_nan():
    np.testing.assert_array_equal(rules.shares(np.zeros((1, 2)), np.zeros(2)), [[0, 0]])


def step_matrix(cell, step, n_inputs):
    """(2 * units, inputs + 2 * units): from the relevance of [h_t, c_t] to that of [x_t, h_{t-1}, c_{t-1}]."""
    units = cell.units
    matrix = np.zeros((2 * units, n_inputs + 2 * units))
    for j in range(units):
        for row in (j, units + j):  # all that h_j has goes to c_j
            written = step.written[j] / stabilised(step.c[j])
            for i in range(n_inputs + units):
                share = step.inputs[i] * cell.kernel[i, 2 * units + j] / stabilised(step.z_g[j])
                matrix[row, i] = written * share
            matrix[row, n_inputs + units + j] = step.kept[j] / stabilised(step.c[j])
    return matrix


@pytest.mark.parametrize("seed", range(3))
def test_an_lstm_read_backwards_is_the_product_of_its_steps_matrices(seed):
    rng = np.random.default_rng(seed)
    n_inputs, units, time = 3, 4, 5
    cell = Lstm(rng.normal(size=(n_inputs + units, 4 * units)), rng.normal(size=4 * units))
    steps = cell.read(rng.normal(size=(time, n_inputs)))
    relevance = rng.normal(size=(2, time, units))
    expected, state = np.zeros((2, time, n_inputs)), np.zeros((2, 2 * units))
    for t in reversed(range(time)):
        state[:, :units] += relevance[:, t]
        behind = state @ step_matrix(cell, steps[t], n_inputs)
        expected[:, t], state = behind[:, :n_inputs], behind[:, n_inputs:]
    np.testing.assert_allclose(cell.read_back(steps, relevance, EPSILON)[0], expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_an_lstm_keeps_all_relevance(seed):
    rng = np.random.default_rng(seed)
    cell = Lstm(rng.normal(size=(7, 16)), rng.normal(size=16))
    steps = cell.read(rng.normal(size=(6, 3)))
    relevance = rng.normal(size=(2, 6, 4))
    rows, taken = cell.read_back(steps, relevance)
    np.testing.assert_allclose(rows.sum(axis=(1, 2)) + taken, relevance.sum(axis=(1, 2)), rtol=1e-5)


def test_a_state_is_explained_by_no_later_row():
    rng = np.random.default_rng(0)
    cell = Lstm(rng.normal(size=(7, 16)), rng.normal(size=16))
    relevance = np.zeros((1, 6, 4))
    relevance[0, 2] = 1
    rows, _ = cell.read_back(cell.read(rng.normal(size=(6, 3))), relevance)
    assert np.all(rows[0, :3] != 0) and not rows[0, 3:].any()
