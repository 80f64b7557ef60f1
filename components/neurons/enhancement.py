"""Activation enhancement: telling a captioner that a topic is in a video (Dong et al. 2017, section 4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from components.neurons.links import LinkedNeuron, TopicLinks
from components.neurons.pdm import Tally

NAMED, CHOSEN, ALL = NEURONS = ("named", "chosen", "all")  # the neurons that are enhanced for a topic, see `tied`


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


def tied(links: TopicLinks, tally: Tally, neurons: str = NAMED, relative: bool = False) -> TopicLinks:
    """The links as enhancement is to read them: which neurons a topic enhances, and by how much.

    The paper enhances the neurons that a topic is the name of, by their mean activation over its videos. Few neurons
    carry much of a topic, and most of what they do in its videos they do in all. So more neurons may be taken, and of
    what they do that which sets the topic's videos apart.

    Args:
        links: of the training videos.
        tally: of the same videos.
        neurons: `named`, those that the topic names, as in the paper; `chosen`, every neuron that it chose in some
            video (eq. 9), those that are named by another topic too; `all`, every neuron.
        relative: takes the mean over the topic's videos less the mean over all: that of the videos with each topic,
            weighted by their number.
    Returns:
        Links that say the same of topics; as names of neurons they are not to be read.
    Raises:
        ValueError: there is no such choice, or the tally is another model's.
    """
    if neurons not in NEURONS:
        raise ValueError(f"Neurons to enhance are {neurons!r}; expected one of {', '.join(NEURONS)}.")
    if tally.votes.shape != (len(links.topics), links.n_neurons):
        raise ValueError(
            f"The tally is of {tally.votes.shape} topics and neurons, the links of "
            f"{(len(links.topics), links.n_neurons)}: take those of one run."
        )
    if neurons == NAMED and not relative:
        return links
    common = tally.activations.sum(axis=0) / max(tally.videos.sum(), 1)
    added = tally.mean_activations - (common if relative else 0)
    topics = []
    for topic in links.topics:
        named = [linked.neuron for linked in topic.neurons]
        taken = {NAMED: named, CHOSEN: np.flatnonzero(tally.votes[topic.id]), ALL: np.arange(links.n_neurons)}[neurons]
        topics.append(
            replace(
                topic,
                neurons=tuple(
                    LinkedNeuron(
                        neuron=int(neuron),
                        votes=int(tally.votes[topic.id, neuron]),
                        mean_difference=float(tally.mean_differences[topic.id, neuron]),
                        mean_activation=float(added[topic.id, neuron]),
                    )
                    for neuron in (taken if tally.videos[topic.id] else [])
                ),
            )
        )
    return TopicLinks(tuple(topics), links.n_neurons)
