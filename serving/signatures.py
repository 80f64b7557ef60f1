"""What a served model takes and gives, read from its signatures.

``TensorSpec`` and ``Signature`` are what a SavedModel's ``SignatureDef`` says,
without TensorFlow: the REST client must be able to explain a refusal, and it
imports no TensorFlow.
"""

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
FRAMES_INPUT = "frames"
JPEG_INPUT = "frames_jpeg"
TOPIC_DELTAS_INPUT = "topic_deltas"
QUESTION_INPUT = "question"
ABOUT_OUTPUT = "about"
CAPTION_OUTPUT = "caption"
LOG_PROB_OUTPUT = "log_prob"
WORDS_OUTPUT = "words"
ATTENTION_OUTPUT = "attention"
ACTIVATIONS_OUTPUT = "activations"
TOPIC_SCORES_OUTPUT = "topic_scores"
# Of `relevance` alone: (b, words), and (b, words, frames), (b, words, neurons), (b, words, words), which divide it.
LOGITS_OUTPUT = "logits"
FRAME_RELEVANCE_OUTPUT = "frame_relevance"
NEURON_RELEVANCE_OUTPUT = "neuron_relevance"
WORD_RELEVANCE_OUTPUT = "word_relevance"

_DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_UINT8": "uint8",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_STRING": "string",
}


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
        if self.dtype != dtype_name(array):
            return False
        if self.shape is None:
            return True
        return len(self.shape) == array.ndim and all(
            wanted is None or wanted == size for wanted, size in zip(self.shape, array.shape)
        )


@dataclass(frozen=True)
class Signature:
    """The named inputs and outputs of one thing that a model can do."""

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


@dataclass(frozen=True)
class ModelTopic:
    """A topic as a model tells it: its id, its name, and its most probable words."""

    id: int
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class ModelMetadata:
    """The model that answers: its name, its version, and its signatures by name."""

    name: str
    version: int
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class VersionStatus:
    """One version on the server: START, LOADING, AVAILABLE, UNLOADING or END, and its error if it has one."""

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


def dtype_name(array: np.ndarray) -> str:
    """NumPy's name of an array's type; "string" for bytes, text and objects."""
    return "string" if array.dtype.kind in "OSU" else array.dtype.name


def parse_signatures(signature_defs: Mapping[str, dict]) -> dict[str, Signature]:
    """Signatures from the JSON form of ``SignatureDef`` (proto field names, absent fields allowed)."""
    return {
        name: Signature(_parse_specs(definition.get("inputs", {})), _parse_specs(definition.get("outputs", {})))
        for name, definition in signature_defs.items()
        if not name.startswith("__")  # "__saved_model_init_op" is how the model loads, not what it does.
    }


def _parse_specs(tensors: Mapping[str, dict]) -> dict[str, TensorSpec]:
    return {name: _parse_spec(tensor) for name, tensor in tensors.items()}


def _parse_spec(tensor: dict) -> TensorSpec:
    dtype = tensor.get("dtype", "DT_INVALID")
    shape = tensor.get("tensor_shape", {})
    sizes = None
    if not shape.get("unknown_rank", False):
        # Protobuf's JSON writes 64-bit numbers as strings, and -1 stands for a free dimension.
        numbers = (int(dim.get("size", 0)) for dim in shape.get("dim", []))
        sizes = tuple(None if number < 0 else number for number in numbers)
    return TensorSpec(_DTYPES.get(dtype, dtype.removeprefix("DT_").lower()), sizes)
