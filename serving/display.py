"""How answers look in a notebook: HTML without scripts, and figures of Matplotlib."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from topiclens.schemas.timelines import HeatMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOPICS_SHOWN = 5
_PICTURE_PIXELS = 48
_BAR, _FOR, _AGAINST = "33,102,172", "178,24,43", "33,102,172"


def caption_html(text: str, log_prob: float) -> str:
    """A caption with its log-probability."""
    return f"<p><b>{html.escape(text)}</b> <small>log-probability {log_prob:.2f}</small></p>"


def words_html(title: str, words: Sequence[str], shares: np.ndarray, frames: Sequence[bytes] | None) -> str:
    """A table of `shares` (words, frames): the darker a cell, the larger its number; below 0 it is blue.

    `frames` are JPEG bytes, shown above their columns if given.
    """
    pictures = [""] * shares.shape[1] if frames is None else list(map(_picture, frames))
    head = "".join(f"<th>{picture}<br><small>{number}</small></th>" for number, picture in enumerate(pictures))
    largest = max(float(np.abs(shares).max(initial=0.0)), 1e-9)

    def cell(share: float) -> str:
        colour = _FOR if share >= 0 else _AGAINST
        return f"<td title='{share:.3f}' style='background:rgba({colour},{abs(share) / largest:.2f})'></td>"

    rows = "".join(
        f"<tr><th style='text-align:right'>{html.escape(word)}</th>{''.join(map(cell, row))}</tr>"
        for word, row in zip(words, shares.tolist())
    )
    table = f"<div style='overflow-x:auto'><table><tr><th></th>{head}</tr>{rows}</table></div>"
    return f"<p>{html.escape(title)}</p>{table}"


def heat_maps_html(words: Sequence[str], maps: Sequence[HeatMap], pictures: Sequence[bytes]) -> str:
    """The pictures of heat maps, each with its word and its frame; nothing where there are none."""
    if not maps:
        return ""
    figures = "".join(
        f"<figure style='margin:0 6px 6px 0'>{_image(picture)}<figcaption><b>"
        f"{'whole caption' if one.word is None else html.escape(words[one.word])}</b> frame {one.frame}</figcaption>"
        "</figure>"
        for one, picture in zip(maps, pictures, strict=True)
    )
    title = "Heat maps: parts of frames for (red) and against (blue) the caption or a word"
    return f"<p>{title}</p><div style='display:flex;flex-wrap:wrap'>{figures}</div>"


def topics_html(scores: np.ndarray | None, names: Sequence[str] | None) -> str:
    """The topics that the model sees most, each with a bar; nothing for a model without topics."""
    if scores is None:
        return ""
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(name)}</td><td>{score:.2f}</td><td style='text-align:left'>"
        f"<div style='background:rgb({_BAR});height:0.7em;width:{100 * min(max(score, 0.0), 1.0):.0f}px'></div>"
        "</td></tr>"
        for name, score in _most_seen(scores, names)
    )
    return f"<table><tr><th style='text-align:left'>topic</th><th>score</th><th></th></tr>{rows}</table>"


def plot_words(text: str, words: Sequence[str], panels: Mapping[str, np.ndarray]) -> Figure:
    """The tables of `words_html` as a figure, one panel for each title."""
    figure = _figure(width=8, height=len(panels) * (1 + 0.3 * len(words)))
    figure.suptitle(text)
    for axes, (title, shares) in zip(figure.subplots(len(panels), squeeze=False).flat, panels.items()):
        largest = max(float(np.abs(shares).max(initial=0.0)), 1e-9)
        image = axes.imshow(shares, aspect="auto", cmap="RdBu_r", vmin=-largest, vmax=largest)
        axes.set(title=title, xlabel="frame", yticks=range(len(words)), yticklabels=words)
        figure.colorbar(image)
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
    return _image(buffer.getvalue())


def _image(jpeg: bytes) -> str:
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
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
