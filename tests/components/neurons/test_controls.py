"""The controls learn from the training videos alone, and are as good as they can be."""

import functools

import numpy as np
import pytest

from topiclens.components.neurons import controls
from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks


def case(seed, videos=300):
    """Topic 0 is value 1 turned round, topic 1 the sum of values 2 and 3; value 0 is noise that varies most."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(videos, 5)) * [50, 1, 1, 1, 1]
    topics = np.stack([values[:, 1] < -0.5, values[:, 2] + values[:, 3] > 1], axis=1).astype(int)
    return values, topics


def test_random_names_leave_no_neuron_with_its_topic():
    neurons = np.arange(10) + 100
    for seed in range(20):
        renamed = controls.random_names(neurons, np.random.default_rng(seed))
        assert sorted(renamed) == sorted(neurons) and not np.any(renamed == neurons)


def test_the_best_feature_is_chosen_by_training_whatever_its_scale_and_sign():
    values, topics = case(0)
    scores = controls.best_feature(values, topics)(values)
    np.testing.assert_array_equal(scores[:, 0], -values[:, 1])


def test_the_linear_map_is_the_regression_of_the_definition():
    values, topics = case(0)
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    # Ridge regression is least squares with a row more for every weight.
    rows = np.vstack([z, np.sqrt(len(z)) * np.eye(5)])
    weights = np.linalg.lstsq(rows, np.vstack([topics - topics.mean(axis=0), np.zeros((5, 2))]), rcond=None)[0]
    np.testing.assert_allclose(controls.linear_map(values, topics)(values), z @ weights, atol=1e-8)


def test_a_probe_takes_the_neurons_that_differ_most_and_adds_them_up():
    (values, topics), (other, truth) = case(0), case(1)
    for k, least in ((1, 0.7), (2, 0.95)):
        scores = controls.sparse_probe(values, topics, k)(other)
        assert np.mean((scores > 0) == truth, axis=0)[1] > least
    one = controls.sparse_probe(values, topics, 1)(other)
    assert np.corrcoef(one[:, 0], other[:, 1])[0, 1] == pytest.approx(-1)


def test_training_videos_are_scored_by_fits_that_have_not_seen_them():
    rng = np.random.default_rng(0)
    values, topics = rng.normal(size=(40, 60)), rng.integers(2, size=(40, 1))
    fit = functools.partial(controls.linear_map, ridge=1e-3)  # learns by heart
    known, _ = controls.scored(fit, values, topics, values)
    by_heart = fit(values, topics)(values)
    assert np.mean((by_heart > 0) == topics) == 1 and np.mean((known > 0) == topics) < 0.75


def test_all_controls_are_measured_on_the_topics_that_occur():
    (values, topics), (other, truth) = case(0), case(1)
    seen, held_out = (MeanActivations((), v, v[:, ::-1], t) for v, t in ((values, topics), (other, truth)))
    links = TopicLinks(
        (TopicLink(0, "a", (), None, 9, (LinkedNeuron(3, 9, 1, 1),)), TopicLink(1, "b", (), None, 9, ())), 5
    )
    found = controls.measure_controls(seen, held_out, links, np.array([0]), np.random.default_rng(0))
    assert found["random_names"].auc == 0.5  # the first topic has the second's, which has none
    assert found["best_feature"].f1 > 0.95 and found["sparse_1"].f1 > 0.95 and found["linear_map"].auc > 0.95
