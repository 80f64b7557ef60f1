"""Serves the review page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.backend import ReviewBackend
from topiclens.serving.review.limits import PageLimits

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8600
_IDLE_SECONDS = 10
_GRACE_SECONDS = 5


def serve(
    backend: ReviewBackend,
    access: Access,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    limits: PageLimits = PageLimits(),
    ready: Callable[[str], None] | None = None,
) -> None:
    """Answers until it is interrupted.

    Args:
        host: the address to listen at; beyond this machine's own, people must show who they are.
        port: 0 for any that is free.
        limits: what requests may cost.
        ready: called with the page's address once it can be asked.
    Raises:
        AccessError: everybody on the network could come in.
        OSError: the port is taken.
    """
    access.check_bind(host)
    six = ":" in host
    with socket.create_server((host, port), family=socket.AF_INET6 if six else socket.AF_INET) as listening:
        if ready is not None:  # who asks now waits until it answers
            ready(f"http://{f'[{host}]' if six else host}:{listening.getsockname()[1]}/")
        server_of(create_app(backend, access, limits=limits), limits).run(sockets=[listening])


def server_of(app: ASGIApp, limits: PageLimits = PageLimits()) -> uvicorn.Server:
    """What answers for an application; `should_exit` ends its `run`."""
    config = uvicorn.Config(
        app,
        http=_NoSilence,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # the peer's address must be the peer's: `TrustedProxy` depends on it
        server_header=False,
        ws="none",
        limit_concurrency=limits.connections,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


class _NoSilence(H11Protocol):
    """HTTP/1.1 that closes a connection whose next request does not begin in time, with its whole head.

    uvicorn's own clock runs from an answer to the next byte, so that whoever sends nothing, or half a head, would keep
    a connection for ever, and there are only so many. Ours stands still while a request is answered: how long its body
    may take is the guard's affair.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wind_the_clock()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wind_the_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_the_clock()

    def _wind_the_clock(self) -> None:
        """Starts the clock unless it runs, and stops it where a request is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_the_clock()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _stop_the_clock(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
