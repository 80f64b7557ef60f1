"""The figures of neurons on cases worked out by hand, and against second derivations."""

import numpy as np
import pytest

from topiclens.components.neurons import figures
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.neurons.pdm import Perceptron


def test_auc_is_the_share_of_pairs_in_the_right_order():
    scores, present = np.array([[0.1], [0.4], [0.4], [0.9]]), np.array([[0], [1], [0], [1]])
    # Pairs with, without: .4 > .1, .4 = .4 (a half), .9 > .1, .9 > .4: 3.5 of 4.
    assert figures.roc_auc(scores, present) == [[0.875]]


def test_auc_of_all_detectors_and_topics_at_once_is_that_of_counting_pairs():
    rng = np.random.default_rng(0)
    scores, present = rng.integers(5, size=(20, 3)).astype(float), rng.random((20, 4)) < 0.4
    for (detector, topic), auc in np.ndenumerate(figures.roc_auc(scores, present)):
        high, low = scores[present[:, topic], detector], scores[~present[:, topic], detector]
        assert auc == pytest.approx(np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low)))


def test_auc_is_unknown_where_a_topic_is_everywhere_or_nowhere():
    assert np.isnan(figures.roc_auc(np.arange(3.0)[:, None], np.array([[0, 1]] * 3))).all()


def test_average_precision_by_hand():
    # In falling order: hit, miss, hit: precision 1 at the first half of the recall, 2/3 at the second.
    assert figures.average_precision(np.array([3.0, 2, 1]), [1, 0, 1]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # Tied scores are taken together: the share of hits.
    assert figures.average_precision(np.zeros(4), [1, 0, 0, 0]) == 0.25
    assert np.isnan(figures.average_precision(np.zeros(2), [0, 0]))


def test_selectivity_by_hand():
    # Activations 0.5 and -0.5 become 0.75 and 0.25: (0.75 - 0.25) / (0.75 + 0.25).
    assert figures.selectivity(np.array([[0.5], [-0.5]]), np.array([[1], [0]])) == [[0.5]]


def test_gini_by_hand():
    assert figures.gini([2, 2, 2]) == 0
    assert figures.gini([0, 0, 0, -7]) == pytest.approx(0.75)
    assert figures.gini([1, 3]) == pytest.approx(0.25)
    assert figures.gini([0, 0]) == 0


def test_impurity_by_hand():
    oracle = np.array([[1, 0.5], [0.5, 1]])
    assert figures.oracle_impurity(oracle, oracle) == 0
    assert figures.oracle_impurity(1 - oracle, oracle) == 0  # a neuron that says the reverse says the same
    # Two neurons that each know both topics: the differences are 0.5 twice; 2 / 2 * sqrt(0.25 + 0.25).
    assert figures.oracle_impurity(np.ones((2, 2)), oracle) == pytest.approx(np.sqrt(0.5))


def random_f(rng, neurons=6, units=9, topics=3):
    shapes = (neurons, units), (units,), (units, topics), (topics,)
    return Perceptron(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def test_drops_are_those_of_running_f_on_what_is_left():
    rng = np.random.default_rng(0)
    f, mean = random_f(rng), rng.normal(size=(4, 6)).astype(np.float32)
    pairs, order = np.array([[0, 1], [2, 0], [3, 2]]), np.array([[5, 1, 0], [2, -1, -1], [3, 4, -1]])
    drops = figures.score_drops(mean, pairs, order, f)
    for (video, topic), neurons, row in zip(pairs, order, drops):
        left = mean[video].copy()
        for step, neuron in enumerate([None, *neurons]):
            if neuron is not None and neuron >= 0:
                left[neuron] = 0
            assert row[step] == pytest.approx(f(mean[video])[topic] - f(left)[topic], abs=1e-5)


def test_gradient_times_input_is_the_slope():
    rng = np.random.default_rng(1)
    f, mean = random_f(rng), rng.normal(size=(2, 6)).astype(np.float32)
    (row,) = figures.gradient_times_input(mean, np.array([[1, 2]]), f)
    for neuron in range(6):
        step = np.zeros(6, np.float32)
        step[neuron] = 1e-3
        slope = (f(mean[1] + step)[2] - f(mean[1] - step)[2]) / 2e-3
        assert row[neuron] == pytest.approx(mean[1, neuron] * slope, abs=2e-3)


def planted():
    """Topic 0 is neuron 2, topic 1 is minus neuron 0, topic 2 has no neuron; f reads just these."""
    rng = np.random.default_rng(2)
    present = rng.random((60, 3)) < 0.4
    mean = rng.uniform(-0.05, 0.05, (60, 4)).astype(np.float32)
    mean[:, 2] = np.where(present[:, 0], 0.8, 0.0)
    mean[:, 0] = np.where(present[:, 1], -0.6, 0.0)
    hidden = np.zeros((4, 2), np.float32)
    hidden[2, 0], hidden[0, 1] = 1, -1
    f = Perceptron(hidden, np.zeros(2, np.float32), np.eye(2, 3, dtype=np.float32), np.zeros(3, np.float32))
    topics = [
        TopicLink(0, "road", (), None, 9, (LinkedNeuron(2, 9, 0.8, 0.8),)),
        TopicLink(1, "man", (), None, 9, (LinkedNeuron(0, 9, 0.6, -0.6),)),
        TopicLink(2, "sea", (), None, 9, ()),
    ]
    return mean, present, TopicLinks(tuple(topics), 4), f


def test_planted_neurons_are_perfect_detectors():
    mean, present, links, f = planted()
    found = figures.measure_neurons(mean, present, links, f, rng=np.random.default_rng(0))
    assert (found.topics, found.linked_topics, found.detectors) == (3, 2, 2)
    assert [row.auc for row in found.by_topic] == [1, 1, 0.5]
    assert [row.average_precision for row in found.by_topic] == pytest.approx([1, 1, present[:, 2].mean()])
    assert found.auc == pytest.approx(2.5 / 3)
    # One neuron is taken out: the drops are 0 and 0.8, 0 and 0.6.
    assert [row.deletion for row in found.by_topic] == pytest.approx([0.4, 0.3, 0])
    assert found.deletion == pytest.approx(found.deletion_gradient) and found.deletion_random < found.deletion
    assert found.purity == pytest.approx(1, abs=1e-9)


def test_figures_are_the_same_for_the_same_seed_and_are_json():
    mean, present, links, f = planted()
    one, two = (figures.measure_neurons(mean, present, links, f, rng=np.random.default_rng(3)) for _ in range(2))
    assert one == two and one.by_topic[0].id == 0


@pytest.mark.parametrize("everywhere", (False, True))
def test_without_a_topic_to_detect_nothing_is_claimed(everywhere):
    mean, present, links, f = planted()
    found = figures.measure_neurons(mean, np.full_like(present, everywhere), links, f, rng=np.random.default_rng(0))
    assert (found.topics, found.detectors, found.by_topic) == (0, 0, ())
    assert found.auc is found.deletion is found.deletion_random is found.purity is None
