"""The neurons in pictures: the paper's Fig. 3, and which neurons carry which topics."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

from components.neurons.links import TopicLinks
from components.neurons.pdm import Tally

_INK, _FAINT, _LINKED = "#2b3a42", "#b8c4c9", "#d1495b"


def profiles(tallies: Mapping[str, Tally], links: Mapping[str, TopicLinks], topics: Sequence[int]) -> bytes:
    """The mean activation of all neurons over the videos with a topic, a row for each model (Dong et al. 2017, Fig. 3).

    The neurons that are linked to the topic are marked.

    Args:
        tallies: of each model, by its name; the first stands on top.
        links: of the same models.
        topics: ids, a column each.
    Returns:
        PNG.
    """
    figure, axes = _canvas(len(tallies), len(topics), 3.2, 1.9)
    for row, (name, tally) in zip(axes, tallies.items()):
        for axis, topic in zip(row, topics):
            activations, linked = tally.mean_activations[topic], links[name].topics[topic]
            mine = [neuron.neuron for neuron in linked.neurons]
            axis.vlines(np.arange(len(activations)), 0, activations, color=_FAINT, linewidth=0.6)
            axis.vlines(mine, 0, activations[mine], color=_LINKED, linewidth=1.2)
            axis.set_title(f"{linked.name} ({linked.videos} videos)", fontsize=8, color=_INK)
            axis.tick_params(labelsize=6)
            axis.margins(x=0.01)
        row[0].set_ylabel(name, fontsize=8)
    top = max(abs(limit) for row in axes for axis in row for limit in axis.get_ylim())
    for axis in axes.flat:
        axis.set_ylim(-top, top)
    for axis in axes[-1]:
        axis.set_xlabel("neuron", fontsize=7)
    return _png(figure)


def association(tally: Tally, links: TopicLinks) -> bytes:
    """The mean prediction difference of every neuron that carries a topic to every topic that has a neuron: PNG.

    Rows are topics, columns neurons in the order of their topics, so that links lie on the diagonal.
    """
    linked = [topic for topic in links.topics if topic.neurons]
    neurons = [neuron.neuron for topic in linked for neuron in topic.neurons]
    values = tally.mean_differences[[topic.id for topic in linked]][:, neurons] if linked else np.zeros((1, 1))
    figure, axes = _canvas(1, 1, 9, 0.13 * max(len(linked), 12) + 1)
    (axis,) = axes.flat
    reach = max(float(np.abs(values).max()), 1e-9)
    image = axis.imshow(values, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(len(linked)), [topic.name for topic in linked], fontsize=6)
    axis.set_xlabel("neurons, in the order of their topics", fontsize=8)
    axis.tick_params(axis="x", labelsize=6)
    figure.colorbar(image, ax=axis, label="mean prediction difference", shrink=0.6)
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
