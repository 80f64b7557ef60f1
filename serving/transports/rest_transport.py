"""TensorFlow Serving over REST, with the standard library and no TensorFlow."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Mapping
from urllib.parse import quote

import numpy as np

from topiclens.serving.protocol import HTTP_STATUS, ModelMetadata, ModelSpec, StatusError, VersionStatus
from topiclens.serving.signatures import parse_signatures

# Where several codes share a status, the first that gRPC numbers is the likeliest, but for 500.
_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}
_CODES |= {413: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
# Numbers written out take a few times their four bytes, Base64 a third more than the image.
_JSON_EXPANSION = 8


class RestTransport:
    """HTTP to ``host:port``; answers longer than ``max_message_bytes`` (written as JSON) are refused."""

    def __init__(self, target: str, *, max_message_bytes: int):
        self.address = f"http://{target}"
        self._target = target
        self._limit = max_message_bytes * _JSON_EXPANSION

    def predict(
        self, model: ModelSpec, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        # The column format: each input once, not one object a clip.
        columns = {name: _to_json(array) for name, array in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        outputs = self._request("POST", _path(model) + ":predict", timeout, body).get("outputs")
        if not isinstance(outputs, dict):
            # TensorFlow Serving leaves the name out where a signature has one output.
            outputs = {"": outputs}
        return {name: _from_json(values) for name, values in outputs.items()}

    def status(self, model: ModelSpec, timeout: float) -> list[VersionStatus]:
        versions = self._request("GET", _path(model), timeout).get("model_version_status", [])
        return [VersionStatus(int(one["version"]), one["state"], **one["status"]) for one in versions]

    def metadata(self, model: ModelSpec, timeout: float) -> ModelMetadata:
        answer = self._request("GET", _path(model) + "/metadata", timeout)
        spec = answer["model_spec"]
        definitions = answer["metadata"]["signature_def"]["signature_def"]
        return ModelMetadata(spec["name"], int(spec["version"]), parse_signatures(definitions))

    def close(self) -> None:
        """Nothing is held: each request has a connection of its own."""

    def _request(self, method: str, path: str, timeout: float, body: bytes | None = None) -> dict:
        connection = http.client.HTTPConnection(self._target, timeout=timeout)
        try:
            # A server that refuses a long body may answer and hang up before it is all sent: read its answer.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, {"Content-Type": "application/json", "Connection": "close"})
            response = connection.getresponse()
            answer = response.read(self._limit + 1)
        except TimeoutError as error:
            raise StatusError("DEADLINE_EXCEEDED", f"no answer in {timeout:.1f} s") from error
        except http.client.HTTPException as error:
            raise StatusError("UNAVAILABLE", f"it does not speak HTTP ({type(error).__name__})") from error
        except OSError as error:
            raise StatusError("UNAVAILABLE", str(error)) from error
        finally:
            connection.close()
        if len(answer) > self._limit:
            raise StatusError("RESOURCE_EXHAUSTED", f"the answer is longer than {self._limit:,} bytes")
        try:
            parsed = json.loads(answer)
        except ValueError:
            parsed = None
        if response.status != 200:
            words = parsed.get("error") if isinstance(parsed, dict) else None
            raise StatusError(_CODES.get(response.status, "UNKNOWN"), words or f"HTTP status {response.status}")
        if not isinstance(parsed, dict):
            raise StatusError("UNKNOWN", f"the answer is not a JSON object but starts with {answer[:40]!r}")
        return parsed


def _path(model: ModelSpec) -> str:
    version = "" if model.version is None else f"/versions/{model.version}"
    if isinstance(model.version, str):
        version = f"/labels/{quote(model.version, safe='')}"
    return f"/v1/models/{quote(model.name, safe='')}{version}"


def _to_json(array: np.ndarray) -> list:
    """Nested lists; bytes as ``{"b64": ...}``, since JSON's text could not carry them."""
    if array.dtype.kind not in "OS":
        return array.tolist()
    if array.ndim > 1:
        return [_to_json(row) for row in array]
    return [value if isinstance(value, str) else {"b64": base64.b64encode(value).decode("ascii")} for value in array]


def _from_json(values: object) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "O":  # the objects are {"b64": ...}, how the server writes outputs named *_bytes
        decoded = [base64.b64decode(value["b64"]) for value in array.flat]
        array = np.array(decoded, dtype=object).reshape(array.shape)
    return array
