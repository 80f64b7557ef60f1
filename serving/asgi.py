"""An HTTP server for an ASGI application. Silence, bodies and connections have bounds, so no client can block it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import uvicorn
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_SECONDS = 5
# Bytes a second, of a body that is large.
_SLOWEST = 2**18
# After a refusal, this much is still read and dropped, for this long, so that the sender gets to read the answer.
_MAX_DISCARDED = 64 * 2**20
_LINGER_SECONDS = 10


def open_socket(host: str, port: int) -> socket.socket:
    """Listens at an address; port 0 takes a free one. OSError: it is taken, or not this machine's."""
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # asyncio sets this only where a socket names its protocol; without it, answers on a kept connection take 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def build_server(app: ASGIApp, *, connections: int, idle_seconds: float = 10) -> uvicorn.Server:
    """The server of an application that bounds bodies itself (`BoundedBody`); `should_exit` ends its `run`.

    Args:
        connections: more at the same time are answered with 503.
        idle_seconds: how long a connection may take to begin a request, with its whole head.
    """
    config = uvicorn.Config(
        app,
        http=_IdleLimitedProtocol,
        lifespan="off",
        ws="none",
        log_config=None,  # uvicorn's own would close all other handlers of logs
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # the review page's `TrustedProxy` needs the peer's own address
        server_header=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.timeout_keep_alive = idle_seconds  # type: ignore[assignment]  # a timer takes fractions too
    return uvicorn.Server(config)


class ServerThread:
    """Runs a server in a thread of its own until `stop`, which also closes the socket."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket):
        self.host, self.port = listening.getsockname()[:2]
        self._server, self._socket = server, listening
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="http", daemon=True)
        self._thread.start()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Takes no more requests, and waits ``grace`` seconds for those that are being answered."""
        self._server.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]  # as above
        self._server.should_exit = True
        self._thread.join(grace + 1)
        self._socket.close()


class BoundedBody:
    """The `receive` of a server, with bounds on the body's size and time, whatever its headers promised.

    Args:
        most: bytes.
        seconds: that it may take to arrive, besides a second for every 256 KiB that it may have.
        too_large: the message for a longer one.
    """

    def __init__(self, receive: Receive, *, most: int, seconds: float, too_large: str):
        self._receive, self._most, self._too_large = receive, most, too_large
        self._until = time.monotonic() + seconds + most / _SLOWEST
        self._seen, self._whole = 0, False

    async def __call__(self) -> Message:
        """The next message; HTTPException 408 or 413 for a body out of bounds."""
        if self._whole:  # the next message is that the client leaves
            return await self._receive()
        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The request took too long to arrive.") from None
        self._seen += len(message.get("body", b""))
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._seen > self._most:
            raise HTTPException(413, self._too_large)
        return message


def read_content_length(headers: Headers) -> int:
    """The length of the body by its header, 0 without one; HTTPException 400 where it is not a number."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise HTTPException(400, f"The request gives no readable Content-Length: {length[:40]!r}.")
    return int(length)


async def answer_unread(response: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request whose body was not read, and then drops the rest of the body.

    A connection that closes earlier is reset before the client has read the answer (RFC 9112, section 9.6).
    """

    async def hold_open(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await response(scope, receive, hold_open)
    left = _MAX_DISCARDED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0 and (message := await receive()).get("more_body", False):
                left -= len(message["body"])
    await send({"type": "http.response.body"})


class _IdleLimitedProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose next request does not begin in time, with its whole head.

    uvicorn's own clock runs from an answer to the next byte: a client that sends nothing, or half a head, would keep a
    connection for ever. This clock stops while a request is answered; its body is bounded by `BoundedBody`.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent
        super().connection_made(transport)
        self._set_clock()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_clock()

    def _set_clock(self) -> None:
        """Starts the clock unless it runs, and stops it where a request is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_clock()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _stop_clock(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
