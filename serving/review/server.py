"""Serves the review page."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from serving.review.access import Access
from serving.review.app import create_app
from serving.review.desk import Desk
from serving.review.limits import Limits

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8600
_IDLE_SECONDS = 10
_GRACE_SECONDS = 5


def serve(
    desk: Desk,
    access: Access,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    limits: Limits = Limits(),
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
        server_of(create_app(desk, access, limits=limits), limits).run(sockets=[listening])


def server_of(app: ASGIApp, limits: Limits = Limits()) -> uvicorn.Server:
    """What answers for an application; `should_exit` ends its `run`."""
    config = uvicorn.Config(
        app,
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
