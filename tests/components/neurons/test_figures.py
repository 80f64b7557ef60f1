"""The figures of neurons on cases worked out by hand, and against second derivations."""

import dataclasses
import json

import numpy as np
import pytest

from topiclens.components.neurons import figures
from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.detection import METRICS, roc_auc
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.neurons.pdm import Perceptron
from topiclens.schemas.plain import to_plain


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


def activations(mean, present):
    return MeanActivations(tuple(map(str, range(len(mean)))), mean[:, ::-1].copy(), mean, present.astype(int))


def planted(seed=2):
    """Topic 0 is neuron 2, topic 1 is minus neuron 0, topic 2 has no neuron; f reads just these. Neuron 3, the first of
    the frame features, is noise."""
    rng = np.random.default_rng(seed)
    present = rng.random((60, 3)) < 0.4
    mean = rng.uniform(-0.05, 0.05, (60, 4)).astype(np.float32)
    mean[:, 2] = np.where(present[:, 0], 0.8, 0.0)
    mean[:, 0] = np.where(present[:, 1], -0.6, 0.0)
    hidden = np.zeros((4, 2), np.float32)
    hidden[2, 0], hidden[0, 1] = 1, -1
    f = Perceptron(hidden, np.zeros(2, np.float32), np.eye(2, 3, dtype=np.float32), np.zeros(3, np.float32))
    topics = [
        TopicLink(0, "road", (), None, 9, (LinkedNeuron(2, 9, 0.8, 0.8),)),
        TopicLink(1, "man", (), None, 9, (LinkedNeuron(0, 9, 0.6, -0.6), LinkedNeuron(3, 1, 0.1, 0.1))),
        TopicLink(2, "sea", (), None, 9, ()),
    ]
    return activations(mean, present), TopicLinks(tuple(topics), 4), f


def measured(present=None, seed=0):
    (seen, links, f), (held_out, _, _) = planted(), planted(seed=3)
    if present is not None:
        held_out = dataclasses.replace(held_out, topics=np.full_like(held_out.topics, present))
    return figures.measure_neurons(seen, held_out, links, f, rng=np.random.default_rng(seed)), held_out


def test_planted_neurons_are_perfect_detectors():
    found, held_out = measured()
    assert (found.topics, found.linked_topics, found.detectors) == (3, 2, 2)
    for name in METRICS[:3] + METRICS[4:]:
        assert [getattr(row.top, name) for row in found.by_topic[:2]] == pytest.approx([1, 1])
    # One neuron is taken out of the first topic: the drops are 0 and 0.8; the second's other one is nothing to f.
    assert [row.deletion for row in found.by_topic] == pytest.approx([0.4, 0.4, 0], abs=1e-6)
    assert found.deletion == pytest.approx(found.deletion_gradient) and found.deletion_random < found.deletion
    assert found.purity == pytest.approx(1, abs=1e-9)


def test_a_topic_without_a_neuron_counts_as_chance():
    found, held_out = measured()
    share, chance = held_out.topics[:, 2].mean(), found.by_topic[2]
    assert (chance.neurons, chance.auc, chance.pearson, chance.selectivity) == (0, 0.5, 0, 0)
    # It says of every video that the topic is there.
    assert chance.average_precision == pytest.approx(share) and chance.iou == pytest.approx(share)
    assert chance.f1 == pytest.approx(2 * share / (1 + share)) and chance.cosine == pytest.approx(np.sqrt(share))
    assert chance.top == chance.__class__.__base__(*(getattr(chance, name) for name in METRICS))


def test_all_linked_neurons_are_averaged_and_the_top_voted_one_shown_apart():
    found, held_out = measured()
    road, man, _ = found.by_topic
    assert road.auc == road.top.auc == man.top.auc == 1
    noise = roc_auc(held_out.mean[:, [3]], held_out.topics[:, [1]]).item()
    assert man.auc == pytest.approx((1 + noise) / 2) or man.auc == pytest.approx((1 + 1 - noise) / 2)
    assert found.top.auc == pytest.approx((1 + 1 + 0.5) / 3) and found.auc < found.top.auc


def test_figures_are_the_same_for_the_same_seed_and_are_json():
    one, two = measured(seed=3)[0], measured(seed=3)[0]
    assert one == two and one.by_topic[0].id == 0
    told = json.loads(json.dumps(to_plain(one)))
    assert told["top"]["f1"] == one.top.f1 and set(told["controls"]) >= {"random_names", "linear_map"}


@pytest.mark.parametrize("everywhere", (False, True))
def test_without_a_topic_to_detect_nothing_is_claimed(everywhere):
    found, _ = measured(present=everywhere)
    assert (found.topics, found.detectors, found.by_topic) == (0, 0, ())
    assert found.auc is found.f1 is found.top.iou is found.deletion is found.deletion_random is found.purity is None
    assert found.controls["random_names"].f1 is None
