"""TensorFlow Serving over gRPC, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf import json_format

from topiclens.serving.signatures import ModelMetadata, VersionStatus, parse_signatures
from topiclens.serving.transports import ModelSpec, TransportError
from topiclens.serving.transports.messages import MESSAGES, STATES, read_tensor, write_tensor

# What a message carries beside its frames: names, shapes, field tags.
_ENVELOPE_BYTES = 2**20
_LOOPBACK = ("localhost", "127.", "[::1]")


class GrpcTransport:
    """gRPC to ``host:port``; messages of at most ``max_message_bytes`` (of frames) either way."""

    def __init__(self, target: str, *, max_message_bytes: int):
        self.address = f"grpc://{target}"
        limit = max_message_bytes + _ENVELOPE_BYTES
        options = [("grpc.max_send_message_length", limit), ("grpc.max_receive_message_length", limit)]
        if target.startswith(_LOOPBACK):
            # A proxy that the environment names is for the world outside.
            options.append(("grpc.enable_http_proxy", 0))
        self._channel = grpc.insecure_channel(target, options=options)
        self._predict = self._method("PredictionService/Predict", "PredictResponse")
        self._status = self._method("ModelService/GetModelStatus", "StatusResponse")
        self._metadata = self._method("PredictionService/GetModelMetadata", "MetadataResponse")

    def predict(
        self, model: ModelSpec, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        request = _request("PredictRequest", model)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            write_tensor(request.inputs[name], array)
        response = _call(self._predict, request, timeout)
        return {name: read_tensor(tensor) for name, tensor in response.outputs.items()}

    def status(self, model: ModelSpec, timeout: float) -> list[VersionStatus]:
        response = _call(self._status, _request("StatusRequest", model), timeout)
        names = {number: name for name, number in STATES.items()}
        return [
            VersionStatus(
                version.version,
                names.get(version.state, str(version.state)),
                _code_name(version.status.error_code),
                version.status.error_message,
            )
            for version in response.model_version_status
        ]

    def metadata(self, model: ModelSpec, timeout: float) -> ModelMetadata:
        request = _request("MetadataRequest", model)
        request.metadata_field.append("signature_def")
        response = _call(self._metadata, request, timeout)
        definitions = MESSAGES["SignatureDefMap"].FromString(response.metadata["signature_def"].value)
        parsed = json_format.MessageToDict(definitions, preserving_proto_field_name=True).get("signature_def", {})
        return ModelMetadata(response.model_spec.name, response.model_spec.version.value, parse_signatures(parsed))

    def close(self) -> None:
        self._channel.close()

    def _method(self, name: str, response: str) -> grpc.UnaryUnaryMultiCallable:
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MESSAGES[response].FromString,
        )


def _request(kind: str, model: ModelSpec) -> Any:
    request = MESSAGES[kind]()
    request.model_spec.name = model.name
    if isinstance(model.version, str):
        request.model_spec.version_label = model.version
    elif model.version is not None:
        request.model_spec.version.value = model.version
    return request


def _code_name(number: int) -> str:
    """The name of a status number: TensorFlow's and gRPC's are the same."""
    return next((code.name for code in grpc.StatusCode if code.value[0] == number), str(number))


def _call(method: grpc.UnaryUnaryMultiCallable, request: Any, timeout: float) -> Any:
    try:
        return method(request, timeout=timeout)
    except grpc.RpcError as error:
        raise TransportError(error.code().name, error.details() or "") from error
