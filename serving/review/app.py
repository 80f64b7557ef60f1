"""The review page as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from topiclens.serving.asgi import build_server, open_socket
from topiclens.serving.review import api, atlas_pages, events, forms, pages, rendering
from topiclens.serving.review.access import Access, Sessions
from topiclens.serving.review.backend import NotFound, Refused, ReviewBackend, ReviewError, Unavailable
from topiclens.serving.review.limits import PageLimits
from topiclens.serving.review.request_limits import Guard

_STATUSES: dict[type[Exception], int] = {NotFound: 404, Refused: 409, Unavailable: 503}


def create_app(
    backend: ReviewBackend, access: Access, *, limits: PageLimits = PageLimits(), atlas: str | None = None
) -> FastAPI:
    """The pages, their forms and a JSON API, which ``/api/openapi.json`` describes.

    Args:
        atlas: the folder of the model's atlas, which is shown too; None where there is none.
    """
    app = FastAPI(
        title="TopicLens review",
        description="Captions to be looked at, corrections, refinements and versions of one run.",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own pages of it load scripts from elsewhere
        redoc_url=None,
    )
    app.state.backend, app.state.access, app.state.limits = backend, access, limits
    app.state.sessions, app.state.templates = Sessions(), rendering.create_environment(atlas is not None)
    app.state.atlas = atlas
    app.state.uploads = asyncio.Semaphore(limits.uploads_at_once)
    app.state.streams, app.state.is_leaving = asyncio.Semaphore(events.STREAMS), lambda: False
    app.include_router(api.ROUTER)
    app.include_router(atlas_pages.ROUTER)
    app.include_router(pages.ROUTER)
    app.include_router(forms.ROUTER)
    app.include_router(events.ROUTER)
    app.mount("/static", StaticFiles(directory=rendering.FOLDER / "static"))
    app.add_exception_handler(ReviewError, _backend_refuses)
    app.add_exception_handler(RequestValidationError, _cannot_be_read)
    app.add_exception_handler(HTTPException, _http_refuses)

    def answer(request: Request, status: int, sentence: str) -> Response:
        request.scope["app"] = app
        return rendering.render_refusal(request, status, sentence)

    app.add_middleware(Guard, access=access, sessions=app.state.sessions, limits=limits, answer=answer)
    return app


async def _backend_refuses(request: Request, error: Exception) -> Response:
    return rendering.render_refusal(request, _STATUSES.get(type(error), 422), str(error))


async def _http_refuses(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {404: "There is nothing at this address.", 405: "This address does not take such a request."}
    response = rendering.render_refusal(request, error.status_code, sentences.get(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response


async def _cannot_be_read(request: Request, error: Exception) -> Response:
    """Says which part is wrong. What came is not repeated: it may be anything."""
    assert isinstance(error, RequestValidationError)
    faults = [f"{fault['loc'][-1] if fault['loc'] else 'request'}: {fault['msg']}" for fault in error.errors()[:3]]
    sentence = f"The request cannot be read. {'; '.join(faults)}."
    return rendering.render_refusal(request, 422, sentence.encode("utf-8", "replace").decode()[:500])


DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8600


def serve(
    backend: ReviewBackend,
    access: Access,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    limits: PageLimits = PageLimits(),
    atlas: str | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Answers until it is interrupted.

    Args:
        host: the address to listen at; beyond this machine's own, people must show who they are.
        port: 0 for any that is free.
        atlas: as in `create_app`.
        ready: called with the page's address once it can be asked.
    """
    access.check_bind(host)
    with open_socket(host, port) as listening:
        if ready is not None:  # who asks now waits until it answers
            ready(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/")
        app = create_app(backend, access, limits=limits, atlas=atlas)
        server = build_server(app, connections=limits.connections)
        app.state.is_leaving = lambda: server.should_exit
        server.run(sockets=[listening])
