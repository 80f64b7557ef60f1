"""Videos in TensorBoard's projector: by what the network saw in them, and by what the neurons made of it."""

from __future__ import annotations

import os

import numpy as np
from tensorboard.plugins import projector

from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.links import TopicLinks, most_frequent
from topiclens.schemas.files import write_text

_MOST_VIDEOS = 2000  # they are drawn in the browser
_MOST_DIMENSIONS = 200  # the page projects wider vectors at random before it looks for their principal components
_COLOURS = 8  # topics; the page has ten colours and offers none at all for more than fifty values
_VIDEOS_FILE = "videos.tsv"


def write_embeddings(log_dir: str, links: TopicLinks, videos: MeanActivations) -> None:
    """Writes two embeddings of the same videos, `features` and `neurons`, to be coloured by `topic`.

    A video is a point: the mean of its frames' features, and the mean activations of the neurons, both in the space of
    their principal components. Its `topic` is one of the eight that occur most and have a neuron; of several, the one
    that fewest videos have. `topics` are all that occur.

    Args:
        log_dir: a TensorBoard log.
        links: name the topics.
        videos: at most 2,000 of them are shown, the first.
    """
    rows = slice(_MOST_VIDEOS)
    write_text(os.path.join(log_dir, _VIDEOS_FILE), _metadata(videos.ids[rows], videos.topics[rows], links))
    config = projector.ProjectorConfig()
    for name, vectors in (("features", videos.features[rows]), ("neurons", videos.mean[rows])):
        components = principal_components(vectors, _MOST_DIMENSIONS)
        lines = ("\t".join(f"{value:.4f}" for value in row) for row in components)
        write_text(os.path.join(log_dir, f"{name}.tsv"), "\n".join(lines) + "\n")
        embedding = config.embeddings.add()
        embedding.tensor_name, embedding.tensor_shape[:] = name, components.shape
        embedding.tensor_path, embedding.metadata_path = f"{name}.tsv", _VIDEOS_FILE
    projector.visualize_embeddings(log_dir, config)


def principal_components(vectors: np.ndarray, most: int) -> np.ndarray:
    """(rows, at most `most`): the rows seen along the directions in which they differ most, from their mean.

    The sign of a direction is such that its largest entry is positive.

    Args:
        vectors: (rows, width).
    """
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:most]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    return centred @ (directions * np.sign(largest)).T


def _metadata(ids: tuple[str, ...], topics: np.ndarray, links: TopicLinks) -> str:
    names = {topic.id: topic.name for topic in links.topics}
    coloured = [topic.id for topic in reversed(most_frequent(links, _COLOURS))]  # the rarest first
    rows = ["video\ttopic\ttopics"]
    for video_id, present in zip(ids, topics > 0):
        colour = next((names[topic] for topic in coloured if present[topic]), "another topic")
        own = ", ".join(names[topic] for topic in np.flatnonzero(present)) or "none"
        rows.append("\t".join(" ".join(cell.split()) for cell in (video_id, colour, own)))
    return "\n".join(rows) + "\n"
