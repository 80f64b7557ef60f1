"""How answers look in a notebook: HTML without scripts, and figures of Matplotlib."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOPICS_SHOWN = 5
_PICTURE_PIXELS = 48
_COLOUR = "31,119,180"


def caption_html(text: str, log_prob: float) -> str:
    """A caption with its log-probability."""
    return f"<p><b>{html.escape(text)}</b> <small>log-probability {log_prob:.2f}</small></p>"


def words_html(words: Sequence[str], shares: np.ndarray, frames: Sequence[bytes] | None) -> str:
    """A table with a row a word and a column a frame; the darker a cell, the larger the frame's share in the word.

    Args:
        words: of the caption.
        shares: (words, frames), at least 0.
        frames: JPEG bytes; None shows their numbers alone.
    """
    pictures = [""] * shares.shape[1] if frames is None else list(map(_picture, frames))
    head = "".join(f"<th>{picture}<br><small>{number}</small></th>" for number, picture in enumerate(pictures))
    largest = max(float(shares.max(initial=0.0)), 1e-9)
    rows = "".join(
        f"<tr><th style='text-align:right'>{html.escape(word)}</th>"
        + "".join(
            f"<td title='{share:.3f}' style='background:rgba({_COLOUR},{share / largest:.2f})'></td>" for share in row
        )
        + "</tr>"
        for word, row in zip(words, shares)
    )
    return f"<div style='overflow-x:auto'><table><tr><th></th>{head}</tr>{rows}</table></div>"


def topics_html(scores: np.ndarray | None, names: Sequence[str] | None) -> str:
    """The topics that the model sees most, each with a bar; nothing where it learnt none."""
    if scores is None:
        return ""
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(name)}</td><td>{score:.2f}</td><td style='text-align:left'>"
        f"<div style='background:rgb({_COLOUR});height:0.7em;width:{100 * min(max(score, 0.0), 1.0):.0f}px'></div>"
        "</td></tr>"
        for name, score in _most_seen(scores, names)
    )
    return f"<table><tr><th style='text-align:left'>topic</th><th>score</th><th></th></tr>{rows}</table>"


def plot_words(title: str, words: Sequence[str], shares: np.ndarray) -> Figure:
    """The table of `words_html` as a figure."""
    figure = _figure(width=8, height=1.2 + 0.3 * len(words))
    axes = figure.subplots()
    image = axes.imshow(shares, aspect="auto", cmap="Blues", vmin=0)
    axes.set(title=title, xlabel="frame", yticks=range(len(words)), yticklabels=words)
    figure.colorbar(image, label="share of the frame")
    return figure


def plot_topics(title: str, scores: np.ndarray, names: Sequence[str] | None) -> Figure:
    """The table of `topics_html` as a figure."""
    shown = _most_seen(scores, names)[::-1]
    figure = _figure(width=6, height=1 + 0.3 * len(shown))
    axes = figure.subplots()
    axes.barh([name for name, _ in shown], [score for _, score in shown])
    axes.set(title=title, xlabel="score (1: the model sees the topic)")
    return figure


def _most_seen(scores: np.ndarray, names: Sequence[str] | None) -> list[tuple[str, float]]:
    most = np.argsort(-scores, kind="stable")[:TOPICS_SHOWN]
    return [(names[topic] if names else f"topic {topic}", float(scores[topic])) for topic in most]


def _picture(jpeg: bytes) -> str:
    image = Image.open(io.BytesIO(jpeg))
    image.thumbnail((2 * _PICTURE_PIXELS, _PICTURE_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    source = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return f"<img alt='' style='max-width:none;margin:0' src='{source}'>"


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("A plot needs Matplotlib, which is not installed: pip install matplotlib.") from error
    # Notebooks show what pyplot made; closed, it is shown once, by the cell that returns it.
    figure = pyplot.figure(figsize=(width, height), layout="constrained")
    pyplot.close(figure)
    return figure
