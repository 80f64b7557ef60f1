"""TensorFlow Serving over gRPC, through the official ``tensorflow-serving-api`` stubs."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import numpy as np

# The stubs import TensorFlow, for its own protocol buffers: seconds, so this module is imported only when used.
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from topiclens.serving.signatures import ModelMetadata, VersionStatus, parse_signatures
from topiclens.serving.transports import ModelSpec, TransportError

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
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self, model: ModelSpec, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest()
        _fill(request.model_spec, model)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        response = _call(self._prediction.Predict, request, timeout)
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def status(self, model: ModelSpec, timeout: float) -> list[VersionStatus]:
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, model)
        response = _call(self._model.GetModelStatus, request, timeout)
        return [
            VersionStatus(
                version.version,
                get_model_status_pb2.ModelVersionStatus.State.Name(version.state),
                _code_name(version.status.error_code),
                version.status.error_message,
            )
            for version in response.model_version_status
        ]

    def metadata(self, model: ModelSpec, timeout: float) -> ModelMetadata:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, model)
        response = _call(self._prediction.GetModelMetadata, request, timeout)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(definitions)
        parsed = json_format.MessageToDict(definitions, preserving_proto_field_name=True).get("signature_def", {})
        return ModelMetadata(response.model_spec.name, response.model_spec.version.value, parse_signatures(parsed))

    def close(self) -> None:
        self._channel.close()


def _fill(spec, model: ModelSpec) -> None:
    spec.name = model.name
    if isinstance(model.version, str):
        spec.version_label = model.version
    elif model.version is not None:
        spec.version.value = model.version


def _code_name(number: int) -> str:
    """The name of a status number: TensorFlow's and gRPC's are the same."""
    return next((code.name for code in grpc.StatusCode if code.value[0] == number), str(number))


def _call(method, request, timeout: float):
    try:
        return method(request, timeout=timeout)
    except grpc.RpcError as error:
        raise TransportError(error.code().name, error.details() or "") from error
