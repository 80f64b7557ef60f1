"""Our messages against TensorFlow's own: what one writes, the other reads."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.python.framework import tensor_util
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from topiclens.serving.transports.grpc_transport import DTYPES, MESSAGES, STATES, read_tensor, write_tensor

NUMBERS = [name for name in DTYPES if name != "DT_STRING"]
ARRAYS = [
    *(np.arange(6).reshape(2, 3).astype(tf.dtypes.as_dtype(DTYPES[name]).as_numpy_dtype) for name in NUMBERS),
    np.array([[b"\xff\xd8", b""], [b"a", "ä".encode()]], object),
    np.zeros((2, 0, 3), np.float32),
    np.array(2.5),
]


def by_values(array: np.ndarray) -> tensor_pb2.TensorProto:
    """A tensor that lists its values, as the C++ server writes small ones."""
    tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    tensor.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    tensor_util.GetNumpyAppendFn(array.dtype)(tensor, array.ravel())
    return tensor


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_tensors_are_those_of_tensorflow(array):
    ours = MESSAGES["Tensor"]()
    write_tensor(ours, array)
    theirs = tf.make_ndarray(tensor_pb2.TensorProto.FromString(ours.SerializeToString()))
    np.testing.assert_array_equal(theirs, array)
    assert theirs.dtype == array.dtype
    for sent in (tf.make_tensor_proto(array), by_values(array)):
        got = read_tensor(MESSAGES["Tensor"].FromString(sent.SerializeToString()))
        np.testing.assert_array_equal(got, array)
        assert got.dtype == array.dtype and got.shape == array.shape


def test_a_tensor_sent_short_repeats_its_last_value():
    short = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[1.0, 2.0])
    short.tensor_shape.CopyFrom(tf.TensorShape([2, 3]).as_proto())
    got = read_tensor(MESSAGES["Tensor"].FromString(short.SerializeToString()))
    np.testing.assert_array_equal(got, tf.make_ndarray(short))


@pytest.mark.parametrize(
    "ours, theirs",
    [
        ("PredictRequest", predict_pb2.PredictRequest),
        ("PredictResponse", predict_pb2.PredictResponse),
        ("StatusRequest", get_model_status_pb2.GetModelStatusRequest),
        ("StatusResponse", get_model_status_pb2.GetModelStatusResponse),
        ("MetadataRequest", get_model_metadata_pb2.GetModelMetadataRequest),
        ("MetadataResponse", get_model_metadata_pb2.GetModelMetadataResponse),
        ("SignatureDefMap", get_model_metadata_pb2.SignatureDefMap),
    ],
)
def test_every_field_has_the_number_and_the_type_of_the_official_one(ours, theirs):
    def check(mine, official, seen=()):
        for field in mine.fields:
            other = official.fields_by_name[field.name]
            same = (field.number, field.label) == (other.number, other.label)
            assert same and (field.type == other.type or field.name == "error_code"), f"{mine.name}.{field.name}"
            if field.message_type and field.message_type.name not in seen:
                check(field.message_type, other.message_type, (*seen, field.message_type.name))

    check(MESSAGES[ours].DESCRIPTOR, theirs.DESCRIPTOR)


def test_the_numbers_of_states_and_types_are_the_official_ones():
    assert dict(get_model_status_pb2.ModelVersionStatus.State.items()) == STATES
    assert {name: types_pb2.DataType.Value(name) for name in DTYPES} == DTYPES
