"""The stand-in for TensorFlow Serving: both APIs over one model's versions.

Example:
    with LocalServer("runs/sample/serving/topiclens") as server, CaptionClient(server.grpc_address) as client:
        client.caption_all([features])
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topiclens.serving.client import MODEL_NAME
from topiclens.serving.local.models import ModelVersions
from topiclens.serving.local.predict import Admission, Predictor

if TYPE_CHECKING:
    import grpc

    from topiclens.serving.asgi import ServerThread

_log = logging.getLogger(__name__)

GRPC_PORT, REST_PORT = 8500, 8501
# 64 MiB: more than the client's bound on frames (32 MiB), as Base64 in JSON.
MAX_REQUEST_BYTES = 64 * 2**20


class LocalServer:
    """Serves the versions under a base folder.

    Args:
        base, name, num_versions, poll_seconds: see `ModelVersions`.
        host: the address to listen on. Callers are not authenticated.
        grpc_port, rest_port: 0 takes a free port; None leaves that API out.
        max_request_bytes: the longest request.
        max_pending: the most predictions that wait or run (one a processor); more are refused with UNAVAILABLE.
    Attributes:
        versions: the `ModelVersions`: which are loaded, and a look for new ones.
    """

    def __init__(
        self,
        base: str | Path,
        *,
        name: str = MODEL_NAME,
        host: str = "127.0.0.1",
        grpc_port: int | None = GRPC_PORT,
        rest_port: int | None = REST_PORT,
        num_versions: int = 1,
        poll_seconds: float = 1.0,
        max_request_bytes: int = MAX_REQUEST_BYTES,
        max_pending: int = 64,
    ):
        self.host = host
        self._ports = {"grpc": grpc_port, "rest": rest_port}
        self._limits = {"max_request_bytes": max_request_bytes, "max_pending": max_pending}
        self.versions = ModelVersions(name, base, num_versions=num_versions, poll_seconds=poll_seconds)
        self._admission = Admission(max_pending=max_pending, max_running=os.cpu_count() or 1)
        self._predictor = Predictor(self.versions, self._admission)
        self._grpc: grpc.Server | None = None
        self._rest: ServerThread | None = None

    @property
    def grpc_address(self) -> str:
        return f"grpc://{self.host}:{self._ports['grpc']}"

    @property
    def rest_address(self) -> str:
        return f"http://{self.host}:{self._ports['rest']}"

    def start(self) -> LocalServer:
        """Loads the newest version, then listens.

        FileNotFoundError: there is no base folder. OSError: a port is taken.
        """
        from topiclens.serving.local import grpc_service, rest  # import TensorFlow

        self.versions.start()
        try:
            if self._ports["grpc"] is not None:
                address = f"{self.host}:{self._ports['grpc']}"
                self._grpc, self._ports["grpc"] = grpc_service.build_server(self._predictor, address, **self._limits)
                self._grpc.start()
            if self._ports["rest"] is not None:
                self._rest = rest.start_server(self._predictor, self.host, self._ports["rest"], **self._limits)
                self._ports["rest"] = self._rest.port
        except OSError as error:
            self.stop(grace=0)
            raise OSError(
                f"Could not listen on {self.host} ports {self._ports['grpc']} (gRPC) and {self._ports['rest']} (REST): "
                f"{error}. Likely cause: another server has them. Stop it, or choose other ports."
            ) from error
        return self

    def stop(self, grace: float = 5.0) -> None:
        """Takes no more requests, waits ``grace`` seconds for those held, and unloads the model."""
        stopped = self._grpc.stop(grace) if self._grpc is not None else None
        if self._rest is not None:
            self._rest.stop(grace)
        if not self._admission.drain(grace):
            _log.warning("Stopped with requests unanswered after %.0f s", grace)
        if stopped is not None:
            stopped.wait(grace + 1)
        self._grpc = self._rest = None
        self.versions.stop(grace)

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()


def serve(base: str | Path, **options: Any) -> None:
    """Serves until SIGINT or SIGTERM (main thread only); ``options`` are those of ``LocalServer``."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with LocalServer(base, **options) as server:
        version = server.versions.newest()
        serving = f"version {version}" if version is not None else "no version yet: waiting for one"
        print(
            f"Stand-in for TensorFlow Serving (not the real one), {serving}, of {base}\n  gRPC {server.grpc_address}\n"
            f"  REST {server.rest_address}\nStop with Ctrl-C.",
            flush=True,
        )
        done.wait()
