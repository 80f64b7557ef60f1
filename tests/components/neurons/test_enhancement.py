"""Enhancement is what section 4 of the paper defines."""

import numpy as np
import pytest

from components.neurons.enhancement import activation_added, enhanced, enhancement_of
from components.neurons.links import link
from components.neurons.pdm import tally
from components.topics.table import Topic
from tests.components.neurons.test_figures import random_f


def test_a_topics_neurons_get_their_mean_activation_over_the_training_videos_with_it():
    rng = np.random.default_rng(0)
    mean, present = rng.normal(size=(40, 6)).astype(np.float32), rng.random((40, 3)) < 0.5
    links = link(tally(mean, present, random_f(rng)), [Topic(i, f"topic {i}", (), None, 0.5) for i in range(3)])
    assert links.topic_of()  # otherwise there is nothing to compare
    for topic in range(3):
        named = [neuron for neuron, of in links.topic_of().items() if of == topic]
        expected = np.where(np.isin(np.arange(6), named), mean[present[:, topic]].mean(axis=0), 0)
        np.testing.assert_allclose(activation_added(links, topic), expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(activation_added(links, topic, strength=3), 3 * expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(enhancement_of(links)[topic], activation_added(links, topic))
    assert enhancement_of(links).shape == (3, 6)
    with pytest.raises(ValueError, match="no topic 3: the links name the topics 0 to 2"):
        activation_added(links, 3)


def test_only_real_frames_are_enhanced():
    v = np.array([[[0.1, 0.2], [0.3, 0.4], [0, 0]], [[0.5, 0.6], [0, 0], [0, 0]]])
    mask = np.array([[True, True, False], [True, False, False]])
    np.testing.assert_allclose(
        enhanced(v, mask, np.array([[1, 0], [0, -1]])),
        [[[1.1, 0.2], [1.3, 0.4], [0, 0]], [[0.5, -0.4], [0, 0], [0, 0]]],
    )
