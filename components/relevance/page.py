"""An explanation as a page for people: one HTML file that holds all it needs, without a script or a network."""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
import numpy as np

from topiclens.components.relevance.explanation import Explanation, clock
from topiclens.components.topics.documents import stop_words

_TICKS = 4  # of a time axis


@dataclass(frozen=True)
class Entry:
    """A video on the index page: the file of its page, beside the index, and its caption, or None and what is wrong
    with it.

    `picture` is a JPEG, `about` says more in a few words.
    """

    video: str
    page: str | None
    said: str
    picture: bytes | None = None
    about: str = ""


def page(explanation: Explanation, pictures: Sequence[bytes] = (), heat_pictures: Sequence[bytes] = ()) -> str:
    """One video's page.

    Args:
        pictures: its frames as small JPEGs; none where only their features are known.
        heat_pictures: of its heat maps, as JPEG.
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
    return (
        templates()
        .get_template("explanation.html")
        .render(
            title=explanation.caption or explanation.video,
            explanation=explanation,
            pictures=pictures,
            heats=list(zip(explanation.heat_maps, heat_pictures, strict=True)),
            moments=explanation.moments,
            probability=math.exp(explanation.log_prob),
            choices=[(name, list(zip(*rows))) for name, *rows in zip(names, *_strengths(explanation))],
            chosen=names[_most_telling(explanation)] if words else "all",
            relevance_reach=max((abs(value) for word in words for value in word.relevance or ()), default=0.0) or 1.0,
            timeline_reach=math.ceil(max(0.05, float(np.abs(activations).max())) * 10) / 10,
        )
    )


def index(entries: Sequence[Entry], title: str = "Captions, explained") -> str:
    """A page that leads to the pages of many videos, in the order given."""
    explained = sum(entry.page is not None for entry in entries)
    return templates().get_template("index.html").render(title=title, entries=entries, explained=explained)


@functools.cache
def templates() -> jinja2.Environment:
    """The pages' templates. Everything that they print is escaped; none says otherwise."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("topiclens.components.relevance"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clock=clock, share=share, signed=signed, data_uri=_data_uri)
    environment.globals.update(side=lambda value: "for" if value >= 0 else "against", ticks=_ticks, zip=zip)
    return environment


def _ticks(frames: int) -> list[int]:
    return sorted({round(tick * (frames - 1) / (_TICKS - 1)) for tick in range(_TICKS)})


def _strengths(explanation: Explanation) -> tuple[np.ndarray, np.ndarray]:
    """Attention and relevance (choices, frames), of each word and of all together, each row's strongest being 1."""
    time = explanation.frames
    attention = np.array([word.attention for word in explanation.words]).reshape(-1, time)
    relevance = np.array([word.relevance or [0.0] * time for word in explanation.words]).reshape(-1, time)
    both = []
    for rows in (attention, relevance):
        rows = np.concatenate([rows, rows.sum(axis=0, keepdims=True)])
        largest = np.abs(rows).max(axis=1, keepdims=True)
        both.append(rows / np.where(largest > 0, largest, 1))
    return both[0], both[1]


def _most_telling(explanation: Explanation) -> int:
    """The word to show first: of those with meaning, the one that frames speak for most, or that looks most closely."""
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
