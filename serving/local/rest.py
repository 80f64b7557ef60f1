"""The stand-in's REST side: model status, metadata and ``:predict``, as TensorFlow Serving's REST API has them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from tensorflow_serving.apis import get_model_metadata_pb2

from topiclens.serving import asgi
from topiclens.serving.local.grpc_service import model_metadata, model_status
from topiclens.serving.local.json_tensors import parse_body, read_inputs, write_outputs
from topiclens.serving.local.predict import Predictor
from topiclens.serving.protocol import HTTP_STATUS, StatusError, invalid_argument
from topiclens.serving.signatures import FEATURES_SIGNATURE, Signature

_log = logging.getLogger(__name__)

# TensorFlow Serving, model_servers/http_rest_api_util.cc.
_WHERE = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_WHERE}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_MODEL = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHERE}(?:/(?P<resource>metadata))?", re.IGNORECASE)
_MAX_VERSION = 2**63 - 1
# Connections beyond the predictions, for status questions and refusals.
_SPARE_CONNECTIONS = 16
# Seconds of silence after which a connection is closed, and that a body may take besides those for its length.
_IDLE_SECONDS = 30


def start_server(
    predictor: Predictor, host: str, port: int, *, max_request_bytes: int, max_pending: int
) -> asgi.ServerThread:
    """Answers in a thread of its own until it is stopped. OSError: the address cannot be bound.

    Args:
        port: 0 takes a free one.
        max_request_bytes: a longer body is refused with 413 (the real server has no bound).
        max_pending: how many predictions may wait or run.
    """
    connections = max_pending + _SPARE_CONNECTIONS
    app = _RestApi(predictor, max_request_bytes, connections)
    server = asgi.build_server(app, connections=connections, idle_seconds=_IDLE_SECONDS)
    return asgi.ServerThread(server, asgi.open_socket(host, port))


class _Answer(JSONResponse):
    """JSON as the real server writes it: NaN and Infinity included."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False).encode("utf-8", errors="replace")


class _RestApi:
    """The ASGI application. Each request is answered in a thread; there are as many as connections."""

    def __init__(self, predictor: Predictor, max_request_bytes: int, threads: int):
        self._predictor, self._max_request_bytes = predictor, max_request_bytes
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rest")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        too_large = f"The request body is larger than the stand-in server takes ({self._max_request_bytes:,} bytes)"
        bounded = asgi.BoundedBody(receive, most=self._max_request_bytes, seconds=_IDLE_SECONDS, too_large=too_large)
        request = Request(scope, bounded)
        try:
            if "transfer-encoding" in request.headers:
                raise HTTPException(411, "The stand-in server needs a Content-Length; chunked bodies are not read")
            if asgi.read_content_length(request.headers) > self._max_request_bytes:
                raise HTTPException(413, too_large)
            body = await request.body()
        except HTTPException as refusal:
            answer = _Answer({"error": refusal.detail}, refusal.status_code)
            return await asgi.answer_unread(answer, scope, receive, send)
        except ClientDisconnect:
            return
        path = scope["raw_path"].decode("ascii")
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._answer, request.method, path, body)
        await answer(scope, receive, send)

    def _answer(self, method: str, path: str, body: bytes) -> _Answer:
        try:
            if method == "GET" and (match := _MODEL.fullmatch(path)):
                return _Answer(self._describe(match))
            if method == "POST" and (match := _PREDICT.fullmatch(path)):
                return _Answer(self._predict(match, body))
            if not path.lower().startswith("/v1/"):
                raise StatusError("NOT_FOUND", f"Not found: {path}")
            raise invalid_argument(f"Malformed request: {method} {path}")
        except StatusError as error:
            return _Answer({"error": error.message}, HTTP_STATUS[error.code])
        except Exception:  # the client gets an answer, not a cut connection
            _log.exception("Failed on %s %s", method, path)
            return _Answer({"error": "Internal error of the stand-in server; see its log"}, 500)

    def _describe(self, match: re.Match[str]) -> dict[str, Any]:
        if not match["name"]:
            raise invalid_argument("Missing model name in request.")
        name, version = _model(match)
        if match["resource"]:
            return _metadata_json(model_metadata(self._predictor, name, version))
        return _to_dict(model_status(self._predictor, name, version))

    def _predict(self, match: re.Match[str], body: bytes) -> dict[str, Any]:
        name, version = _model(match)
        if match["method"].lower() != "predict":
            raise StatusError("UNIMPLEMENTED", f"The stand-in server has no {match['method']} API")
        request = parse_body(body)
        signature_name = request.get("signature_name") or FEATURES_SIGNATURE
        inputs, by_row = read_inputs(request, self._signature(name, version, signature_name))
        return write_outputs(self._predictor.predict(name, version, signature_name, inputs)[1], by_row)

    def _signature(self, name: str, version: int | str | None, signature_name: str) -> Signature:
        with self._predictor.versions.use(name, version) as (_, model):
            if signature_name not in model.signatures:
                raise invalid_argument(f'Serving signature name: "{signature_name}" not found in signature def')
            return model.signatures[signature_name]


def _model(match: re.Match[str]) -> tuple[str, int | str | None]:
    """The name, and the version asked for: a number, a label, or the newest (None)."""
    if match["label"]:
        return unquote(match["name"]), unquote(match["label"])
    if match["version"] and int(match["version"]) > _MAX_VERSION:
        raise invalid_argument(f"Failed to convert version: {match['version']} to numeric.")
    return unquote(match["name"]), int(match["version"]) if match["version"] else None


def _metadata_json(response: get_model_metadata_pb2.GetModelMetadataResponse) -> dict[str, Any]:
    """As the real server prints it: the packed signatures unpacked in place."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(definitions)
    return {"model_spec": _to_dict(response.model_spec), "metadata": {"signature_def": _to_dict(definitions)}}


def _to_dict(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True, including_default_value_fields=True)
