"""TensorFlow Serving's protocol, as clients and the local server share it: models, versions, errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from topiclens.serving.signatures import Signature

# gRPC's status codes in the order of their numbers, with the HTTP status that TensorFlow Serving gives for each
# (model_servers/http_server.cc).
HTTP_STATUS = {
    "OK": 200, "CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
    "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500, "UNAVAILABLE": 503, "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}  # fmt: skip
CODES = tuple(HTTP_STATUS)


class StatusError(Exception):
    """An answer other than OK, of a server or the network: a code of gRPC, and the other side's message."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def invalid_argument(message: str) -> StatusError:
    """INVALID_ARGUMENT, by far the most common."""
    return StatusError("INVALID_ARGUMENT", message)


def code_name(number: int) -> str:
    """The code of a number: TensorFlow's error codes are numbered as gRPC's."""
    return CODES[number] if number < len(CODES) else "UNKNOWN"


@dataclass(frozen=True)
class ModelSpec:
    """Which model is asked for: ``version`` is a number or a label, None the newest."""

    name: str
    version: int | str | None = None


@dataclass(frozen=True)
class ModelMetadata:
    """The model that answers: its name, its version, and its signatures by name."""

    name: str
    version: int
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class VersionStatus:
    """One version on the server: START, LOADING, AVAILABLE, UNLOADING or END, and its error if it has one."""

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""
