"""The neurons in TensorBoard: pictures, histograms by topic, and videos in the space of the neurons."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from topiclens.components.neurons import plots
from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.links import TopicLinks, as_markdown, most_frequent
from topiclens.components.neurons.pdm import Tally
from topiclens.components.neurons.projector import write_embeddings

_TOPICS_SHOWN = 6
_STEPS = "Mean activation in held-out videos; step 0: those without the topic, step 1: those with it."
_QUANTILES = (np.arange(200) + 0.5) / 200  # so that few videos with a topic make as high a histogram as many without


def write_neurons(log_dir: str | os.PathLike, tally: Tally, links: TopicLinks, held_out: MeanActivations) -> None:
    """Writes one model's neurons as a TensorBoard log.

    Images: the mean activation profiles of the topics that occur most (Dong et al. 2017, Fig. 3), and the association
    of topics and neurons. Histograms: how the activation of each topic's strongest neuron is spread over held-out
    videos without the topic, as step 0, and with it, as step 1: 200 quantiles each. Text: the links. Projector:
    held-out videos by their features and by the activations of all neurons, with their topics.

    Args:
        log_dir: a folder of its own; what was in it is replaced.
        tally, links: of the training videos.
        held_out: other videos.
    """
    log_dir = _emptied(log_dir)
    with tf.summary.create_file_writer(log_dir).as_default(step=0):
        if shown := [topic.id for topic in most_frequent(links, _TOPICS_SHOWN)]:
            _image("neurons/profiles", plots.plot_profiles({"LSTM-I": tally}, {"LSTM-I": links}, shown))
        _image("neurons/association", plots.plot_association(tally, links))
        tf.summary.text("neurons/links", as_markdown(links))
        for topic in links.topics:
            present = held_out.topics[:, topic.id] > 0
            if topic.neurons and present.any() and not present.all():
                neuron = topic.neurons[0].neuron
                for step, videos in enumerate((~present, present)):
                    spread = np.quantile(held_out.mean[videos, neuron], _QUANTILES, method="inverted_cdf")
                    tag = f"topics/{topic.name} ({topic.id}): neuron {neuron}"
                    tf.summary.histogram(tag, spread, step=step, description=_STEPS)
    write_embeddings(log_dir, links, held_out)


def write_profiles(log_dir: str | os.PathLike, tallies: Mapping[str, Tally], links: Mapping[str, TopicLinks]) -> bytes:
    """Writes the profiles of several models, one above the other (Dong et al. 2017, Fig. 3), as a TensorBoard log.

    Args:
        log_dir: a folder of its own; what was in it is replaced.
        tallies: of each model, by its name; the first stands on top.
        links: of the same models. Shown are the topics that occur most, of those with a neuron in the first model.
    Returns:
        The picture, PNG.
    """
    first = links[next(iter(tallies))]
    picture = plots.plot_profiles(tallies, links, [topic.id for topic in most_frequent(first, _TOPICS_SHOWN)])
    with tf.summary.create_file_writer(_emptied(log_dir)).as_default(step=0):
        _image("neurons/profiles", picture)
    return picture


def _emptied(folder: str | os.PathLike) -> str:
    folder = os.fspath(folder)
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
    return folder


def _image(name: str, png: bytes) -> None:
    tf.summary.image(name, tf.io.decode_png(png, channels=3)[None])
