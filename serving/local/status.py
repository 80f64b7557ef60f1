"""TensorFlow Serving's way to say that something went wrong: a code and a message."""

from __future__ import annotations

import grpc

# TensorFlow Serving, model_servers/http_server.cc, ToHTTPStatusCode.
_HTTP = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class StatusError(Exception):
    """An answer other than OK; its text is ``CODE: message``, as TensorFlow prints a status."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message

    @property
    def http(self) -> int:
        """The HTTP status that TensorFlow Serving gives for the code."""
        return _HTTP[self.code]


def invalid_argument(message: str) -> StatusError:
    """INVALID_ARGUMENT, by far the most common."""
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> StatusError:
    """NOT_FOUND."""
    return StatusError(grpc.StatusCode.NOT_FOUND, message)


def code_of(number: int) -> grpc.StatusCode:
    """The code of a number: TensorFlow's ``error_code`` and gRPC's status are numbered alike."""
    return _BY_NUMBER.get(number, grpc.StatusCode.UNKNOWN)
