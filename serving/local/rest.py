"""The stand-in's REST side: model status, metadata and ``:predict``, as TensorFlow Serving's REST API has them."""

from __future__ import annotations

import json
import logging
import re
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import grpc
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from topiclens.serving.local.grpc_service import model_metadata, model_status
from topiclens.serving.local.json_tensors import parse_body, read_inputs, write_outputs
from topiclens.serving.local.predict import Predictor
from topiclens.serving.local.status import StatusError, invalid_argument
from topiclens.serving.signatures import FEATURES_SIGNATURE, Signature

_log = logging.getLogger(__name__)

# TensorFlow Serving, model_servers/http_rest_api_util.cc.
_WHERE = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_WHERE}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_MODEL = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHERE}(?:/(?P<resource>metadata))?", re.IGNORECASE)
_MAX_VERSION = 2**63 - 1
# Connections beyond the requests held, for status questions and refusals.
_SPARE_CONNECTIONS = 16
# Seconds of silence after which a connection is closed.
_IDLE_SECONDS = 30
# What still comes after a refusal is read and dropped, so that its sender gets to the answer: so much, for so long.
_MAX_DISCARDED = 64 * 2**20
_LINGER_SECONDS = 10


class RestServer(ThreadingHTTPServer):
    """An HTTP server with a thread a connection and a bound on both.

    Args:
        predictor: what runs the requests.
        address: (host, port); port 0 takes a free one.
        max_request_bytes: a longer body is refused with 413 (the real server has no bound).
        max_pending: how many predictions may wait or run.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, predictor: Predictor, address: tuple[str, int], *, max_request_bytes: int, max_pending: int):
        self.predictor = predictor
        self.max_request_bytes = max_request_bytes
        self._connections = threading.BoundedSemaphore(max_pending + _SPARE_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The parent asks the name service who this address is, which can take seconds; nothing here wants to know.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request, client_address) -> None:
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)  # The client sees a closed connection: to it, UNAVAILABLE.
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request, client_address) -> None:
        _log.warning("A REST connection from %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "TopicLens-stand-in-for-TensorFlow-Serving"
    sys_version = ""
    timeout = _IDLE_SECONDS
    server: RestServer

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_PUT(self) -> None:
        self._answer(self._malformed)

    do_DELETE = do_PATCH = do_PUT

    def _answer(self, method) -> None:
        try:
            body = self._read_body()
            if body is None:
                return
            status, answer = 200, method(body)
        except StatusError as error:
            status, answer = error.http, {"error": error.message}
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except Exception:  # A fault of the server's own is an answer too, not a connection cut.
            _log.exception("Failed on %s %s", self.command, self.path)
            status, answer = 500, {"error": "Internal error of the stand-in server; see its log"}
        self._send(status, answer)

    def _read_body(self) -> bytes | None:
        """The request's body; None where it was refused, and the connection with it."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self._refuse(411, "The stand-in server needs a Content-Length; chunked bodies are not read")
            return None
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"[0-9]{1,15}", length):
            self._refuse(400, f"Malformed Content-Length: {length[:40]}")
            return None
        if int(length) > self.server.max_request_bytes:
            self._refuse(
                413,
                f"The request body of {int(length):,} bytes is larger than the stand-in server takes "
                f"({self.server.max_request_bytes:,})",
            )
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the body ended early")
        return body

    def _get(self, _body: bytes) -> dict:
        match = _MODEL.fullmatch(self._path())
        if match is None:
            return self._malformed()
        if not match["name"]:
            raise invalid_argument("Missing model name in request.")
        name, version = _model(match)
        if match["resource"]:
            return _metadata_json(model_metadata(self.server.predictor, name, version))
        return _to_dict(model_status(self.server.predictor, name, version))

    def _post(self, body: bytes) -> dict:
        match = _PREDICT.fullmatch(self._path())
        if match is None:
            return self._malformed()
        name, version = _model(match)
        if match["method"].lower() != "predict":
            raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"The stand-in server has no {match['method']} API")
        request = parse_body(body)
        signature_name = request.get("signature_name", "")
        inputs, by_row = read_inputs(request, self._signature(name, version, signature_name))
        prediction = self.server.predictor.predict(name, version, signature_name, inputs)
        return write_outputs(prediction.outputs, by_row)

    def _signature(self, name: str, version: int | str | None, signature_name: str) -> Signature:
        signature_name = signature_name or FEATURES_SIGNATURE
        with self.server.predictor.versions.use(name, version) as (_, model):
            if signature_name not in model.signatures:
                raise invalid_argument(f'Serving signature name: "{signature_name}" not found in signature def')
            return model.signatures[signature_name]

    def _malformed(self, _body: bytes = b"") -> dict:
        if not self._path().lower().startswith("/v1/"):
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"Not found: {self._path()}")
        raise invalid_argument(f"Malformed request: {self.command} {self._path()}")

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _refuse(self, status: int, message: str) -> None:
        """Answers and closes the connection, in the order of RFC 9112, section 9.6.

        What follows is the body that was not read: were the socket closed on it, the client would find its connection
        reset before it found the answer.
        """
        self.close_connection = True
        self._send(status, {"error": message})
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self._discard()
        except OSError:
            pass  # The client left first, or was silent too long.

    def _discard(self) -> None:
        left, deadline = _MAX_DISCARDED, time.monotonic() + _LINGER_SECONDS
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            self.connection.settimeout(seconds)
            chunk = self.rfile.read1(min(left, 2**16))
            if not chunk:
                return
            left -= len(chunk)

    def _send(self, status: int, answer: dict) -> None:
        body = json.dumps(answer, ensure_ascii=False, indent=1).encode("utf-8", errors="replace")
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # The client left; there is nobody to tell.

    def send_error(self, code, message=None, explain=None) -> None:
        """The standard library's own refusals (a malformed request line, an unknown method), as JSON."""
        self._refuse(int(code), message or explain or "Malformed request")

    def log_message(self, format, *args) -> None:
        _log.debug(format, *args)


def _model(match: re.Match) -> tuple[str, int | str | None]:
    """The name, and what is asked for of it: a number, a label, or the newest (None)."""
    if match["label"]:
        return unquote(match["name"]), unquote(match["label"])
    if match["version"] and int(match["version"]) > _MAX_VERSION:
        raise invalid_argument(f"Failed to convert version: {match['version']} to numeric.")
    return unquote(match["name"]), int(match["version"]) if match["version"] else None


def _metadata_json(response) -> dict:
    """As the real server prints it: the packed signatures unpacked in place."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(definitions)
    return {"model_spec": _to_dict(response.model_spec), "metadata": {"signature_def": _to_dict(definitions)}}


def _to_dict(message) -> dict:
    return json_format.MessageToDict(message, preserving_proto_field_name=True, including_default_value_fields=True)
