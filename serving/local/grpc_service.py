"""The stand-in's gRPC side: ``PredictionService`` and ``ModelService`` of TensorFlow Serving's public protocol."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from topiclens.serving.local.predict import Predictor
from topiclens.serving.protocol import CODES, StatusError, invalid_argument
from topiclens.serving.signatures import FEATURES_SIGNATURE

_METADATA_FIELD = "signature_def"
# Threads beyond the requests held, so that a status question and a refusal never wait for captions.
_SPARE_THREADS = 4
# A tensor may be sent short (one value for a whole shape); it may not grow past this many times the message bound.
_MAX_GROWTH = 8


def build_server(
    predictor: Predictor, address: str, *, max_request_bytes: int, max_pending: int
) -> tuple[grpc.Server, int]:
    """A gRPC server that is bound but not started, and its port. OSError: the address cannot be bound.

    Args:
        address: host:port; port 0 takes a free one.
        max_request_bytes: a longer message is refused with RESOURCE_EXHAUSTED (the real server takes 2 GiB).
        max_pending: how many predictions may wait or run.
    """
    threads = max_pending + _SPARE_THREADS
    server = grpc.server(
        futures.ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
        options=[
            ("grpc.max_receive_message_length", max_request_bytes),
            ("grpc.max_send_message_length", max_request_bytes),
            ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it silently
        ],
        maximum_concurrent_rpcs=2 * threads,
    )
    limit = max_request_bytes * _MAX_GROWTH
    service = _Service(predictor, limit)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"Could not bind gRPC to {address}: {error}") from error
    if not port:
        raise OSError(f"Could not bind gRPC to {address}: it is in use, or not an address of this machine.")
    return server, port


class _Service(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """Predict, GetModelMetadata and GetModelStatus; the other methods answer UNIMPLEMENTED."""

    def __init__(self, predictor: Predictor, max_tensor_bytes: int):
        self._predictor = predictor
        self._max_tensor_bytes = max_tensor_bytes

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        with _refusing(context):
            name, version = _asked(request)
            inputs = {key: self._to_array(key, tensor) for key, tensor in request.inputs.items()}
            signature = request.model_spec.signature_name or FEATURES_SIGNATURE
            number, outputs = self._predictor.predict(
                name, version, signature, inputs, request.output_filter, context.time_remaining()
            )
        response = predict_pb2.PredictResponse(model_spec=_spec(name, number, signature))
        for key, array in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(array))
        return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        with _refusing(context):
            name, version = _asked(request)
            if not request.metadata_field:
                raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
            if unknown := [field for field in request.metadata_field if field != _METADATA_FIELD]:
                raise invalid_argument(f"Metadata field {unknown[0]} is not supported")
            return model_metadata(self._predictor, name, version)

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        with _refusing(context):
            return model_status(self._predictor, *_asked(request))

    def _to_array(self, name: str, tensor: Any) -> np.ndarray:
        """The array of a message, once it is known not to grow out of bounds when it is unpacked."""
        sizes = [dim.size for dim in tensor.tensor_shape.dim]
        try:
            width = tf.dtypes.as_dtype(tensor.dtype).size or 1
            if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
                raise ValueError("a tensor has a shape, without negative sizes")
            if math.prod(sizes) * width > self._max_tensor_bytes:
                raise StatusError(
                    "RESOURCE_EXHAUSTED",
                    f"Tensor {name} of shape {sizes} is larger than the stand-in server takes "
                    f"({self._max_tensor_bytes:,} bytes)",
                )
            return tf.make_ndarray(tensor)
        except (ValueError, TypeError) as error:
            raise invalid_argument(f"tensor parsing error: {name}") from error


@contextlib.contextmanager
def _refusing(context: grpc.ServicerContext) -> Iterator[None]:
    """Ends a call that raises a `StatusError` with its status."""
    try:
        yield
    except StatusError as error:
        context.abort(grpc.StatusCode[error.code], error.message)


def _asked(request: Any) -> tuple[str, int | str | None]:
    """The model that a request names, and a version of it by number or label; None is the newest."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    if spec.WhichOneof("version_choice") == "version_label":
        return spec.name, spec.version_label
    return spec.name, spec.version.value if spec.HasField("version") else None


def model_status(predictor: Predictor, name: str, version: int | str | None) -> Any:
    """The protocol's ``GetModelStatusResponse``, which REST prints as JSON."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in predictor.versions.status(name, version):
        entry = response.model_version_status.add(
            version=status.version, state=get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
        )
        entry.status.error_code = CODES.index(status.error_code)
        entry.status.error_message = status.error_message
    return response


def model_metadata(predictor: Predictor, name: str, version: int | str | None) -> Any:
    """The protocol's ``GetModelMetadataResponse``, which REST prints as JSON."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    with predictor.versions.use(name, version) as (number, model):
        for signature, definition in model.signature_defs.items():
            definitions.signature_def[signature].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_spec(name, number))
    response.metadata[_METADATA_FIELD].Pack(definitions)
    return response


def _spec(name: str, version: int, signature: str = "") -> Any:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version
    return spec
