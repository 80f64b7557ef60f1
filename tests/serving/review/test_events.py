"""What a page is sent of a refinement: by a real server, since the client of the other tests reads answers whole."""

import contextlib
import dataclasses
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.serving.review.conftest import CAPTIONS
from tests.serving.review.memory_backend import MemoryBackend
from topiclens.serving.asgi import ServerThread, build_server, open_socket
from topiclens.serving.review import events
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.shown import JobState

STREAMS = 3


@pytest.fixture
def backend():
    backend = MemoryBackend(CAPTIONS)
    backend.propose("stage", [1], "ada")
    backend.start_refinement("ada")
    return backend


@pytest.fixture
def address(backend, monkeypatch):
    monkeypatch.setattr(events, "EVERY", 0.05)
    monkeypatch.setattr(events, "STREAMS", STREAMS)
    listening = open_socket("127.0.0.1", 0)
    server = ServerThread(build_server(create_app(backend, Access.on_loopback("ada")), connections=32), listening)
    yield f"http://127.0.0.1:{server.port}/refinement/events?id={backend.latest_job().id}"
    server.stop(0)


def follow(address, found=None, seconds=30):
    """The events of a stream, as the browser joins their lines, until the server ends it."""
    found, lines = [] if found is None else found, []
    with urllib.request.urlopen(address, timeout=seconds) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer:
            if text := line.decode().rstrip("\n"):
                lines += [text.removeprefix("data: ")] if text.startswith("data: ") else []
            elif lines:
                found.append("\n".join(lines))
                lines = []
    return found


def progress(backend, share):
    backend._job = dataclasses.replace(backend._job, share=share)


def test_several_pages_see_each_change_once_and_the_end(address, backend):
    seen = [[] for _ in range(STREAMS)]
    pages = [threading.Thread(target=follow, args=(address, one)) for one in seen]
    for page in pages:
        page.start()
    for told, share in enumerate((None, 0.4, 0.6), start=1):
        if share:
            progress(backend, share)
        end = time.monotonic() + 30
        while any(len(one) < told for one in seen) and time.monotonic() < end:
            time.sleep(0.01)
    backend.finish()
    for page in pages:
        page.join(30)
    for one in seen:
        shares = [share for event in one for share in ("20 %", "40 %", "60 %") if f"{share}, about" in event]
        assert shares == ["20 %", "40 %", "60 %"] and len(one) == 4
        assert 'data-state="running"' in one[0] and 'data-state="blessed"' in one[-1]


def test_a_refinement_that_is_over_is_told_once(address, backend):
    backend.end(JobState.BROKEN_OFF)
    (only,) = follow(address)
    assert "Broken off" in only


def test_a_stream_has_an_end_though_the_refinement_has_none(address, backend, monkeypatch):
    monkeypatch.setattr(events, "LONGEST", 0.3)
    assert len(follow(address)) == 1 and backend.latest_job().state is JobState.RUNNING


def test_streams_that_are_too_many_or_of_nothing_are_refused_and_places_come_free(address, backend):
    host, port = address.split("/")[2].split(":")
    with contextlib.ExitStack() as stack:
        for _ in range(STREAMS):
            page = stack.enter_context(socket.create_connection((host, int(port))))
            path = address.partition(f":{port}")[2]
            page.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert b"200 OK" in page.recv(64)
        with pytest.raises(urllib.error.HTTPError) as refused:
            follow(address)
        assert refused.value.code == 503
    backend.end(JobState.CANCELLED)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.HTTPError):
            assert "Cancelled" in follow(address)[0]
            break
        time.sleep(0.1)
    with pytest.raises(urllib.error.HTTPError) as refused:
        follow(f"{address}-nix")
    assert refused.value.code == 404
