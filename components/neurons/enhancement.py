"""Activation enhancement: telling a captioner that a topic is in a video (Dong et al. 2017, section 4).

An *enhancement* (topics, neurons) is what strength 1 of each topic adds to v at every real frame. An export carries its
own, so that what-if questions, strength sweeps and corrections add the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.neurons.pdm import Tally
from topiclens.components.neurons.settings import ENHANCED_NEURONS
from topiclens.trainer.exported import read_enhancement

# A topic neuron stands at 1 where it is told of its topic. Raised by 1 it brings the topic's words into a third of the
# captions of videos that lack it; by 3 into most, which still read well (`topiclens.components.neurons.steering`).
TOPIC_NEURON_RISE = 3.0


def named_enhancement(links: TopicLinks) -> np.ndarray:
    """The paper's: the mean activation of the neurons that a topic names, over its training videos; 0 at the others.

    Of topic neurons, `TOPIC_NEURON_RISE` at each topic's own. A topic that occurs in no video gets nothing.
    """
    enhancement = np.zeros((len(links.topics), links.n_neurons), np.float32)
    for topic in links.topics:
        if links.topic_neurons:
            enhancement[topic.id, topic.id] = TOPIC_NEURON_RISE if topic.videos else 0
            continue
        for linked in topic.neurons:
            enhancement[topic.id, linked.neuron] = linked.mean_activation
    return enhancement


def enhancement_of(links: TopicLinks, tally: Tally, neurons: str = "named") -> np.ndarray:
    """What strength 1 of each topic adds to v: (topics, neurons) float32, all 0 for a topic that occurs in no video.

    The paper enhances the neurons that a topic names (`named_enhancement`). Without topic neurons few carry much of a
    topic, and most of what they do in its videos they do in all. So more neurons may be taken, by what sets the topic's
    videos apart.

    Args:
        links, tally: of the same training videos.
        neurons: `named`, those that the topic names, as in the paper; `chosen`, every neuron that it chose in some
            video (eq. 9), even one that another topic names; `all`, every neuron. These two take the mean over the
            topic's videos less the mean over all: that of the videos with each topic, weighted by their number.
    Raises:
        ValueError: there is no such choice, or the tally is another model's.
    """
    if neurons not in ENHANCED_NEURONS:
        raise ValueError(f"Neurons to enhance are {neurons!r}; expected one of {', '.join(ENHANCED_NEURONS)}.")
    named = named_enhancement(links)
    if tally.votes.shape != named.shape:
        raise ValueError(
            f"The tally is of {tally.votes.shape} topics and neurons, the links of {named.shape}: take both of one run."
        )
    if neurons == "named":
        return named
    taken = tally.votes > 0 if neurons == "chosen" else np.ones(named.shape, bool)
    common = tally.activations.sum(axis=0) / max(tally.videos.sum(), 1)
    return np.where(taken & (tally.videos > 0)[:, None], tally.mean_activations - common, 0).astype(np.float32)


def enhancement_in(export: str | os.PathLike, links: TopicLinks) -> np.ndarray:
    """What an export carries; the paper's where it was written before its neurons had names."""
    carried = read_enhancement(export)
    return named_enhancement(links) if carried is None else carried


def activation_added(enhancement: np.ndarray, strengths: Mapping[int, float | np.ndarray]) -> np.ndarray:
    """What topics add to v together: (neurons,) float32, or (frames, neurons) where one is given for each frame.

    `strengths` is by topic id: a number, or (frames,) numbers; 1 is the paper's, less than 0 takes a topic away.
    ValueError: there is no such topic.
    """
    added = np.zeros(enhancement.shape[1], np.float32)
    for topic, strength in strengths.items():
        if not 0 <= topic < len(enhancement):
            raise ValueError(f"There is no topic {topic}: the model knows the topics 0 to {len(enhancement) - 1}.")
        added = added + np.multiply.outer(np.asarray(strength, np.float32), enhancement[topic])
    return added


def enhanced(v: np.ndarray, mask: np.ndarray, added: np.ndarray) -> np.ndarray:
    """v* = v + what topics add, at real frames only: v (..., time, neurons), mask (..., time); added (..., neurons) at
    every frame alike, or (..., time, neurons)."""
    over_time = added if added.ndim == v.ndim else added[..., None, :]
    return v + over_time * mask[..., None]
