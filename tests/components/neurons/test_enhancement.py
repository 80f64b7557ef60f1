"""Enhancement is what section 4 of the paper defines."""

import numpy as np
import pytest

from tests.components.neurons.test_figures import random_f
from topiclens.components.neurons.enhancement import (
    TOPIC_NEURON_RISE,
    activation_added,
    enhanced,
    enhancement_in,
    enhancement_of,
    named_enhancement,
)
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import tally
from topiclens.components.neurons.settings import ENHANCED_NEURONS
from topiclens.components.topics.table import Topic
from topiclens.trainer.exported import ENHANCEMENT_FILE, EXTRA


def test_a_topics_neurons_get_their_mean_activation_over_the_training_videos_with_it():
    rng = np.random.default_rng(0)
    mean, present = rng.normal(size=(40, 6)).astype(np.float32), rng.random((40, 3)) < 0.5
    counted = tally(mean, present, random_f(rng))
    links = link(counted, [Topic(i, f"topic {i}", (), None, 0.5) for i in range(3)])
    assert links.topic_of()  # otherwise there is nothing to compare
    enhancement = named_enhancement(links)
    for topic in range(3):
        named = [neuron for neuron, of in links.topic_of().items() if of == topic]
        expected = np.where(np.isin(np.arange(6), named), mean[present[:, topic]].mean(axis=0), 0)
        np.testing.assert_allclose(enhancement[topic], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(enhancement_of(links, counted, "named"), enhancement, rtol=1e-6)


def test_topics_add_up_each_by_its_strength():
    enhancement = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(activation_added(enhancement, {0: 2, 2: -1}), [-4, -3])
    assert not activation_added(enhancement, {}).any()
    over_time = activation_added(enhancement, {0: np.array([1, 0, 2]), 2: -1})
    each = [activation_added(enhancement, {0: strength, 2: -1}) for strength in (1, 0, 2)]
    np.testing.assert_array_equal(over_time, each)
    for topic in (3, -1):
        with pytest.raises(ValueError, match=f"no topic {topic}: the model knows the topics 0 to 2"):
            activation_added(enhancement, {topic: 1.0})


def test_only_real_frames_are_enhanced():
    v = np.array([[[0.1, 0.2], [0.3, 0.4], [0, 0]], [[0.5, 0.6], [0, 0], [0, 0]]])
    mask = np.array([[True, True, False], [True, False, False]])
    np.testing.assert_allclose(
        enhanced(v, mask, np.array([[1, 0], [0, -1]])),
        [[[1.1, 0.2], [1.3, 0.4], [0, 0]], [[0.5, -0.4], [0, 0], [0, 0]]],
    )


def test_more_neurons_can_be_tied_to_a_topic_by_what_sets_its_videos_apart():
    rng = np.random.default_rng(1)
    mean, present = rng.normal(size=(60, 6)).astype(np.float32), rng.random((60, 4)) < 0.4
    present[:, 3] = False  # a topic that occurs nowhere is not enhanced by anything
    counted = tally(mean, present, random_f(rng, topics=4))
    links = link(counted, [Topic(i, f"topic {i}", (), None, 0.5) for i in range(4)])
    common = np.concatenate([mean[present[:, topic]] for topic in range(3)]).mean(axis=0)
    chose_twice = False
    for topic in range(3):
        own = mean[present[:, topic]].mean(axis=0)
        chosen = counted.votes[topic] > 0
        named = np.isin(np.arange(6), [linked.neuron for linked in links.topics[topic].neurons])
        chose_twice |= (chosen & ~named).any()
        for neurons, taken in zip(ENHANCED_NEURONS, (named, chosen, True), strict=True):
            added, paper = enhancement_of(links, counted, neurons)[topic], neurons == "named"
            np.testing.assert_allclose(added, taken * (own - (0 if paper else common)), rtol=1e-4, atol=1e-6)
    assert chose_twice  # otherwise chosen neurons and named ones are the same
    assert not enhancement_of(links, counted)[3].any()


def test_a_tally_of_other_neurons_and_unknown_choices_are_refused():
    rng = np.random.default_rng(0)
    counted = tally(rng.normal(size=(9, 6)).astype(np.float32), np.ones((9, 3)), random_f(rng))
    links = link(counted, [Topic(i, f"topic {i}", (), None, 0.5) for i in range(3)])
    with pytest.raises(ValueError, match="expected one of named, chosen, all"):
        enhancement_of(links, counted, "some")
    with pytest.raises(ValueError, match=r"The tally is of \(3, 5\) topics and neurons, the links of \(3, 6\)"):
        enhancement_of(links, type(counted).empty(3, 5))


def test_an_export_from_before_its_neurons_had_names_enhances_as_the_paper_does(tmp_path):
    rng = np.random.default_rng(0)
    counted = tally(rng.normal(size=(9, 6)).astype(np.float32), np.ones((9, 3)), random_f(rng))
    links = link(counted, [Topic(i, f"topic {i}", (), None, 0.5) for i in range(3)])
    np.testing.assert_array_equal(enhancement_in(tmp_path, links), named_enhancement(links))
    (tmp_path / EXTRA).mkdir()
    np.save(tmp_path / EXTRA / ENHANCEMENT_FILE, np.full((3, 6), 2, np.float32))
    np.testing.assert_array_equal(enhancement_in(tmp_path, links), np.full((3, 6), 2))


def test_a_topic_neuron_is_raised_by_three_and_all_neurons_as_ever():
    rng = np.random.default_rng(1)
    mean, present = rng.normal(size=(60, 6)).astype(np.float32), rng.random((60, 4)) < 0.4
    present[:, 3] = False
    counted, topics = tally(mean, present, random_f(rng, topics=4)), [Topic(i, f"{i}", (), None, 0.5) for i in range(4)]
    own, free = link(counted, topics, topic_neurons=4), link(counted, topics)
    raised = enhancement_of(own, counted, "named")
    np.testing.assert_array_equal(raised[:3], TOPIC_NEURON_RISE * np.eye(3, 6))
    assert not raised[3].any()  # it never occurred, and its neuron never learnt
    np.testing.assert_array_equal(enhancement_of(own, counted, "all"), enhancement_of(free, counted, "all"))
