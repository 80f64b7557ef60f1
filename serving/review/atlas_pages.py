"""The atlas of topics and neurons, as the run that trained the model wrote it: pages that stand alone.

Each is shown with the way back to the review page, and a topic's page with the corrections about the topic.
"""

from __future__ import annotations

import os
import re

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from topiclens.serving.review.backend import NotFound, ReviewBackend
from topiclens.serving.review.dependencies import Reader, TheBackend
from topiclens.serving.review.shown import ReviewedCorrection

ROUTER = APIRouter(include_in_schema=False)
MOST_CORRECTIONS = 50  # of a topic, the newest
# What the folder of an atlas has; no other name becomes a path.
_NAMES = re.compile(r"(?:index|topic-(?P<topic>[0-9]{1,9})|neuron-[0-9]{1,9})\.html|atlas\.json")


@ROUTER.get("/atlas/{name}")
def atlas_page(request: Request, backend: TheBackend, _: Reader, name: str) -> Response:
    folder, known = request.app.state.atlas, _NAMES.fullmatch(name)
    path = os.path.join(folder, name) if folder is not None and known else ""
    if known is None or not os.path.isfile(path):
        raise NotFound("The atlas of this model has no such page.")
    if not name.endswith(".html"):
        return FileResponse(path)
    with open(path, encoding="utf-8") as file:
        page = file.read()
    told = {"about": known["topic"] is not None, "corrections": ()}
    if known["topic"] is not None:
        told["corrections"] = about_topic(backend, int(known["topic"]))
    extra = request.app.state.templates.get_template("_atlas.html").make_module(told)
    before, end, behind = page.rpartition("</main>")
    return HTMLResponse(before.replace("<main>", f"<main>{extra.way()}", 1) + f"{extra.corrections_of()}{end}{behind}")


def about_topic(backend: ReviewBackend, topic_id: int) -> list[ReviewedCorrection]:
    """The corrections that say a topic, newest first. A topic keeps its name or its first words where training numbers
    topics anew."""
    topic = next((one for one in backend.topics() if one.id == topic_id), None)
    if topic is None:
        return []
    said = [
        one for one in backend.corrections()
        if one.topic.name == topic.name or one.topic.words[:3] == topic.words[:3]
    ]  # fmt: skip
    return said[:MOST_CORRECTIONS]
