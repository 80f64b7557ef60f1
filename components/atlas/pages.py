"""The atlas as pages for people: one style, no network, and a script for the filter alone."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from topiclens.components.atlas.entries import FEW_CLIPS, Atlas, Histogram
from topiclens.components.neurons.detection import DETECTION
from topiclens.components.relevance.page import templates
from topiclens.schemas.files import write_json, write_text
from topiclens.schemas.plain import to_plain

NUMBERS = "atlas.json"


def write_atlas(folder: str | os.PathLike, atlas: Atlas) -> str:
    """Writes the index, a page for each topic and each neuron, and `atlas.json`; gives the path of the index."""
    told: dict[str, Any] = {"atlas": atlas, "few_clips": FEW_CLIPS, "metrics": DETECTION}
    topic_page, neuron_page = (_environment().get_template(name) for name in ("topic.html", "neuron.html"))
    for topic in atlas.topics:
        page = topic_page.render(told, title=topic.name, topic=topic)
        write_text(os.path.join(folder, f"topic-{topic.id}.html"), page)
    for one in atlas.neurons:
        changes = [change for change in atlas.changed or () if change.neuron == one.neuron]
        page = neuron_page.render(told, title=f"Neuron {one.neuron}", one=one, changes=changes, charts_of=_shares)
        write_text(os.path.join(folder, f"neuron-{one.neuron}.html"), page)
    write_json(os.path.join(folder, NUMBERS), to_plain(atlas))
    path = os.path.join(folder, "index.html")
    write_text(path, _index(told))
    return path


def _index(told: dict[str, Any]) -> str:
    # The page allows this script alone, by its digest.
    script = (resources.files("topiclens.components.atlas") / "templates" / "filter.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("atlas.html")
        .render(
            told,
            title="Atlas of topics and neurons",
            by_videos=sorted(told["atlas"].topics, key=lambda topic: -topic.videos),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    """The explanations' environment, with the atlas' own templates."""
    explanations = templates()
    assert explanations.loader is not None
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("topiclens.components.atlas"), explanations.loader])
    environment = explanations.overlay(loader=loader)
    environment.filters = explanations.filters | {"figure": _figure}
    return environment


def _figure(value: float | None) -> str:
    """A figure with three decimals and a true minus; a dash where there is none."""
    return "–" if value is None else f"{value + 0.0:.3f}".replace("-", "\u2212")


def _shares(histogram: Histogram) -> dict[str, Any]:
    """Of each bin the share of clips with the topic, that of clips without, and its edges; and the greatest share."""
    having, without = (
        [count / max(sum(clips), 1) for count in clips] for clips in (histogram.with_topic, histogram.without)
    )
    width = (histogram.high - histogram.low) / len(having)
    edges = [
        f"{_figure(histogram.low + place * width)} to {_figure(histogram.low + (place + 1) * width)}"
        for place in range(len(having))
    ]
    return {"having": having, "without": without, "edges": edges, "top": max([*having, *without])}
