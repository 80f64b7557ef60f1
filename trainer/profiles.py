"""Fig. 3 of Dong et al. 2017 while a training goes on: drawn in milliseconds, without a plotting library."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLUMNS = 3  # topics side by side; more stand below
WIDTH, HEIGHT, _HEAD = 340, 150, 24  # pixels of a topic's panel, and of the line above it
_MARGIN = 8
_PAPER, _INK, _FAINT, _LINKED, _OWN = "#ffffff", "#2b3a42", "#b8c4c9", "#d1495b", "#edf2f4"


@dataclass(frozen=True, eq=False)
class Profile:
    """What all neurons do in the videos of a topic."""

    title: str
    activations: np.ndarray  # (neurons,), the mean over these videos
    linked: np.ndarray  # (neurons,) bool: those that the topic names


def draw_profiles(profiles: Sequence[Profile], own: int) -> np.ndarray:
    """The profiles as a picture (height, width, 3) uint8: a line for each neuron, red where the topic names it, all on
    one scale, whose end is written in the corner. The first ``own`` neurons are the topics' own: they stand on tinted
    ground, which takes half the width however few they are."""
    columns = min(len(profiles), COLUMNS)
    picture = Image.new("RGB", (columns * WIDTH, -(-len(profiles) // columns) * (HEIGHT + _HEAD)), _PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    top = max(max(float(np.abs(one.activations).max()) for one in profiles), 1e-6)
    for place, one in enumerate(profiles):
        left, above = place % columns * WIDTH + _MARGIN, place // columns * (HEIGHT + _HEAD) + _HEAD
        middle, half, width = above + HEIGHT // 2, HEIGHT // 2 - _MARGIN, WIDTH - 2 * _MARGIN
        n = len(one.activations)
        border = width / 2 if 0 < own < n else width if own else 0
        if own:
            draw.rectangle((left, middle - half, left + border, middle + half), fill=_OWN)
        columns_of = np.interp(np.arange(n) + 0.5, (0, own, n), (0, border, width)) if own else _evenly(n, width)
        draw.line((left, middle, left + width, middle), fill=_FAINT)
        for neuron in np.argsort(one.linked, kind="stable").tolist():  # the red ones over the others
            x, y = left + columns_of[neuron], middle - half * float(one.activations[neuron]) / top
            colour = _LINKED if one.linked[neuron] else _INK if neuron < own else _FAINT
            draw.line((x, middle, x, y), fill=colour, width=2 if one.linked[neuron] else 1)
        draw.text((left, above - _HEAD + 6), one.title, fill=_INK, font=font)
        draw.text((left + width - 40, above), f"{top:.2g}", fill=_INK, font=font)
    return np.asarray(picture)


def _evenly(n: int, width: int) -> np.ndarray:
    return (np.arange(n) + 0.5) * width / n
