"""TensorFlow Serving over gRPC, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf import json_format

from topiclens.serving.protocol import ModelMetadata, ModelSpec, StatusError, VersionStatus, code_name
from topiclens.serving.signatures import parse_signatures
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
        if target.startswith(_LOOPBACK):  # a proxy that the environment names is for the world outside
            options.append(("grpc.enable_http_proxy", 0))
        self._channel = grpc.insecure_channel(target, options=options)

    def predict(
        self, model: ModelSpec, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        request = _request("PredictRequest", model)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            write_tensor(request.inputs[name], array)
        response = self._call("PredictionService/Predict", request, "PredictResponse", timeout)
        return {name: read_tensor(tensor) for name, tensor in response.outputs.items()}

    def status(self, model: ModelSpec, timeout: float) -> list[VersionStatus]:
        """The state of each version (of the one asked for), newest first."""
        request = _request("StatusRequest", model)
        response = self._call("ModelService/GetModelStatus", request, "StatusResponse", timeout)
        names = {number: name for name, number in STATES.items()}
        return [
            VersionStatus(
                one.version, names.get(one.state, ""), code_name(one.status.error_code), one.status.error_message
            )
            for one in response.model_version_status
        ]

    def metadata(self, model: ModelSpec, timeout: float) -> ModelMetadata:
        request = _request("MetadataRequest", model)
        request.metadata_field.append("signature_def")
        response = self._call("PredictionService/GetModelMetadata", request, "MetadataResponse", timeout)
        definitions = MESSAGES["SignatureDefMap"].FromString(response.metadata["signature_def"].value)
        parsed = json_format.MessageToDict(definitions, preserving_proto_field_name=True).get("signature_def", {})
        return ModelMetadata(response.model_spec.name, response.model_spec.version.value, parse_signatures(parsed))

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: str, request: Any, response: str, timeout: float) -> Any:
        call = self._channel.unary_unary(
            f"/tensorflow.serving.{method}", type(request).SerializeToString, MESSAGES[response].FromString
        )
        try:
            return call(request, timeout=timeout)
        except grpc.RpcError as error:
            raise StatusError(error.code().name, error.details() or "") from error


def _request(kind: str, model: ModelSpec) -> Any:
    request = MESSAGES[kind]()
    request.model_spec.name = model.name
    if isinstance(model.version, str):
        request.model_spec.version_label = model.version
    elif model.version is not None:
        request.model_spec.version.value = model.version
    return request
