"""What the client says and does when the server is away, late, busy, or something else."""

import socket
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from tests.serving.toy_model import DIM
from topiclens.serving.client import CaptionClient, connect
from topiclens.serving.errors import DeadlineExceeded, RequestTooLarge, ServerUnavailable

CLIP = np.ones((2, DIM), np.float32)


@pytest.fixture
def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_absent_server_is_reported_with_its_address_and_what_to_do(scheme, free_port):
    client = CaptionClient(f"{scheme}://127.0.0.1:{free_port}", retries=1)
    with pytest.raises(ServerUnavailable, match=rf"{scheme}://127.0.0.1:{free_port}.*topiclens serve"):
        client.caption_all([CLIP])


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_waiting_for_a_server_that_never_comes_ends_in_time(scheme, free_port):
    client = CaptionClient(f"{scheme}://127.0.0.1:{free_port}")
    before = time.monotonic()
    with pytest.raises(ServerUnavailable, match="after 1 s"):
        client.wait_until_ready(timeout=1.0)
    assert time.monotonic() - before < 10


def test_a_request_is_tried_again_until_the_server_is_there(base, start, free_port):
    base.publish(1)
    late = threading.Timer(0.5, start, [base.path], {"rest_port": free_port})
    late.start()
    try:
        with CaptionClient(f"http://127.0.0.1:{free_port}", retries=20, timeout=30) as client:
            assert client.caption_all([CLIP])[0].text == "v1: 2 frames"
    finally:
        late.join()


def test_retries_stop_at_the_deadline(free_port):
    client = CaptionClient(f"http://127.0.0.1:{free_port}", retries=1000, timeout=0.5)
    before = time.monotonic()
    with pytest.raises(ServerUnavailable):
        client.caption_all([CLIP])
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_stays_silent_is_given_up_at_the_deadline(scheme):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        client = CaptionClient(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5, retries=0)
        with pytest.raises(DeadlineExceeded, match="within 0.5 s"):
            client.caption_all([CLIP])


def test_the_port_of_the_other_api_is_recognised(server):
    grpc_port, rest_port = (address.rpartition(":")[2] for address in (server.grpc_address, server.rest_address))
    for address in (f"http://127.0.0.1:{grpc_port}", f"grpc://127.0.0.1:{rest_port}"):
        with pytest.raises(ServerUnavailable, match="port is of the other API"):
            CaptionClient(address, retries=0, timeout=5).caption_all([CLIP])


@pytest.mark.parametrize("api", ["grpc_address", "rest_address"])
def test_a_request_over_the_servers_bound_is_explained(server, api):
    big = np.ones((2**17, DIM), np.float32)  # 2 MiB; the server takes 1 MiB
    with pytest.raises(RequestTooLarge, match="raise the limit on both sides"):
        CaptionClient(getattr(server, api), retries=0).caption_all([big])


@pytest.mark.parametrize("api", ["grpc_address", "rest_address"])
def test_a_busy_server_turns_requests_away_and_takes_them_when_there_is_room(base, start, api):
    base.publish(1)
    server = start(base.path, max_pending=1)
    client = CaptionClient(getattr(server, api), retries=0)
    with server._admission.enter(timeout=1):
        with pytest.raises(ServerUnavailable, match="already holds 1 requests"):
            client.caption_all([CLIP])
    assert client.caption_all([CLIP])[0].text == "v1: 2 frames"


def test_addresses_have_three_forms():
    limits = {"max_message_bytes": 1000}
    assert connect("grpc://models:8500", **limits).address == "grpc://models:8500"
    assert connect("models:8500", **limits).address == "grpc://models:8500"
    assert connect("http://models:8501", **limits).address == "http://models:8501"


@pytest.mark.parametrize("address", ["models", "https://models:8501", "models:0", "models:99999", "ftp://a:1", "a b:1"])
def test_an_address_of_another_form_is_refused_with_the_forms_there_are(address):
    with pytest.raises(ValueError, match="grpc://host:8500, http://host:8501 or host:8500"):
        connect(address, max_message_bytes=1000)
