"""The atlas of topics and neurons, as the run that trained the model wrote it: pages that stand alone."""

from __future__ import annotations

import os
import re

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from topiclens.serving.review.backend import NotFound
from topiclens.serving.review.dependencies import Reader

ROUTER = APIRouter(include_in_schema=False)
# What the folder of an atlas has; no other name becomes a path.
_NAMES = re.compile(r"(index|(topic|neuron)-[0-9]{1,9})\.html|atlas\.json")


@ROUTER.get("/atlas/{name}")
def atlas_page(request: Request, person: Reader, name: str) -> Response:
    folder = request.app.state.atlas
    path = os.path.join(folder, name) if folder is not None and _NAMES.fullmatch(name) else ""
    if not os.path.isfile(path):
        raise NotFound("The atlas of this model has no such page.")
    return FileResponse(path)
