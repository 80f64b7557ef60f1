"""The stand-in's REST API, as TensorFlow Serving's documentation and sources describe it."""

import base64
import http.client
import json
import math
import socket

import numpy as np
import pytest

from tests.serving.asking import ask
from tests.serving.toy_model import DIM
from topiclens.serving.local import rest

MODEL = "/v1/models/topiclens"
ONES = [[1.0] * DIM] * 3


@pytest.fixture
def post(server):
    return lambda body, path=f"{MODEL}:predict": ask(server.rest_address, "POST", path, body)


@pytest.fixture
def get(server):
    return lambda path: ask(server.rest_address, "GET", path)


def error_of(answer) -> str:
    assert set(answer) == {"error"}
    return answer["error"]


def test_rows_come_back_as_objects_where_there_are_several_outputs(post):
    status, answer = post({"instances": [ONES, [[0.5] * DIM] + ONES[:2]]})
    assert status == 200
    assert answer == {
        "predictions": [
            {"caption": "v1: 3 frames", "log_prob": -12.0},
            {"caption": "v1: 3 frames", "log_prob": -10.0},
        ]
    }


def test_rows_may_name_their_input(post):
    assert post({"instances": [{"frames": ONES}]})[1]["predictions"] == [{"caption": "v1: 3 frames", "log_prob": -12.0}]


def test_columns_come_back_as_columns(post):
    expected = {"outputs": {"caption": ["v1: 3 frames"], "log_prob": [-12.0]}}
    assert post({"inputs": {"frames": [ONES]}}) == (200, expected)
    assert post({"inputs": [ONES]}) == (200, expected)


def test_a_single_output_goes_without_its_name(post):
    assert post({"signature_name": "total", "instances": [ONES]}) == (200, {"predictions": [12.0]})
    assert post({"signature_name": "total", "inputs": [ONES]}) == (200, {"outputs": [12.0]})


def test_several_inputs_by_row_and_by_column_mean_the_same(post):
    rows = post({"signature_name": "echo", "instances": [{"text": "a", "pair": [1, 2]}, {"text": "b", "pair": [3, 4]}]})
    columns = post({"signature_name": "echo", "inputs": {"text": ["a", "b"], "pair": [[1, 2], [3, 4]]}})
    assert rows[0] == columns[0] == 200
    outputs = columns[1]["outputs"]
    assert rows[1]["predictions"] == [dict(zip(outputs, row)) for row in zip(*outputs.values())]
    assert outputs["sum"] == [3, 7]


def test_bytes_go_in_as_base64_and_come_out_so_where_the_name_says_bytes(post):
    raw = b"\x00\xff\xfe binary"
    encoded = {"b64": base64.b64encode(raw).decode()}
    _, answer = post({"signature_name": "echo", "inputs": {"text": [encoded, "word"], "pair": [[0, 0], [0, 0]]}})
    assert answer["outputs"]["text_bytes"] == [encoded, {"b64": base64.b64encode(b"word").decode()}]
    assert answer["outputs"]["text"][1] == "word"


def test_decimals_are_written_as_short_as_they_can_be_read_back(post):
    _, answer = post({"signature_name": "echo", "inputs": {"text": ["a"], "pair": [[0, 0]]}})
    (third,) = answer["outputs"]["third"]
    assert third == 0.33333334 and np.float32(third) == np.float32(1 / 3)


def test_nan_and_infinity_pass_both_ways(post):
    body = b'{"signature_name": "total", "inputs": [[[NaN, 1, 1, 1]], [[Infinity, 1, 1, 1]], [[-Infinity, 1, 1, 1]]]}'
    _, answer = post(body)
    assert math.isnan(answer["outputs"][0])
    assert answer["outputs"][1:] == [math.inf, -math.inf]


def test_a_version_in_the_path_is_the_one_that_answers(post):
    assert post({"instances": [ONES]}, f"{MODEL}/versions/1:predict")[0] == 200
    status, answer = post({"instances": [ONES]}, f"{MODEL}/versions/9:predict")
    assert (status, error_of(answer)) == (404, "Servable not found for request: Specific(topiclens, 9)")


def test_status_is_the_documented_object(get):
    expected = {
        "model_version_status": [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    assert get(MODEL) == (200, expected)
    assert get(f"{MODEL}/versions/1") == (200, expected)
    assert get(f"{MODEL}/versions/9") == (404, {"error": "Could not find version 9 of model topiclens"})
    assert get("/v1/models/nosuch") == (404, {"error": "Could not find any versions of model nosuch"})
    assert get("/v1/models") == (400, {"error": "Missing model name in request."})


def test_metadata_holds_the_signatures(get):
    status, answer = get(f"{MODEL}/metadata")
    assert status == 200
    assert get(f"{MODEL}/versions/1/metadata") == (status, answer)
    assert get(f"{MODEL}/versions/9/metadata") == (
        404,
        {"error": "Servable not found for request: Specific(topiclens, 9)"},
    )
    assert answer["model_spec"] == {"name": "topiclens", "signature_name": "", "version": "1"}
    definition = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["method_name"] == "tensorflow/serving/predict"
    frames = definition["inputs"]["frames"]
    assert frames["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in frames["tensor_shape"]["dim"]] == ["-1", "-1", str(DIM)]
    assert frames["tensor_shape"]["unknown_rank"] is False


@pytest.mark.parametrize(
    "body, words",
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error"),
        (b"[1]", "Is not object"),
        (b"[" * 100_000, "JSON Parse error"),
        ({"signature_name": 100}, "'signature_name' key must be a string value."),
        ({"signature_name": "nosuch", "instances": [1]}, 'Serving signature name: "nosuch" not found in signature def'),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": [1]}, "expecting only one of 'inputs' or 'instances'"),
        ({"instances": 1}, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": [["x"]]}, "not of expected type: float"),
        ({"instances": [[[True] * DIM]]}, "not of expected type: float"),
        ({"instances": [[[1e300] * DIM]]}, "without loss of precision"),
        ({"instances": [[[2**24 + 1] * DIM]]}, "without loss of precision"),
        ({"instances": [ONES, ONES[:2]]}, f"Expecting tensor size: {3 * DIM} but got: {2 * DIM}"),
        ({"instances": [ONES, [ONES[0][:2]] * 6]}, f"Expecting shape [3,{DIM}] but got: [6,2]"),
        ({"instances": [ONES, {"frames": ONES}]}, "Expecting value/list but got object at item 1"),
        ({"instances": [{"frames": ONES}, ONES]}, "Expecting object but got list at item 1"),
        ({"instances": [{"wrong": ONES}]}, "does not have named input: wrong"),
        ({"instances": [[[1.0] * DIM, [1.0]]]}, "Encountered list at unexpected size: 1 at level: 1"),
        ({"instances": [[[1.0] * DIM, 1.0]]}, "found at incorrect level: 2 in the JSON DOM"),
        ({"instances": [[[1.0, [1.0], 1.0, 1.0]]]}, "Encountered list at unexpected level"),
        ({"inputs": {"wrong": [ONES]}}, "Missing named input: frames in 'inputs' object."),
        ({"inputs": [[[1.0] * (DIM + 1)]]}, f"expected float32 (?, ?, {DIM}), got float32 (1, 1, {DIM + 1})"),
        ({"inputs": ONES}, "does not fit the signature"),
        ({"signature_name": "echo", "instances": ["a"]}, "expecting list of objects as multiple input tensors"),
        ({"signature_name": "echo", "inputs": ["a"]}, "expecting an object as multiple input tensors"),
        ({"signature_name": "echo", "instances": [{"text": "a"}]}, "keys must be equal to: pair,text"),
        ({"signature_name": "echo", "inputs": {"text": [1], "pair": [[1, 2]]}}, "not of expected type: string"),
        ({"signature_name": "echo", "inputs": {"text": ["a"], "pair": [[1.5, 2]]}}, "not of expected type: int32"),
        ({"signature_name": "echo", "inputs": {"text": ["a"], "pair": [[2**31, 2]]}}, "not of expected type: int32"),
        ({"signature_name": "echo", "inputs": {"text": [{"b64": "%"}], "pair": [[1, 2]]}}, "Unable to base64 decode"),
        ({"signature_name": "echo", "inputs": {"text": [{"x": "y"}], "pair": [[1, 2]]}}, "for base64 data"),
    ],
)
def test_a_wrong_body_is_a_bad_request_with_the_reason(post, body, words):
    status, answer = post(body)
    assert status == 400
    assert words in error_of(answer)


def test_deep_nesting_is_a_bad_request(post):
    depth = 200
    status, answer = post(b'{"instances": ' + b"[" * depth + b"]" * depth + b"}")
    assert status == 400 and "unexpected level" in error_of(answer)


@pytest.mark.parametrize(
    "method, path, status, words",
    [
        ("GET", "/v1/models/a/b/c", 400, "Malformed request: GET /v1/models/a/b/c"),
        ("GET", f"{MODEL}:predict", 400, "Malformed request"),
        ("POST", MODEL, 400, f"Malformed request: POST {MODEL}"),
        ("DELETE", MODEL, 400, "Malformed request: DELETE"),
        ("GET", "/", 404, "Not found"),
        ("POST", f"{MODEL}:classify", 501, "no classify API"),
        ("GET", f"{MODEL}/labels/stable", 400, "Unrecognized servable version label: stable"),
        ("GET", f"{MODEL}/versions/99999999999999999999", 400, "Failed to convert version"),
        ("POST", "/v1/models/nosuch:predict", 404, "Servable not found for request: Latest(nosuch)"),
    ],
)
def test_a_wrong_path_has_its_status(server, method, path, status, words):
    body = {"instances": [ONES]} if method == "POST" else None
    came, answer = ask(server.rest_address, method, path, body)
    assert came == status
    assert words in error_of(answer)


def test_a_body_over_the_bound_is_refused_unread(server):
    connection = http.client.HTTPConnection(server.rest_address.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", f"{MODEL}:predict")
    connection.putheader("Content-Length", str(2**40))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413 and "larger than the stand-in server takes" in json.loads(response.read())["error"]
    connection.close()


def test_who_sends_too_much_and_closes_still_gets_the_answer(server):
    connection = http.client.HTTPConnection(server.rest_address.removeprefix("http://"), timeout=10)
    connection.request("POST", f"{MODEL}:predict", bytes(8 * 2**20), {"Connection": "close"})
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_stops_on_its_way_is_given_up(start, base, monkeypatch):
    monkeypatch.setattr(rest, "_IDLE_SECONDS", 0.2)
    base.publish(1)
    server = start(base.path, max_request_bytes=2**10)
    connection = http.client.HTTPConnection(server.rest_address.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", f"{MODEL}:predict")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"{")
    response = connection.getresponse()
    assert response.status == 408 and "took too long" in json.loads(response.read())["error"]
    connection.close()


def test_a_body_without_a_length_is_refused(server):
    connection = http.client.HTTPConnection(server.rest_address.removeprefix("http://"), timeout=10)
    body = [b"{}"] * 1000  # Still on its way when the server refuses.
    connection.request("POST", f"{MODEL}:predict", iter(body), encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_a_client_that_leaves_in_the_middle_leaves_the_server_up(server, get):
    host, port = server.rest_address.removeprefix("http://").split(":")
    for _ in range(3):
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /v1/models/topiclens:predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert get(MODEL)[0] == 200


def test_a_connection_serves_many_requests(server):
    connection = http.client.HTTPConnection(server.rest_address.removeprefix("http://"), timeout=10)
    for _ in range(3):
        connection.request("POST", f"{MODEL}:predict", json.dumps({"instances": [ONES]}))
        response = connection.getresponse()
        assert response.status == 200 and json.loads(response.read())["predictions"]
    connection.close()
