"""How long a connection may say nothing, what a stop waits for: asked by bare sockets."""

import asyncio
import contextlib
import logging
import socket
import time
from http.client import HTTPResponse

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from topiclens.serving import asgi

IDLE, PATIENCE = 0.3, 10  # seconds
MOST = 3  # connections
LENGTH = 1000  # bytes
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: local"
POST = b"POST %%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % LENGTH


async def application(scope, receive, send):
    """Answers late at /slow, with the body at /echo, and without looking at any elsewhere."""
    if scope["type"] == "http":
        body = await Request(scope, receive).body() if scope["path"] == "/echo" else b""
        await asyncio.sleep(2 * IDLE if scope["path"] == "/slow" else 0)
        await PlainTextResponse(body or b"here")(scope, receive, send)


@pytest.fixture
def server():
    """A server that takes few connections; it is stopped afterwards."""
    serving = asgi.build_server(application, connections=MOST, idle_seconds=IDLE)
    server = asgi.ServerThread(serving, asgi.open_socket("127.0.0.1", 0))
    yield server
    server.stop(grace=PATIENCE)


@pytest.fixture
def connect(server):
    """Opens connections to the server."""
    with contextlib.ExitStack() as opened:
        yield lambda: opened.enter_context(socket.create_connection((server.host, server.port), PATIENCE))


def _answer(connection, request=b""):
    connection.sendall(request)
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def _is_closed(connection):
    """Waits for it; nothing may come before."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def _bears_drops(connection, seconds):
    """Whether a byte can be sent now and then for so long."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < until:
            connection.sendall(b"x")
            time.sleep(IDLE / 10)
        return True
    return False


def test_who_sends_no_whole_head_keeps_nobody_out(connect):
    silent, half = [connect() for _ in range(MOST)], [connect() for _ in range(MOST)]
    for one in half:
        one.sendall(HALF)
    assert all(_is_closed(one) for one in silent + half)
    assert _answer(connect(), WHOLE) == (200, b"here")


def test_a_head_that_comes_byte_by_byte_has_no_more_time(connect):
    slow = connect()
    slow.sendall(HALF)
    assert not _bears_drops(slow, PATIENCE)


def test_half_a_head_after_an_answer_is_not_waited_for(connect):
    kept = connect()
    for _ in range(2):
        assert _answer(kept, WHOLE) == (200, b"here")
    kept.sendall(HALF)
    assert _is_closed(kept)


def test_a_body_that_comes_after_the_answer_is_not_waited_for(connect):
    answered = connect()
    assert _answer(answered, POST % b"/") == (200, b"here")
    answered.sendall(b"x")
    assert _is_closed(answered)


def test_who_is_being_answered_or_sends_a_body_is_not_cut(connect):
    waiting, sending = connect(), connect()
    waiting.sendall(WHOLE.replace(b"/", b"/slow", 1))
    sending.sendall(POST % b"/echo")
    assert _bears_drops(sending, 2 * IDLE)
    assert _answer(waiting) == (200, b"here")
    assert _answer(sending, b"x" * LENGTH) == (200, b"x" * LENGTH)


def test_a_stop_waits_for_who_is_being_answered(connect, server):
    waiting, kept = connect(), connect()
    assert _answer(kept, WHOLE) == (200, b"here")
    waiting.sendall(WHOLE.replace(b"/", b"/slow", 1))
    time.sleep(IDLE)  # until it is being answered
    server.stop(grace=PATIENCE)
    assert _answer(waiting) == (200, b"here")
    assert _is_closed(kept)
    with pytest.raises(ConnectionRefusedError):
        connect()


def test_answers_on_a_kept_connection_are_not_held_back(connect):
    kept, seconds = connect(), []
    for _ in range(21):
        begun = time.monotonic()
        assert _answer(kept, WHOLE) == (200, b"here")
        seconds.append(time.monotonic() - begun)
    assert sorted(seconds)[10] < 0.03  # a delayed acknowledgement takes 0.04 s


def test_a_server_leaves_the_handlers_of_logs_open_that_others_have_set_up(monkeypatch):
    closed = []
    handler = logging.StreamHandler()
    monkeypatch.setattr(handler, "close", lambda: closed.append(handler))
    asgi.build_server(application, connections=1)
    assert not closed
