"""Serves the review page."""

from __future__ import annotations

from collections.abc import Callable

from topiclens.serving.asgi import build_server, open_socket
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.backend import ReviewBackend
from topiclens.serving.review.limits import PageLimits

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8600


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
    with open_socket(host, port) as listening:
        if ready is not None:  # who asks now waits until it answers
            ready(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/")
        app = create_app(backend, access, limits=limits)
        build_server(app, connections=limits.connections).run(sockets=[listening])
