"""TensorFlow Serving over gRPC, without TensorFlow.

The official stubs import TensorFlow for `TensorProto`. The wire holds the numbers of fields and not the names of
messages, so messages that are built here from the same numbers read and write the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from topiclens.serving.protocol import ModelMetadata, ModelSpec, StatusError, VersionStatus, code_name
from topiclens.serving.signatures import numpy_name, parse_signatures

# What a message carries beside its frames: names, shapes, field tags.
_ENVELOPE_BYTES = 2**20
_LOOPBACK = ("localhost", "127.", "[::1]")
# tensorflow/core/framework/types.proto
DTYPES = {
    "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5, "DT_INT8": 6, "DT_STRING": 7,
    "DT_INT64": 9, "DT_BOOL": 10, "DT_UINT16": 17, "DT_HALF": 19, "DT_UINT32": 22, "DT_UINT64": 23,
}  # fmt: skip
_NUMPY = {number: numpy_name(name) for name, number in DTYPES.items() if name != "DT_STRING"}
# Where a tensor keeps its numbers if it does not keep their bytes (tensor.proto): these types, and the others in
# int_val; float16 is kept as bits.
_VALUES = {
    1: "float_val", 2: "double_val", 7: "string_val", 9: "int64_val", 10: "bool_val", 19: "half_val", 22: "uint32_val",
    23: "uint64_val",
}  # fmt: skip

# "number name type", `*` where it is repeated and `%` where it is a map from text; of tensorflow/core/framework and
# tensorflow_serving/apis.
_FIELDS = {
    "Dim": "1 size int64",
    "Shape": "2 dim *Dim, 3 unknown_rank bool",
    "Tensor": "1 dtype DataType, 2 tensor_shape Shape, 4 tensor_content bytes, 5 float_val *float, "
    "6 double_val *double, 7 int_val *int32, 8 string_val *bytes, 10 int64_val *int64, 11 bool_val *bool, "
    "13 half_val *int32, 16 uint32_val *uint32, 17 uint64_val *uint64",
    "Int64Value": "1 value int64",
    "ModelSpec": "1 name string, 2 version Int64Value, 3 signature_name string, 4 version_label string",
    "PredictRequest": "1 model_spec ModelSpec, 2 inputs %Tensor",
    "PredictResponse": "1 outputs %Tensor, 2 model_spec ModelSpec",
    "StatusRequest": "1 model_spec ModelSpec",
    "Status": "1 error_code int32, 2 error_message string",
    "VersionStatus": "1 version int64, 2 state State, 3 status Status",
    "StatusResponse": "1 model_version_status *VersionStatus",
    "MetadataRequest": "1 model_spec ModelSpec, 2 metadata_field *string",
    "Any": "2 value bytes",
    "MetadataResponse": "1 model_spec ModelSpec, 2 metadata %Any",
    "TensorInfo": "1 name string, 2 dtype DataType, 3 tensor_shape Shape",
    "SignatureDef": "1 inputs %TensorInfo, 2 outputs %TensorInfo",
    "SignatureDefMap": "1 signature_def %SignatureDef",
}
STATES = {"UNKNOWN": 0, "START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50}
_ENUMS = {"DataType": {"DT_INVALID": 0, **DTYPES}, "State": STATES}
_PACKAGE = "topiclens.serving"


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="topiclens/serving.proto", package=_PACKAGE, syntax="proto3")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, field, kind, of in re.findall(r"(\d+) (\w+) ([*%]?)(\w+)", fields):
            if kind == "%":
                entry = message.nested_type.add(name="".join(part.title() for part in field.split("_")) + "Entry")
                entry.options.map_entry = True
                _add_field(entry, 1, "key", "string")
                _add_field(entry, 2, "value", of)
                of = f"{name}.{entry.name}"
            _add_field(message, int(number), field, of, repeated=kind != "")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _FIELDS}


def _add_field(message: Any, number: int, name: str, of: str, *, repeated: bool = False) -> None:
    types = descriptor_pb2.FieldDescriptorProto
    label = types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if of in _ENUMS or of.partition(".")[0] in _FIELDS:
        field.type = types.TYPE_ENUM if of in _ENUMS else types.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{of}"
    else:
        field.type = types.Type.Value(f"TYPE_{of.upper()}")


MESSAGES = _message_classes()


def write_tensor(tensor: Any, array: np.ndarray) -> None:
    """Fills a `Tensor` message with an array; bytes, text and objects become strings."""
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "OSU":
        tensor.dtype = DTYPES["DT_STRING"]
        tensor.string_val.extend(value.encode() if isinstance(value, str) else value for value in array.flat)
    else:
        tensor.dtype = next(number for number, name in _NUMPY.items() if name == array.dtype.name)
        tensor.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def read_tensor(tensor: Any) -> np.ndarray:
    """The array of a `Tensor` message; strings as objects. A tensor that is sent short repeats its last value."""
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    dtype = np.dtype(_NUMPY.get(tensor.dtype, object))
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype.newbyteorder("<")).reshape(shape).astype(dtype)
    kept_as = np.uint16 if dtype == np.float16 else dtype
    values = np.array(getattr(tensor, _VALUES.get(tensor.dtype, "int_val")), kept_as).view(dtype)
    count = int(np.prod(shape))
    return np.pad(values, (0, count - len(values)), mode="edge").reshape(shape) if count else np.zeros(shape, dtype)


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
