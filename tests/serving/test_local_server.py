"""The stand-in as a process: its limits, its ports, its end."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.serving.toy_model import DIM
from topiclens.serving.client import CaptionClient
from topiclens.serving.local.predict import Admission
from topiclens.serving.local.server import LocalServer
from topiclens.serving.protocol import StatusError

CLIP = np.ones((2, DIM), np.float32)


def test_only_so_many_requests_run_and_only_so_many_wait():
    admission = Admission(max_pending=3, max_running=1)
    running, peak, lock, first_is_in = 0, 0, threading.Lock(), threading.Event()
    leave = threading.Event()
    outcomes = []

    def work():
        nonlocal running, peak
        try:
            with admission.enter(timeout=10):
                with lock:
                    running += 1
                    peak = max(peak, running)
                first_is_in.set()
                leave.wait(10)
                with lock:
                    running -= 1
            outcomes.append("done")
        except StatusError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    first_is_in.wait(10)
    while len(outcomes) < 2:  # Two of five find no place, while one runs and two wait.
        time.sleep(0.01)
    leave.set()
    for thread in threads:
        thread.join()
    assert peak == 1
    assert outcomes.count("done") == 3 and outcomes.count("UNAVAILABLE") == 2
    assert admission.drain(timeout=1)


def test_a_request_whose_turn_does_not_come_ends_at_its_deadline():
    admission = Admission(max_pending=2, max_running=1)
    with admission.enter(timeout=1):
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
            with admission.enter(timeout=0.05):
                pass
        assert not admission.drain(timeout=0.05)
    assert admission.drain(timeout=1)


def test_it_listens_on_loopback_only(server):
    assert "127.0.0.1" in server.grpc_address and "127.0.0.1" in server.rest_address
    assert server._rest.host == "127.0.0.1"


@pytest.mark.parametrize("taken", ["grpc", "rest"])
def test_a_port_in_use_is_an_error_that_names_it(base, server, taken):
    base.publish(1)
    port = int(getattr(server, f"{taken}_address").rpartition(":")[2])
    with pytest.raises(OSError, match=f"{port}.*another server has them"):
        LocalServer(base.path, **{"grpc_port": 0, "rest_port": 0, f"{taken}_port": port}).start()


def test_it_can_be_stopped_and_started_again_on_its_ports(base):
    base.publish(1)
    with LocalServer(base.path, grpc_port=0, rest_port=0) as first:
        ports = [int(address.rpartition(":")[2]) for address in (first.grpc_address, first.rest_address)]
    with LocalServer(base.path, grpc_port=ports[0], rest_port=ports[1]) as second:
        for address in (second.grpc_address, second.rest_address):
            with CaptionClient(address) as client:
                assert client.caption_all([CLIP])[0].text == "v1: 2 frames"


def test_as_a_command_it_serves_says_what_it_is_and_ends_on_a_signal(base):
    base.publish(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "topiclens.serving.local", str(base.path), "--grpc-port", "0", "--rest-port", "0"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = [process.stdout.readline() for _ in range(3)]
        assert "Stand-in for TensorFlow Serving" in said[0]
        with CaptionClient(said[2].split()[-1]) as client:
            assert client.caption_all([CLIP])[0].text == "v1: 2 frames"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()
