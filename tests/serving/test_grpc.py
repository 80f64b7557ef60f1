"""The stand-in's gRPC API, called with the official stubs as any program would."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.toy_model import DIM

FRAMES = np.ones((1, 3, DIM), np.float32)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc_address.removeprefix("grpc://")) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(signature="", name="topiclens", **inputs) -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    for key, value in inputs.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return message


def refusal(call, message) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        call(message, timeout=10)
    return error.value.code().name, error.value.details()


def test_the_answer_names_the_model_version_and_signature_that_gave_it(prediction):
    response = prediction.Predict(request(frames=FRAMES), timeout=10)
    assert response.model_spec.name == "topiclens"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(response.outputs["caption"]).tolist() == [b"v1: 3 frames"]
    assert response.outputs["caption"].dtype == tf.string.as_datatype_enum


def test_an_output_filter_leaves_the_others_out(prediction):
    message = request(frames=FRAMES)
    message.output_filter.append("log_prob")
    assert set(prediction.Predict(message, timeout=10).outputs) == {"log_prob"}
    message.output_filter.append("log_prob")
    assert refusal(prediction.Predict, message) == (
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: log_prob",
    )
    message.output_filter[:] = ["nosuch"]
    code, words = refusal(prediction.Predict, message)
    assert code == "INVALID_ARGUMENT"
    assert words.startswith("output tensor alias not found in signature: nosuch")


@pytest.mark.parametrize(
    "message, code, words",
    [
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (request(name="", signature="x"), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (request(name="nosuch"), "NOT_FOUND", "Servable not found for request: Latest(nosuch)"),
        (request("nosuch"), "FAILED_PRECONDITION", 'Serving signature key "nosuch" not found.'),
        (request(), "INVALID_ARGUMENT", "input size does not match signature: 0!=1 len({}) != len({frames})"),
        (request(frames=FRAMES, more=FRAMES), "INVALID_ARGUMENT", "Sent extra: {more}"),
        (request(frame=FRAMES), "INVALID_ARGUMENT", "Missing but required: {frames}."),
        (
            request(frames=FRAMES.astype(np.int64)),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but int64 is provided",
        ),
        (request(frames=FRAMES[0]), "INVALID_ARGUMENT", f"expected float32 (?, ?, {DIM}), got float32 (3, {DIM})"),
        (request(frames=FRAMES[..., :2]), "INVALID_ARGUMENT", "got float32 (1, 3, 2)"),
    ],
)
def test_a_wrong_request_has_tensorflow_servings_code_and_words(prediction, message, code, words):
    came, details = refusal(prediction.Predict, message)
    assert came == code
    assert words in details


def test_a_tensor_that_contradicts_itself_is_refused(prediction):
    message = request(frames=FRAMES)
    message.inputs["frames"].tensor_shape.dim[1].size = -2
    assert refusal(prediction.Predict, message) == ("INVALID_ARGUMENT", "tensor parsing error: frames")
    message = request(frames=FRAMES)
    message.inputs["frames"].tensor_shape.dim[1].size = 5
    assert refusal(prediction.Predict, message) == ("INVALID_ARGUMENT", "tensor parsing error: frames")
    message = request(frames=FRAMES)
    message.inputs["frames"].dtype = 1000
    assert refusal(prediction.Predict, message)[0] in ("INVALID_ARGUMENT", "INTERNAL")


def test_a_small_message_cannot_ask_for_a_huge_tensor(prediction):
    message = request(frames=np.float32(1))
    for size in (2**20, 2**20, DIM):
        message.inputs["frames"].tensor_shape.dim.add(size=size)
    code, words = refusal(prediction.Predict, message)
    assert code == "RESOURCE_EXHAUSTED" and "larger than the stand-in server takes" in words


def test_a_message_over_the_bound_is_refused(prediction):
    big = np.ones((1, 2**17, DIM), np.float32)
    assert refusal(prediction.Predict, request(frames=big))[0] == "RESOURCE_EXHAUSTED"


def test_metadata_needs_a_field_that_exists(prediction):
    message = get_model_metadata_pb2.GetModelMetadataRequest()
    message.model_spec.name = "topiclens"
    assert refusal(prediction.GetModelMetadata, message)[0] == "INVALID_ARGUMENT"
    message.metadata_field.append("nosuch")
    assert refusal(prediction.GetModelMetadata, message)[1] == "Metadata field nosuch is not supported"
    message.metadata_field[:] = ["signature_def"]
    assert "signature_def" in prediction.GetModelMetadata(message, timeout=10).metadata


def test_status_of_all_versions_and_of_one(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    message = get_model_status_pb2.GetModelStatusRequest()
    assert refusal(stub.GetModelStatus, message) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    message.model_spec.name = "topiclens"
    (status,) = stub.GetModelStatus(message, timeout=10).model_version_status
    assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    message.model_spec.version.value = 3
    assert refusal(stub.GetModelStatus, message) == ("NOT_FOUND", "Could not find version 3 of model topiclens")
    message.model_spec.version_label = "stable"
    assert refusal(stub.GetModelStatus, message)[0] == "INVALID_ARGUMENT"


def test_what_the_stand_in_leaves_out_says_so(prediction):
    assert refusal(prediction.Regress, regression_pb2.RegressionRequest())[0] == "UNIMPLEMENTED"
