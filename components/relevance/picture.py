"""An explanation as one picture, for slides and papers: the frames, and the words over them."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image

from topiclens.components.relevance.explanation import Explanation

_INK, _SOFT, _LOOK, _FOR, _AGAINST, _NOTHING = "#1f2a33", "#5c6872", "#0b7a75", "#c2412d", "#2b68b0", "#f7f5f0"
_FRAMES_SHOWN = 10
_WIDTH = 11.0  # inches
_TICKS = 8


def picture(explanation: Explanation, pictures: Sequence[bytes] = ()) -> bytes:
    """The caption, some frames if there are pictures (JPEG) of them, and heat maps of attention and relevance: PNG."""
    from matplotlib.figure import Figure

    texts = [word.text for word in explanation.words] or ["(no word)"]
    nothing = np.zeros((1, explanation.frames))
    maps = [("attention", np.array([word.attention for word in explanation.words]) if explanation.words else nothing)]
    if explanation.has_relevance and explanation.words:
        maps.append(("relevance", np.array([word.relevance for word in explanation.words])))
    title = textwrap.wrap(explanation.caption or "(no word at all)", 70)
    heights = [1.1] * bool(pictures) + [0.28 * len(texts) + 0.5] * len(maps)
    # A figure of its own, not pyplot's: nothing is kept after it, and no display is asked for.
    figure = Figure(figsize=(_WIDTH, sum(heights) + 0.4 + 0.32 * len(title)), dpi=130, layout="constrained")
    figure.suptitle("\n".join(title), fontsize=15, color=_INK, fontweight="bold", x=0.01, ha="left")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if pictures:
        _film(parts[0], explanation, pictures)
    for part, (kind, values) in zip(parts[-len(maps) :], maps):
        _heat_map(part, kind, values, texts, explanation.moments)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, facecolor="white")
    return buffer.getvalue()


def _film(part, explanation: Explanation, pictures: Sequence[bytes]) -> None:
    last, called = len(pictures) - 1, explanation.moments
    places = sorted({round(place) for place in np.linspace(0, last, min(_FRAMES_SHOWN, len(pictures)))})
    for axis, place in zip(part.subplots(1, len(places), squeeze=False)[0], places):
        axis.imshow(np.asarray(Image.open(io.BytesIO(pictures[place])).convert("RGB")))
        axis.set_axis_off()
        axis.set_title(called[place], fontsize=7, color=_SOFT, pad=2)


def _heat_map(part, kind: str, values: np.ndarray, texts: Sequence[str], called: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    hues = [_NOTHING, _LOOK] if kind == "attention" else [_AGAINST, _NOTHING, _FOR]
    reach = float(np.abs(values).max()) or 1.0
    axis = part.subplots()
    image = axis.imshow(
        values, cmap=LinearSegmentedColormap.from_list(kind, hues), vmin=0 if kind == "attention" else -reach,
        vmax=reach, aspect="auto", interpolation="nearest",
    )  # fmt: skip
    ticks = sorted({round(place) for place in np.linspace(0, len(called) - 1, min(_TICKS, len(called)))})
    axis.set_xticks(ticks, [called[tick] for tick in ticks], fontsize=7, color=_SOFT)
    axis.set_yticks(range(len(texts)), texts, fontsize=9, color=_INK)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    bar = part.colorbar(image, ax=axis, pad=0.01, aspect=12)
    bar.set_label(kind, fontsize=8, color=_INK)
    bar.ax.tick_params(labelsize=6, length=0, labelcolor=_SOFT)
    bar.outline.set_visible(False)
