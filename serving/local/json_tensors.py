"""JSON ↔ tensors, as TensorFlow Serving's REST API has it (util/json_tensor.cc).

A request holds its tensors by row (``instances``: one value or object a row) or by column (``inputs``: each input
whole). The answer has the same form (``predictions`` or ``outputs``), without the name where there is one output. Bytes
are sent as ``{"b64": ...}``: any input may use it, outputs named ``*_bytes`` do.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from topiclens.serving.protocol import StatusError, invalid_argument
from topiclens.serving.signatures import Signature, TensorSpec

_MAX_RANK = 32  # NumPy's
# The types of tensors that are read, with the types of JSON's values for each.
_JSON_TYPES: dict[str, set[type]] = {
    "bool": {bool},
    **dict.fromkeys(("int8", "uint8", "int16", "int32", "int64", "uint32", "uint64"), {int}),
    **dict.fromkeys(("float32", "float64"), {int, float}),
}
# The numbers that TensorFlow calls by another name than NumPy.
_TENSORFLOW_NAMES = {"float32": "float", "float64": "double"}


def parse_body(body: bytes) -> dict:
    """The request's JSON object, NaN and Infinity allowed; StatusError for anything else."""
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"JSON Parse error: {error or 'nested too deeply'}") from error
    if not isinstance(request, dict):
        raise invalid_argument(f"JSON Value: {_shown(request)} Is not object")
    if not isinstance(request.get("signature_name", ""), str):
        raise invalid_argument(
            f"JSON Value: {_shown(request)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return request


def read_inputs(request: Mapping, signature: Signature) -> tuple[dict[str, np.ndarray], bool]:
    """The input tensors of a request by name, and whether they came by row.

    StatusError, INVALID_ARGUMENT, with TensorFlow Serving's message: they do not fit the signature.
    """
    if "instances" in request and "inputs" in request:
        raise invalid_argument(
            f"JSON Value: {_shown(request)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" in request:
        instances = request["instances"]
        if not isinstance(instances, list):
            raise invalid_argument(f"JSON Value: {_shown(request)} Excepting 'instances' to be an list/array")
        if not instances:
            raise invalid_argument(f"JSON Value: {_shown(request)} No values in 'instances' array")
        return _read_rows(instances, signature), True
    if "inputs" in request:
        return _read_columns(request["inputs"], signature), False
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def write_outputs(outputs: Mapping[str, np.ndarray], by_row: bool) -> dict:
    """The answer's JSON object; StatusError where rows were asked for and the outputs differ in their number."""
    if by_row:
        for name, array in outputs.items():
            if array.ndim == 0:
                raise invalid_argument(f"Tensor name: {name} has no shape information ")
        sizes = {name: len(array) for name, array in outputs.items()}
        if len(set(sizes.values())) > 1:
            raise invalid_argument(f"Tensor names have inconsistent batch sizes: {sizes}")
    columns = {name: _to_json(name, array) for name, array in outputs.items()}
    if len(columns) == 1:
        return {"predictions" if by_row else "outputs": next(iter(columns.values()))}
    if not by_row:
        return {"outputs": columns}
    return {"predictions": [dict(zip(columns, row)) for row in zip(*columns.values())]}


def _read_columns(value: Any, signature: Signature) -> dict[str, np.ndarray]:
    if not isinstance(value, dict) or _is_base64(value):
        if len(signature.inputs) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        name, spec = next(iter(signature.inputs.items()))
        return {name: _to_array(value, spec)}
    for name in signature.inputs:
        if name not in value:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return {name: _to_array(value[name], spec) for name, spec in signature.inputs.items()}


def _read_rows(instances: list, signature: Signature) -> dict[str, np.ndarray]:
    by_name = _is_named(instances[0])
    if not by_name and len(signature.inputs) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    only_name = next(iter(signature.inputs))
    rows: dict[str, list[np.ndarray]] = {name: [] for name in signature.inputs}
    for index, item in enumerate(instances):
        if _is_named(item) != by_name:
            expected, came = ("object", "list") if by_name else ("value/list", "object")
            raise invalid_argument(f"Expecting {expected} but got {came} at item {index} of input list")
        named = item if by_name else {only_name: item}
        for name, value in named.items():
            where = f"Failed to process element: {index}" + (f" key: {name}" if by_name else "")
            try:
                rows.get(name, []).append(_row(name, value, signature, rows))
            except StatusError as error:
                raise invalid_argument(f"{where} of 'instances' list. Error: {error}") from error
        if set(named) != set(rows):
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: {_shown(item)} keys must be "
                f"equal to: {','.join(sorted(rows))}"
            )
    return {name: np.stack(arrays) for name, arrays in rows.items()}


def _row(name: str, value: Any, signature: Signature, rows: Mapping[str, list[np.ndarray]]) -> np.ndarray:
    """One row's tensor, of the same shape as the rows before it."""
    if name not in signature.inputs:
        raise invalid_argument(f"JSON object: does not have named input: {name}")
    array = _to_array(value, signature.inputs[name])
    first = rows[name][0] if rows[name] else array
    if array.size != first.size:
        raise invalid_argument(f"Expecting tensor size: {first.size} but got: {array.size}")
    if array.shape != first.shape:
        raise invalid_argument(f"Expecting shape {[*first.shape]} but got: {[*array.shape]}".replace(", ", ","))
    return array


def _to_array(value: Any, spec: TensorSpec) -> np.ndarray:
    """A dense tensor from nested lists: the first elements give the shape, all others must agree."""
    shape, leaves, inner = [], [value], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    if len(shape) > _MAX_RANK:
        raise invalid_argument(f"Encountered list at unexpected level: {_MAX_RANK} expected < {_MAX_RANK}")
    for level, size in enumerate(shape):
        for item in leaves:
            if not isinstance(item, list):
                raise invalid_argument(
                    f"JSON Value: {_shown(item)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
                    f"level: {len(shape)}"
                )
            if len(item) != size:
                raise invalid_argument(
                    f"Encountered list at unexpected size: {len(item)} at level: {level} expected size: {size}"
                )
        leaves = [leaf for item in leaves for leaf in item]
    if any(isinstance(leaf, list) for leaf in leaves):
        raise invalid_argument(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return _leaves_to_array(leaves, spec.dtype).reshape(shape)


def _leaves_to_array(leaves: list, dtype: str) -> np.ndarray:
    """One dimension of values; numbers must fit the type: no whole number loses a digit, NaN and infinities pass."""
    if dtype == "string":
        array = np.empty(len(leaves), dtype=object)
        array[:] = [_to_bytes(leaf) for leaf in leaves]
        return array
    if dtype not in _JSON_TYPES:
        raise invalid_argument(f"Conversion of JSON to type: {dtype} is not supported")
    if wrong := set(map(type, leaves)) - _JSON_TYPES[dtype]:
        raise _type_error(next(leaf for leaf in leaves if type(leaf) in wrong), dtype)
    kind = np.dtype(dtype).kind
    if kind in "iu":
        bounds = np.iinfo(dtype)
        if outside := [leaf for leaf in leaves if not bounds.min <= leaf <= bounds.max]:
            raise _type_error(outside[0], dtype)
    if kind == "f":
        largest, whole = float(np.finfo(dtype).max), 2 ** (np.finfo(dtype).nmant + 1) - 1
        for leaf in leaves:
            if abs(leaf) > whole and (isinstance(leaf, int) or largest < abs(leaf) < math.inf):
                to = _TENSORFLOW_NAMES[dtype]
                raise invalid_argument(f"Cannot convert JSON value: {_shown(leaf)} to {to} without loss of precision.")
    return np.array(leaves, dtype)


def _to_bytes(leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return leaf.encode("utf-8", errors="surrogatepass")
    if not isinstance(leaf, dict):
        raise _type_error(leaf, "string")
    if not _is_base64(leaf):
        raise invalid_argument(f"JSON Value: {_shown(leaf)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(leaf["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def _to_json(name: str, array: np.ndarray) -> Any:
    def write(value: bytes) -> dict[str, str] | str:
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode("ascii")}
        return value.decode("utf-8", errors="replace")

    array = np.asarray(array)
    if array.dtype.kind in "OS":
        array = np.vectorize(write, otypes=[object])(array)
    elif array.dtype == np.float32:
        # The shortest decimal that gives the number back: 0.2, not 0.20000000298.
        array = array.astype("U").astype(np.float64)
    return array.tolist()


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _type_error(leaf: Any, dtype: str) -> StatusError:
    kind = {str: "String", dict: "Object", list: "Array", bool: str(leaf), type(None): "Null"}.get(type(leaf), "Number")
    return invalid_argument(
        f"JSON Value: {_shown(leaf)} Type: {kind} is not of expected type: {_TENSORFLOW_NAMES.get(dtype, dtype)}"
    )


def _shown(value: Any, limit: int = 200) -> str:
    """A value for a message; a long one is cut (the real server repeats it whole)."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "..."
    return text if len(text) <= limit else text[:limit] + "..."
