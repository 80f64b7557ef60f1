"""Server-sent events: what the page shows of a refinement, whenever that has changed, until it is done.

A stream has bounds. It ends with the refinement, and after a while at any rate: then the browser asks anew. There are
only so many at once, of all the connections that the page takes; whoever gets none asks by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from topiclens.serving.review.backend import ReviewBackend, ReviewError, Unavailable
from topiclens.serving.review.dependencies import Id, Reader, TheBackend
from topiclens.serving.review.pages import job_shown
from topiclens.serving.review.rendering import render_page
from topiclens.serving.review.shown import JobState

ROUTER = APIRouter(include_in_schema=False)
STREAMS = 16
LONGEST = 300.0  # seconds
EVERY = 1.0  # seconds between two looks
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep events until there are many


@ROUTER.get("/refinement/events")
async def follow_refinement(request: Request, backend: TheBackend, _: Reader, id: Id) -> Response:
    streams: asyncio.Semaphore = request.app.state.streams
    if streams.locked():
        raise Unavailable(f"{STREAMS} pages follow refinements already. Ask for the refinement instead.")
    await run_in_threadpool(backend.job, id)  # there is none: it is said before a stream begins
    return StreamingResponse(_events(request, backend, id), media_type="text/event-stream", headers=_HEADERS)


async def _events(request: Request, backend: ReviewBackend, job_id: str) -> AsyncIterator[str]:
    def look() -> tuple[str, bool]:
        job = backend.job(job_id)
        page = bytes(render_page(request, "_job.html", **job_shown(backend, job)).body)
        return page.decode(), job.state is JobState.RUNNING

    state = request.app.state
    async with state.streams:
        yield f"retry: {int(1000 * EVERY)}\n\n"
        before, end = "", time.monotonic() + LONGEST
        while time.monotonic() < end and not state.is_leaving():  # a server that is to stop waits for its answers
            try:
                html, running = await run_in_threadpool(look)
            except ReviewError:  # as while versions change; the browser asks anew
                return
            if html != before:
                yield "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
            if not running:
                return
            before = html
            await asyncio.sleep(EVERY)
