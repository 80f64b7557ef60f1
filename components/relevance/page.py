"""An explanation for people: as a page, one HTML file without script or network, and as a picture for slides."""

from __future__ import annotations

import base64
import functools
import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from topiclens.components.relevance.evidence import STRONG_FROM, WEAK_BELOW, frame_evidence
from topiclens.components.relevance.explanation import Explanation, clock
from topiclens.components.topics.documents import stop_words
from topiclens.schemas.timelines import EvidenceLevel

_TICKS = 4  # of a time axis on the page
# How far frames that give little are faded: not where they hardly differ.
_FADES = {EvidenceLevel.WEAK: 0.0, EvidenceLevel.MODERATE: 0.36, EvidenceLevel.STRONG: 0.72}
_INK, _SOFT, _LOOK, _FOR, _AGAINST, _NOTHING = "#1f2a33", "#5c6872", "#0b7a75", "#c2412d", "#2b68b0", "#f7f5f0"
_WIDTH = 11.0  # of the picture, in inches
_PICTURE_FRAMES, _PICTURE_TICKS = 10, 8


@dataclass(frozen=True)
class Way:
    """Where a page leads, as seen from it; what is None is not there."""

    atlas: str | None = None  # the folder of the model's atlas; topics and neurons lead there
    back: tuple[str, str] | None = None  # the page before, and the video that it is of
    on: tuple[str, str] | None = None  # the page behind


@dataclass(frozen=True)
class Entry:
    """A video on the index page."""

    video: str
    page: str | None  # the file of its page, beside the index; None where it has none
    said: str  # its caption, or why it has no page
    picture: bytes | None = None  # a JPEG
    about: str = ""  # more in a few words


def page(
    explanation: Explanation,
    pictures: Sequence[bytes] = (),
    heat_pictures: Sequence[bytes] = (),
    way: Way = Way(),
) -> str:
    """One video's page, beside which its index lies.

    Args:
        pictures: its frames as small JPEGs; none where only their features are known.
        heat_pictures: of its heat maps, as JPEG.
        way: to other pages.
    Raises:
        ValueError: the pictures are of another clip.
    """
    if len(pictures) not in (0, explanation.frames):
        raise ValueError(
            f"There are {len(pictures)} pictures for {explanation.frames} frames; expected one for each, or none."
        )
    words = explanation.words
    names = [*(f"w{place}" for place in range(len(words))), "all"]
    activations = [neuron.activations for line in explanation.timelines for neuron in line.neurons]
    particular = [word.evidence.particular for word in words if word.evidence and word.evidence.particular]
    return (
        templates()
        .get_template("explanation.html")
        .render(
            title=explanation.caption or explanation.video,
            atlas_at=way.atlas,
            way=way,
            explanation=explanation,
            pictures=pictures,
            heats=list(zip(explanation.heat_maps, heat_pictures, strict=True)),
            moments=explanation.moments,
            probability=math.exp(explanation.log_prob),
            choices=[(name, fade, list(zip(*rows))) for name, fade, *rows in zip(names, *_strengths(explanation))],
            chosen=names[_most_telling(explanation)] if words else "all",
            evidence=_by_level(explanation),
            weak_below=WEAK_BELOW,
            strong_from=STRONG_FROM,
            attention_reach=max([2 / explanation.frames, *(max(word.attention) for word in words)]),
            relevance_reach=_reach([word.relevance or () for word in words]),
            particular=particular,
            particular_reach=_reach(particular),
            seen_rows=[[max(score, 0.0) for score in line.scores] for line in explanation.timelines if line.scores],
            timeline_reach=math.ceil(max(0.05, float(np.abs(activations).max())) * 10) / 10,
        )
    )


def index(entries: Sequence[Entry], title: str = "Captions, explained", atlas: str | None = None) -> str:
    """A page that leads to the pages of many videos, in the order given, and to the atlas (see `Way`)."""
    explained = sum(entry.page is not None for entry in entries)
    told = {"title": title, "entries": entries, "explained": explained, "atlas_at": atlas}
    return templates().get_template("index.html").render(told)


@functools.cache
def templates() -> jinja2.Environment:
    """The pages' templates. All that they print is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("topiclens.components.relevance"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clock=clock, share=share, signed=signed, times=times, data_uri=_data_uri)
    environment.globals.update(side=lambda value: "for" if value >= 0 else "against", ticks=_ticks, zip=zip)
    return environment


def _ticks(frames: int) -> list[int]:
    return sorted({round(tick * (frames - 1) / (_TICKS - 1)) for tick in range(_TICKS)})


def _by_level(explanation: Explanation) -> list[tuple[EvidenceLevel, list[str]]]:
    """The words by how strong the evidence of their frames is, the strongest first."""
    told = [(word.evidence.level, word.text) for word in explanation.words if word.evidence]
    by_level = [(level, [text for one, text in told if one is level]) for level in reversed(EvidenceLevel)]
    return [(level, texts) for level, texts in by_level if texts]


def _reach(rows: Sequence[Sequence[float]]) -> float:
    """The value that has the full colour."""
    return max((abs(value) for row in rows for value in row), default=0.0) or 1.0


def _strengths(explanation: Explanation) -> tuple[list[float], np.ndarray, np.ndarray]:
    """How far faint frames are faded (choices,), and attention and relevance (choices, frames): of each word and of all
    together. A row's strongest is 1, or less where even that is not twice an even share."""
    time = explanation.frames
    attention = np.array([word.attention for word in explanation.words]).reshape(-1, time)
    relevance = np.array([word.relevance or [0.0] * time for word in explanation.words]).reshape(-1, time)
    both = []
    for rows in (attention, relevance):
        rows = np.concatenate([rows, rows.sum(axis=0, keepdims=True)])
        size = np.abs(rows)
        largest = np.maximum(size.max(axis=1, keepdims=True), 2 * size.mean(axis=1, keepdims=True))
        both.append(rows / np.where(largest > 0, largest, 1))
    levels = [one.level for one in frame_evidence(both[1] if explanation.has_relevance else both[0])]
    return [_FADES[level] for level in levels], both[0], both[1]


def _most_telling(explanation: Explanation) -> int:
    """The word to show first: of those with meaning, the one that frames speak for most, or else that looks closest."""
    telling = [place for place, word in enumerate(explanation.words) if word.text not in stop_words()]

    def told(place: int) -> float:
        word = explanation.words[place]
        return max(word.attention) if word.from_frames is None else word.from_frames

    return max(telling or range(len(explanation.words)), key=told)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def share(value: float) -> str:
    """A share in per cent."""
    digits = 0 if value >= 0.1 else 1 if value >= 0.001 else 3
    return f"{100 * value:.{digits}f}\u00a0%"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus among them."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")  # + 0.0: zero has no minus


def times(logits: float) -> str:
    """How many times as likely so many logits make a word."""
    value = float(f"{math.exp(logits):.2g}")
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


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
    # A figure of its own, not pyplot's: it needs no display and is not kept.
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


def _film(part: Any, explanation: Explanation, pictures: Sequence[bytes]) -> None:
    last, called = len(pictures) - 1, explanation.moments
    places = sorted({round(place) for place in np.linspace(0, last, min(_PICTURE_FRAMES, len(pictures)))})
    for axis, place in zip(part.subplots(1, len(places), squeeze=False)[0], places):
        axis.imshow(np.asarray(Image.open(io.BytesIO(pictures[place])).convert("RGB")))
        axis.set_axis_off()
        axis.set_title(called[place], fontsize=7, color=_SOFT, pad=2)


def _heat_map(part: Any, kind: str, values: np.ndarray, texts: Sequence[str], called: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    hues = [_NOTHING, _LOOK] if kind == "attention" else [_AGAINST, _NOTHING, _FOR]
    reach = float(np.abs(values).max()) or 1.0
    axis = part.subplots()
    image = axis.imshow(
        values, cmap=LinearSegmentedColormap.from_list(kind, hues), vmin=0 if kind == "attention" else -reach,
        vmax=reach, aspect="auto", interpolation="nearest",
    )  # fmt: skip
    ticks = sorted({round(place) for place in np.linspace(0, len(called) - 1, min(_PICTURE_TICKS, len(called)))})
    axis.set_xticks(ticks, [called[tick] for tick in ticks], fontsize=7, color=_SOFT)
    axis.set_yticks(range(len(texts)), texts, fontsize=9, color=_INK)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    bar = part.colorbar(image, ax=axis, pad=0.01, aspect=12)
    bar.set_label(kind, fontsize=8, color=_INK)
    bar.ax.tick_params(labelsize=6, length=0, labelcolor=_SOFT)
    bar.outline.set_visible(False)
