"""What a served model takes and gives: what a SavedModel's ``SignatureDef`` says, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# The signatures of an exported captioner (trainer/export.py writes them).
FEATURES_SIGNATURE = "serving_default"
FRAMES_SIGNATURE = "caption_frames"
EXPLAIN_SIGNATURE = "explain"
EXPLAIN_FRAMES_SIGNATURE = "explain_frames"
RELEVANCE_SIGNATURE = "relevance"  # what `explain` gives, and the relevance of frames, neurons and words; newer than it
RELEVANCE_FRAMES_SIGNATURE = "relevance_frames"
WHAT_IF_SIGNATURE = "what_if"
ABOUT_SIGNATURE = "about"
WHAT_IF_FRAMES_SIGNATURE = "what_if_frames"
WHAT_IF_OVER_TIME_SIGNATURE = "what_if_over_time"  # with strengths of each frame; newer than `what_if`
WHAT_IF_OVER_TIME_FRAMES_SIGNATURE = "what_if_over_time_frames"
FRAMES_INPUT = "frames"
JPEG_INPUT = "frames_jpeg"
TOPIC_DELTAS_INPUT = "topic_deltas"
QUESTION_INPUT = "question"

# Where TensorFlow and NumPy name a type differently.
_NUMPY_NAMES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: ``dtype`` as NumPy names it ("string" for bytes), None for a free dimension."""

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} (any shape)"
        return f"{self.dtype} ({', '.join('?' if size is None else str(size) for size in self.shape)})"

    def accepts(self, array: np.ndarray) -> bool:
        """Whether an array has this type and fits this shape."""
        if self.dtype != dtype_name(array) or self.shape is None:
            return self.dtype == dtype_name(array)
        sizes = zip(self.shape, array.shape)
        return len(self.shape) == array.ndim and all(wanted in (None, size) for wanted, size in sizes)


@dataclass(frozen=True)
class Signature:
    """The named inputs and outputs of one function of a model."""

    inputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    outputs: Mapping[str, TensorSpec] = field(default_factory=dict)

    def mismatch(self, inputs: Mapping[str, np.ndarray]) -> str | None:
        """What the model expects and what came, in words; None where they agree."""
        if set(inputs) != set(self.inputs):
            return f"expected the inputs {sorted(self.inputs)}, got {sorted(inputs)}"
        for name, spec in self.inputs.items():
            if not spec.accepts(inputs[name]):
                came = TensorSpec(dtype_name(inputs[name]), inputs[name].shape)
                return f"expected {name} as {spec}, got {came}"
        return None


def dtype_name(array: np.ndarray) -> str:
    """NumPy's name of an array's type; "string" for bytes, text and objects."""
    return "string" if array.dtype.kind in "OSU" else array.dtype.name


def numpy_name(dtype: str) -> str:
    """NumPy's name of a ``DataType`` of TensorFlow, such as ``DT_FLOAT``; "string" for ``DT_STRING``."""
    return _NUMPY_NAMES.get(dtype, dtype.removeprefix("DT_").lower())


def parse_signatures(signature_defs: Mapping[str, dict]) -> dict[str, Signature]:
    """Signatures from the JSON form of ``SignatureDef`` (proto field names, absent fields allowed)."""
    return {
        name: Signature(*(_parse_specs(definition.get(side, {})) for side in ("inputs", "outputs")))
        for name, definition in signature_defs.items()
        if not name.startswith("__")  # "__saved_model_init_op" is how the model loads, not what it does.
    }


def _parse_specs(tensors: Mapping[str, dict]) -> dict[str, TensorSpec]:
    specs = {}
    for name, tensor in tensors.items():
        shape = tensor.get("tensor_shape", {})
        # Protobuf's JSON writes 64-bit numbers as strings, and -1 stands for a free dimension.
        sizes = [int(dim.get("size", 0)) for dim in shape.get("dim", [])]
        free = shape.get("unknown_rank", False)
        specs[name] = TensorSpec(
            numpy_name(tensor.get("dtype", "DT_INVALID")),
            None if free else tuple(None if size < 0 else size for size in sizes),
        )
    return specs
