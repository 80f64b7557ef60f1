"""Activation enhancement: telling a captioner that a topic is in a video (Dong et al. 2017, section 4)."""

from __future__ import annotations

import numpy as np

from components.neurons.links import TopicLinks


def activation_added(links: TopicLinks, topic: int, strength: float = 1.0) -> np.ndarray:
    """What is added to v at every frame for a topic: the mean activation of the topic's neurons over the training
    videos in which it occurs, and nothing at the other neurons.

    Args:
        links: of the training videos.
        topic: its id.
        strength: a factor; 1 is the paper's.
    Returns:
        (neurons,) float32, all 0 for a topic without a neuron.
    Raises:
        ValueError: there is no such topic.
    """
    if not 0 <= topic < len(links.topics):
        raise ValueError(f"There is no topic {topic}: the links name the topics 0 to {len(links.topics) - 1}.")
    added = np.zeros(links.n_neurons, np.float32)
    for linked in links.topics[topic].neurons:
        added[linked.neuron] = strength * linked.mean_activation
    return added


def enhancement_of(links: TopicLinks) -> np.ndarray:
    """What strength 1 of each topic adds to v: (topics, neurons) float32, as `trainer.export.export` takes it."""
    return np.stack([activation_added(links, topic.id) for topic in links.topics])


def enhanced(v: np.ndarray, mask: np.ndarray, added: np.ndarray) -> np.ndarray:
    """v* = v + the mean activation of the topic's neurons, at real frames only.

    Args:
        v: (..., time, neurons), zero at padding.
        mask: (..., time) bool, False at padding.
        added: (..., neurons), of `activation_added`; sums of several topics' are welcome.
    """
    return v + added[..., None, :] * mask[..., None]
