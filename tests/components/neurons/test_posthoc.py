"""f fitted on frozen activations."""

import numpy as np

from topiclens.components.neurons.study import fit_perceptron


def case(seed=0, videos=1500):
    """Topics that are the sign of one neuron each."""
    mean = np.random.default_rng(seed).uniform(-1, 1, (videos, 5)).astype(np.float32)
    return mean, (mean[:, :3] > 0).astype(np.int64)


def test_it_learns_topics_that_the_neurons_hold_and_holds_them_on_other_videos():
    f = fit_perceptron(*case(), seed=0, units=64)
    mean, topics = case(seed=1)
    assert np.mean((f(mean) > 0.5) == topics) > 0.93


def test_topics_that_the_neurons_do_not_hold_are_not_learnt():
    mean, topics = case()
    f = fit_perceptron(mean, np.random.default_rng(2).permutation(topics), seed=0, units=64)
    other, truth = case(seed=1)
    assert np.mean((f(other) > 0.5) == truth) < 0.65


def test_the_seed_decides():
    mean, topics = case(videos=60)
    one, two, other = (fit_perceptron(mean, topics, seed=seed, units=8, epochs=2) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.hidden, two.hidden)
    np.testing.assert_array_equal(one.score, two.score)
    assert not np.allclose(one.hidden, other.hidden)
