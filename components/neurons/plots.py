"""The neurons in pictures: the paper's Fig. 3, and which neurons carry which topics."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

from topiclens.components.neurons.links import TopicLinks, most_frequent
from topiclens.components.neurons.pdm import Tally

_INK, _FAINT, _LINKED = "#2b3a42", "#b8c4c9", "#d1495b"
_COLUMNS = 3  # topics side by side; more stand below


def plot_profiles(tallies: Mapping[str, Tally], links: Mapping[str, TopicLinks], topics: Sequence[int]) -> bytes:
    """The mean activation of all neurons over the videos with a topic, model above model (Dong et al. 2017, Fig. 3).

    The neurons that are linked to the topic are marked.

    Args:
        tallies: of each model, by its name; the first stands on top.
        links: of the same models.
        topics: ids, at least one; three stand side by side.
    Returns:
        PNG.
    """
    columns = min(len(topics), _COLUMNS)
    figure, axes = _canvas(len(tallies) * -(-len(topics) // columns), columns, 2.6, 1.7)
    top = max(np.abs(tally.mean_activations[topics]).max() for tally in tallies.values())
    for place, topic in enumerate(topics):
        first = place // columns * len(tallies)
        for axis, (name, tally) in zip(axes[first:, place % columns], tallies.items()):
            activations, linked = tally.mean_activations[topic], links[name].topics[topic]
            mine = [neuron.neuron for neuron in linked.neurons]
            axis.vlines(np.arange(len(activations)), 0, activations, color=_FAINT, linewidth=0.6)
            axis.vlines(mine, 0, activations[mine], color=_LINKED, linewidth=1.2)
            axis.set_title(f"{name}: {linked.name} ({linked.videos} videos)", fontsize=8, color=_INK)
            axis.set_ylim(-1.05 * top, 1.05 * top)
            axis.tick_params(labelsize=7)
            axis.margins(x=0.01)
    for axis in axes.flat:
        axis.set_visible(axis.has_data())
    figure.supxlabel("neuron; those linked to the topic in red", fontsize=8)
    figure.supylabel("mean activation", fontsize=8)
    return _png(figure)


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


def _canvas(rows: int, columns: int, width: float, height: float):
    # A figure of its own, not pyplot's: nothing is kept after it, and no display is asked for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows + 0.3), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
