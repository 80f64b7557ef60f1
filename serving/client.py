"""Asking TensorFlow Serving (or the local stand-in) for captions, over gRPC or REST."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from topiclens.serving.captioning import Captioning
from topiclens.serving.errors import (
    DeadlineExceeded,
    ModelNotLoaded,
    RequestTooLarge,
    ServerUnavailable,
    ServingError,
    explain_refusal,
)
from topiclens.serving.protocol import ModelMetadata, ModelSpec, StatusError, VersionStatus
from topiclens.serving.signatures import Signature

if TYPE_CHECKING:
    from topiclens.serving.transports.grpc_transport import GrpcTransport
    from topiclens.serving.transports.rest_transport import RestTransport

Result = TypeVar("Result")

MODEL_NAME = "topiclens"
# Seconds. The first request after a model is loaded also pays for its optimisation.
TIMEOUT = 60.0
# Seconds before the second try; each further wait is twice as long, and none longer than the last number.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
# Seconds for a question that is asked only to explain an error better, and between two looks for a version.
_EXPLANATION_TIMEOUT, _POLL = 5.0, 0.2


class CaptionClient(Captioning):
    """Captions clips with a model that is served elsewhere. Thread-safe.

    Args:
        address: ``grpc://host:8500``, ``http://host:8501``, or ``host:port``, which is gRPC.
        model: the name it is served under.
        version: a number, or a label such as "stable" (`topiclens.serving.model_config`); None is the newest.
        timeout: seconds for one request, tries and waits included.
        retries: further tries where nobody answers or the server is too busy (UNAVAILABLE).
        options: see ``Captioning``.
    """

    def __init__(
        self,
        address: str,
        model: str = MODEL_NAME,
        *,
        version: int | str | None = None,
        timeout: float = TIMEOUT,
        retries: int = 4,
        **options: Any,
    ):
        super().__init__(**options)
        self._model = ModelSpec(model, version)
        self._timeout = timeout
        self._retries = retries
        self._transport = connect(address, max_message_bytes=self._max_message_bytes)
        self.address = self._transport.address

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one batch through a signature (see ``Captioning.predict``)."""
        try:
            return self._with_retries(lambda timeout: self._transport.predict(self._model, signature, inputs, timeout))
        except StatusError as error:
            if error.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):  # say what the model expects
                with contextlib.suppress(StatusError):
                    known = self._transport.metadata(self._model, _EXPLANATION_TIMEOUT).signatures
                    raise explain_refusal(self._name(), signature, inputs, known, error.message) from error
            raise self._explain(error) from error

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the version that answers takes and gives, by signature."""
        return self.metadata().signatures

    def status(self) -> list[VersionStatus]:
        """The state of each version that the server knows of, newest first."""
        return self._ask(self._transport.status)

    def metadata(self) -> ModelMetadata:
        """The version that answers, and what it takes and gives."""
        return self._ask(self._transport.metadata)

    def wait_until_ready(self, timeout: float = 60.0) -> int:
        """Waits until a version (the one asked for, if any) is available, and returns its number.

        ServerUnavailable or ModelNotLoaded: none was after ``timeout`` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            left = max(0.1, end - time.monotonic())
            try:
                versions = self._transport.status(self._model, min(left, self._timeout))
                if available := [one.version for one in versions if one.state == "AVAILABLE"]:
                    return max(available)
                state = "; ".join(f"version {v.version} is {v.state} {v.error_message}".strip() for v in versions)
                last = StatusError("NOT_FOUND", state or "it knows of no version")
            except StatusError as error:
                last = error
            if time.monotonic() + _POLL > end:
                raise self._explain(last, waited=timeout) from last
            time.sleep(_POLL)

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def _ask(self, method: Callable[[ModelSpec, float], Result]) -> Result:
        try:
            return self._with_retries(lambda timeout: method(self._model, timeout))
        except StatusError as error:
            raise self._explain(error) from error

    def _with_retries(self, attempt: Callable[[float], Result]) -> Result:
        """Tries again after UNAVAILABLE, never past the timeout."""
        end, wait = time.monotonic() + self._timeout, _FIRST_WAIT
        for retries_left in range(self._retries, -1, -1):
            try:
                return attempt(max(0.001, end - time.monotonic()))
            except StatusError as error:
                if error.code != "UNAVAILABLE" or not retries_left or time.monotonic() + wait >= end:
                    raise
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        raise AssertionError("unreachable: the last try returns or raises")

    def _explain(self, error: StatusError, waited: float | None = None) -> ServingError:
        said = f"{error.code}: {error.message}"
        after = f" after {waited:.0f} s" if waited is not None else ""
        if error.code == "UNAVAILABLE":
            return ServerUnavailable(
                f"Expected a model server at {self.address}, got no answer{after} ({said}). Likely cause: it is not "
                "started, it is busy beyond its limits, or the port is of the other API (gRPC is 8500 by habit, REST "
                "8501). Start one with 'topiclens serve', or name another address."
            )
        if error.code == "DEADLINE_EXCEEDED":
            return DeadlineExceeded(
                f"Expected an answer from {self.address} within {self._timeout:g} s, got none ({said}). Likely cause: "
                "the batch is large for the machine. Send fewer clips at once (max_batch), or allow more time "
                "(timeout)."
            )
        if error.code == "NOT_FOUND":
            return ModelNotLoaded(
                f"Expected model {self._name()} at {self.address}, but{after} the server says: {error.message}. Likely "
                "cause: another name, a version that is not loaded, or one that failed to load. See the server's log "
                "and its base folder (<base>/<version>/saved_model.pb)."
            )
        if error.code == "RESOURCE_EXHAUSTED":
            return RequestTooLarge(
                f"The server at {self.address} refused the request's size or number ({said}). Likely cause: full-size "
                "frames, or too many clips in one request. Lower max_batch, shrink the frames, or raise the limit on "
                "both sides."
            )
        return ServingError(f"The server at {self.address} failed on model {self._name()} ({said}).", error.code)

    def _name(self) -> str:
        version = self._model.version
        return f"'{self._model.name}'" + ("" if version is None else f" version {version}")


def connect(address: str, *, max_message_bytes: int) -> GrpcTransport | RestTransport:
    """The transport that an address names; ValueError for one of no known form. Nothing is sent yet."""
    form = re.fullmatch(r"(?:(grpc|http)://)?([^/\s:]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})/?", address)
    if not form or not 0 < int(form[3]) < 65536:
        raise ValueError(
            f"Expected a server address like grpc://host:8500, http://host:8501 or host:8500 (gRPC), got '{address}'."
        )
    target = f"{form[2]}:{form[3]}"
    if form[1] == "http":
        from topiclens.serving.transports.rest_transport import RestTransport

        return RestTransport(target, max_message_bytes=max_message_bytes)
    from topiclens.serving.transports.grpc_transport import GrpcTransport

    return GrpcTransport(target, max_message_bytes=max_message_bytes)
