"""Prediction differences against the literal definition of eq. 9, and on neurons whose topic is known."""

import numpy as np
import pytest

from topiclens.components.neurons.pdm import Perceptron, Tally, prediction_differences, tally
from topiclens.trainer.losses import TopicPerceptron


def random_case(seed=0, videos=30, neurons=11, units=17, n_topics=6):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in ((neurons, units), (units,), (units, n_topics), (n_topics,))]
    f = Perceptron(*(array.astype(np.float32) for array in weights))
    topics = rng.random((videos, n_topics)) < 0.3
    topics[3] = False  # a video without a topic
    return rng.uniform(-1, 1, (videos, neurons)).astype(np.float32), topics, f


@pytest.mark.parametrize("seed", range(3))
def test_the_differences_are_those_of_running_f_without_each_neuron(seed):
    mean, topics, f = random_case(seed)
    pairs = np.argwhere(topics)
    differences = prediction_differences(mean, pairs, f)
    for (video, topic), row in zip(pairs, differences, strict=True):
        for neuron in range(f.n_neurons):
            without = mean[video].copy()
            without[neuron] = 0
            assert row[neuron] == pytest.approx(f(mean[video])[topic] - f(without)[topic], abs=1e-5)


def test_a_neuron_may_be_set_to_another_baseline_than_0():
    mean, topics, f = random_case()
    baseline = np.random.default_rng(9).normal(size=f.n_neurons).astype(np.float32)
    pairs = np.argwhere(topics)
    for (video, topic), row in zip(pairs, prediction_differences(mean, pairs, f, baseline), strict=True):
        for neuron in range(f.n_neurons):
            without = mean[video].copy()
            without[neuron] = baseline[neuron]
            assert row[neuron] == pytest.approx(f(mean[video])[topic] - f(without)[topic], abs=1e-5)


def test_where_all_neurons_are_at_their_baseline_none_is_voted_for():
    _, topics, f = random_case()
    baseline = np.linspace(-1, 1, f.n_neurons, dtype=np.float32)
    counted = tally(np.tile(baseline, (len(topics), 1)), topics, f, baseline)
    assert not counted.votes.any() and counted.videos.sum() == topics.sum()


def test_f_outside_keras_is_f():
    mean, _, _ = random_case()
    f = TopicPerceptron(n_topics=4, units=7)
    f.build(mean.shape)
    f.hidden.bias.assign(np.linspace(-1, 1, 7))
    np.testing.assert_allclose(Perceptron.of(f)(mean), f(mean), atol=1e-6)


def test_planted_neurons_are_found():
    planted = np.array([7, 2, 9, 4])  # the neuron of each topic
    f = Perceptron(np.eye(12, dtype=np.float32)[:, planted], *(np.zeros(4, np.float32), np.eye(4, dtype=np.float32)),
                   np.zeros(4, np.float32))  # fmt: skip
    rng = np.random.default_rng(0)
    topics = rng.random((200, 4)) < 0.4
    mean = rng.uniform(0.1, 1, (200, 12)).astype(np.float32)
    votes = tally(mean, topics, f).votes
    expected = np.zeros_like(votes)
    expected[np.arange(4), planted] = topics.sum(axis=0)
    np.testing.assert_array_equal(votes, expected)


def test_the_tally_counts_one_neuron_for_each_topic_of_each_video():
    mean, topics, f = random_case()
    counted = tally(mean, topics, f)
    np.testing.assert_array_equal(counted.videos, topics.sum(axis=0))
    np.testing.assert_array_equal(counted.votes.sum(axis=1), topics.sum(axis=0))
    for topic in range(f.n_topics):
        rows = mean[topics[:, topic]]
        np.testing.assert_allclose(counted.mean_activations[topic], rows.mean(axis=0), atol=1e-6)


def test_tallies_of_parts_add_up():
    mean, topics, f = random_case()
    parts = [tally(mean[rows], topics[rows], f) for rows in (slice(0, 9), slice(9, 10), slice(10, 30))]
    total, whole = sum(parts, Tally.empty(f.n_topics, f.n_neurons)), tally(mean, topics, f)
    for name in ("votes", "differences", "activations", "videos"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), atol=1e-5)


def test_videos_without_topics_give_an_empty_tally():
    mean, topics, f = random_case()
    assert tally(mean, np.zeros_like(topics), f).votes.sum() == 0


@pytest.mark.parametrize(
    ("pairs", "said"), [([[1, 0], [0, 0]], "not sorted"), ([[0, 6]], "topics 0 to 5"), ([[0, -1]], "topics 0 to 5")]
)
def test_pairs_that_make_no_sense_are_refused(pairs, said):
    mean, _, f = random_case()
    with pytest.raises(ValueError, match=said):
        prediction_differences(mean, np.array(pairs), f)


def test_neurons_of_another_model_are_refused():
    mean, topics, f = random_case()
    with pytest.raises(ValueError, match="expected .videos, 11."):
        tally(mean[:, :5], topics, f)
