"""The neurons in TensorBoard: pictures, histograms by topic, and videos in the space of the neurons."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from tensorboard.plugins import projector

from components.neurons import plots
from components.neurons.activations import MeanActivations
from components.neurons.links import TopicLinks, format_table
from components.neurons.pdm import Tally

_TOPICS_SHOWN = 6
_EMBEDDED = 2000  # videos; the projector runs in the browser


def write_neurons(log_dir: str | os.PathLike, tally: Tally, links: TopicLinks, held_out: MeanActivations) -> None:
    """Writes one model's neurons as a TensorBoard log.

    Images: the mean activation profiles of the topics that occur most (Dong et al. 2017, Fig. 3), and the association of
    topics and neurons. Histograms: the activation of each topic's strongest neuron in held-out videos with the topic and
    without. Text: the links. Projector: held-out videos by the activations of all neurons, with their topics.

    Args:
        log_dir: a folder of its own; what was in it is replaced.
        tally, links: of the training videos.
        held_out: mean activations of other videos.
    """
    log_dir = os.fspath(log_dir)
    if tf.io.gfile.exists(log_dir):
        tf.io.gfile.rmtree(log_dir)
    shown = sorted((topic for topic in links.topics if topic.neurons), key=lambda topic: -topic.videos)[:_TOPICS_SHOWN]
    with tf.summary.create_file_writer(log_dir).as_default(step=0):
        if shown:
            picture = plots.profiles({"model": tally}, {"model": links}, [topic.id for topic in shown])
            _image("neurons/profiles", picture)
        _image("neurons/association", plots.association(tally, links))
        tf.summary.text("neurons/links", "```\n" + format_table(links) + "\n```")
        for topic in links.topics:
            present = held_out.topics[:, topic.id] > 0
            if topic.neurons and present.any() and not present.all():
                activation = held_out.mean[:, topic.neurons[0].neuron]
                tf.summary.histogram(f"topic {topic.id} {topic.name}/with", activation[present])
                tf.summary.histogram(f"topic {topic.id} {topic.name}/without", activation[~present])
    _project(log_dir, links, held_out)


def _image(name: str, png: bytes) -> None:
    tf.summary.image(name, tf.io.decode_png(png, channels=3)[None])


def _project(log_dir: str, links: TopicLinks, held_out: MeanActivations) -> None:
    names = {topic.id: topic.name for topic in links.topics}
    rows = ["video\tfirst topic\ttopics"]
    for video_id, topics in zip(held_out.ids[:_EMBEDDED], held_out.topics):
        own = [names[topic] for topic in np.flatnonzero(topics)] or ["none"]
        rows.append("\t".join(" ".join(cell.split()) for cell in (video_id, own[0], ", ".join(own))))
    _write(os.path.join(log_dir, "videos.tsv"), "\n".join(rows) + "\n")
    vectors = ("\t".join(f"{value:.4f}" for value in row) for row in held_out.mean[:_EMBEDDED])
    _write(os.path.join(log_dir, "activations.tsv"), "\n".join(vectors) + "\n")
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "neurons"
    embedding.tensor_path, embedding.metadata_path = "activations.tsv", "videos.tsv"
    projector.visualize_embeddings(log_dir, config)


def _write(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
