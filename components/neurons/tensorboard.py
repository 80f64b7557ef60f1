"""The neurons in TensorBoard: pictures, histograms by topic, and videos in the space of the neurons."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins import projector

from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.figures import FEW_VIDEOS
from topiclens.components.neurons.links import TopicLinks, as_markdown, most_frequent
from topiclens.components.neurons.pdm import Tally
from topiclens.schemas.files import write_text

_INK, _FAINT, _LINKED, _OWN = "#2b3a42", "#b8c4c9", "#d1495b", "#edf2f4"
_COLUMNS = 3  # topics side by side; more stand below
_TOPICS_SHOWN = 6
_PROFILES = (
    "The mean activation of every neuron in the videos of a topic (Dong et al. 2017, Fig. 3), of the topics that occur "
    "most. Neurons that are linked to the topic are red."
)
_ASSOCIATION = (
    "How much each neuron speaks for each topic: mean prediction differences, relative to the topic's largest."
)
_FEW = f"What rests on fewer than {FEW_VIDEOS} videos may be chance."
_QUANTILES = (np.arange(200) + 0.5) / 200  # so that few videos with a topic make as high a histogram as many without

_MOST_VIDEOS = 2000  # they are drawn in the browser
_MOST_DIMENSIONS = 200  # the page projects wider vectors at random before it looks for their principal components
_COLOURS = 8  # topics; the page has ten colours and offers none at all for more than fifty values
_VIDEOS_FILE = "videos.tsv"


def write_neurons(
    log_dir: str | os.PathLike, tally: Tally, links: TopicLinks, held_out: MeanActivations, atlas: str = ""
) -> None:
    """Writes one model's neurons as a TensorBoard log of its own; the folder's old content is replaced.

    Images: the mean activation profiles of the topics that occur most (Dong et al. 2017, Fig. 3), and the association
    of topics and neurons. Histograms: the activation of each topic's strongest neuron over held-out videos, a series of
    those with the topic and one of those without it, 200 quantiles each. Text: the links, what rests on few videos, and
    where the ``atlas`` lies, if there is one: the path of its index.
    Projector: see `write_embeddings`.
    """
    log_dir = _emptied(log_dir)
    with tf.summary.create_file_writer(log_dir).as_default(step=0):
        if shown := [topic.id for topic in most_frequent(links, _TOPICS_SHOWN)]:
            _image("neurons/profiles", plot_profiles({"LSTM-I": tally}, {"LSTM-I": links}, shown), _PROFILES)
        _image("neurons/association", plot_association(tally, links), _ASSOCIATION)
        told = [(topic, held_out.topics[:, topic.id] > 0) for topic in links.topics]
        told = [(topic, present) for topic, present in told if topic.neurons and present.any() and not present.all()]
        few = [f"{topic.name} ({present.sum()})" for topic, present in told if present.sum() < FEW_VIDEOS]
        remark = f"Fewer than {FEW_VIDEOS} held-out videos have these topics: {', '.join(few)}. {_FEW}" if few else ""
        where = f"Pages of all topics and neurons: `{atlas}`; topic 3 has `topic-3.html` beside it." if atlas else ""
        tf.summary.text("neurons/links", "\n\n".join(filter(None, (as_markdown(links), remark, where))))
        for topic, present in told:
            neuron = topic.neurons[0].neuron
            for series, videos in (("with the topic", present), ("without", ~present)):
                spread = np.quantile(held_out.mean[videos, neuron], _QUANTILES, method="inverted_cdf")
                tag = f"topics/{topic.name} ({topic.id}), neuron {neuron}: {series}"
                tf.summary.histogram(tag, spread, description=_described(int(videos.sum()), int(present.sum())))
    write_embeddings(log_dir, links, held_out)


def _described(videos: int, having: int) -> str:
    spread = f"Mean activation of the neuron in {videos} held-out video{'' if videos == 1 else 's'}."
    return f"{spread} {having} of them all have the topic. {_FEW}" if having < FEW_VIDEOS else spread


def write_profiles(log_dir: str | os.PathLike, tallies: Mapping[str, Tally], links: Mapping[str, TopicLinks]) -> bytes:
    """Writes the profiles of several models as a log of its own, see `plot_profiles`: PNG.

    Shown are the topics that occur most, of those with a neuron in the first model.
    """
    first = links[next(iter(tallies))]
    picture = plot_profiles(tallies, links, [topic.id for topic in most_frequent(first, _TOPICS_SHOWN)])
    with tf.summary.create_file_writer(_emptied(log_dir)).as_default(step=0):
        _image("neurons/profiles", picture, f"{_PROFILES} One model stands above the other.")
    return picture


def _emptied(folder: str | os.PathLike) -> str:
    folder = os.fspath(folder)
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
    return folder


def _image(name: str, png: bytes, description: str) -> None:
    tf.summary.image(name, tf.io.decode_png(png, channels=3)[None], description=description)


def write_embeddings(log_dir: str, links: TopicLinks, videos: MeanActivations) -> None:
    """Writes two embeddings of the same videos, `features` and `neurons`, to be coloured by `topic`.

    A video is a point: the mean of its frames' features, or the mean activations of its neurons, by their principal
    components. Its `topic` is one of the eight that occur most and have a neuron; of several, the rarest. `topics` are
    all that occur. The first 2,000 videos are shown.
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


def plot_profiles(
    tallies: Mapping[str, Tally],
    links: Mapping[str, TopicLinks],
    topics: Sequence[int],
) -> bytes:
    """The mean activation of all neurons over the videos with a topic, model above model (Dong et al. 2017, Fig. 3).

    Tallies and links are by the models' names; the first stands on top, three topics side by side. The neurons that are
    linked to the topic are marked. The topics' own neurons stand on tinted ground, which takes half the width however
    few they are. PNG.
    """
    columns = min(len(topics), _COLUMNS)
    figure, axes = _canvas(len(tallies) * -(-len(topics) // columns), columns, 2.6, 1.7)
    top = max(np.abs(tally.mean_activations[topics]).max() for tally in tallies.values())
    for place, topic in enumerate(topics):
        first = place // columns * len(tallies)
        for axis, (name, tally) in zip(axes[first:, place % columns], tallies.items()):
            activations, linked = tally.mean_activations[topic], links[name].topics[topic]
            mine, own, n = [neuron.neuron for neuron in linked.neurons], links[name].topic_neurons, len(activations)
            if own:
                axis.axvspan(-0.5, own - 0.5, color=_OWN)
                _halve(axis, own - 0.5, n)
            axis.vlines(np.arange(n), 0, activations, color=_INK if own else _FAINT, linewidth=0.6)
            axis.vlines(np.arange(own, n), 0, activations[own:], color=_FAINT, linewidth=0.6)
            axis.vlines(mine, 0, activations[mine], color=_LINKED, linewidth=1.6)
            axis.set_title(f"{name}: {linked.name} ({linked.videos} videos)", fontsize=8, color=_INK)
            axis.set_ylim(-1.05 * top, 1.05 * top)
            axis.tick_params(labelsize=7)
            axis.margins(x=0.01)
    for axis in axes.flat:
        axis.set_visible(axis.has_data())
    figure.supxlabel("neuron; those linked to the topic in red, topics' own neurons on tinted ground", fontsize=8)
    figure.supylabel("mean activation", fontsize=8)
    return _png(figure)


def _halve(axis: Any, border: float, n: int) -> None:
    """Gives the places up to a border half of an axis of n neurons, and the others the other half."""
    there, back = (-0.5, border, n - 0.5), (0, 1, 2)
    axis.set_xscale("function", functions=(lambda x: np.interp(x, there, back), lambda y: np.interp(y, back, there)))
    axis.set_xticks([0, int(border + 0.5), n - 1])


def plot_association(tally: Tally, links: TopicLinks) -> bytes:
    """The mean prediction difference of every neuron that carries a topic to every topic that has a neuron: PNG.

    Rows are topics, those of most videos on top, each shown relative to its own largest difference, since those
    of rare topics are far smaller. Columns are neurons in the order of their topics, so that links lie on the diagonal.
    """
    linked = most_frequent(links, len(links.topics))
    neurons = [neuron.neuron for topic in linked for neuron in topic.neurons]
    values = tally.mean_differences[[topic.id for topic in linked]][:, neurons] if linked else np.zeros((1, 1))
    values = values / np.maximum(np.abs(values).max(axis=1, keepdims=True), np.finfo(float).tiny)
    figure, axes = _canvas(1, 1, 9, 0.13 * max(len(linked), 12) + 1)
    (axis,) = axes.flat
    image = axis.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(len(linked)), [topic.name for topic in linked], fontsize=7)
    axis.set_xlabel("neurons, in the order of their topics", fontsize=8)
    axis.tick_params(axis="x", labelsize=7)
    bar = figure.colorbar(image, ax=axis, location="top", fraction=0.02, aspect=60, pad=0.01)
    bar.set_label("mean prediction difference, relative to the topic's largest", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return _png(figure)


def _canvas(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    # A figure of its own, not pyplot's: it needs no display and is not kept.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows + 0.3), dpi=130, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
