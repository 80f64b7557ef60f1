"""What can go wrong between a clip and its caption, and what to do about it."""

from collections.abc import Iterable, Mapping

import numpy as np

from topiclens.serving.signatures import (
    TOPIC_DELTAS_INPUT,
    WHAT_IF_FRAMES_SIGNATURE,
    WHAT_IF_OVER_TIME_FRAMES_SIGNATURE,
    WHAT_IF_OVER_TIME_SIGNATURE,
    WHAT_IF_SIGNATURE,
    Signature,
)

_OVER_TIME = (WHAT_IF_OVER_TIME_SIGNATURE, WHAT_IF_OVER_TIME_FRAMES_SIGNATURE)


class ServingError(RuntimeError):
    """A captioning request that failed; ``code`` is gRPC's name of the status that TensorFlow Serving gives for it."""

    code = "UNKNOWN"

    def __init_subclass__(cls, code: str) -> None:
        cls.code = code

    def __init__(self, message: str, code: str | None = None):
        super().__init__(message)
        self.code = code or self.code


class ServerUnavailable(ServingError, code="UNAVAILABLE"):
    """Nobody answers at the address, or the server is too busy to take the request."""


class DeadlineExceeded(ServingError, code="DEADLINE_EXCEEDED"):
    """The server took the request but gave no answer in time."""


class ModelNotLoaded(ServingError, code="NOT_FOUND"):
    """The server is there, but serves no such model or version."""


class WrongSignature(ServingError, code="FAILED_PRECONDITION"):
    """The model is there, but cannot do what was asked, or gives other outputs."""


class NeedsWeights(ServingError, code="FAILED_PRECONDITION"):
    """What was asked needs the model's weights, which a server does not hand out."""


class InvalidClip(ServingError, ValueError, code="INVALID_ARGUMENT"):
    """The clip itself is at fault: its type, its width, a value that is not finite."""


class InvalidStrength(ServingError, ValueError, code="INVALID_ARGUMENT"):
    """The strengths of topics are at fault: their number, their size, a value that is not finite."""


class RequestTooLarge(ServingError, code="RESOURCE_EXHAUSTED"):
    """One clip alone is more than a message may hold, or the server refused its size."""


def missing_signature(model: str, signature: str, known: Iterable[str]) -> str:
    """Says that a model lacks a signature, which ones it has, and what to do."""
    known = sorted(known)
    expected = f"Expected signature '{signature}' in {model}, which has {known}. Likely cause: it was "
    if signature in (WHAT_IF_SIGNATURE, WHAT_IF_FRAMES_SIGNATURE, *_OVER_TIME) and WHAT_IF_SIGNATURE not in known:
        return expected + (
            "trained without topics (LSTM-B), or exported by an older TopicLens or before its neurons had names. "
            "'topiclens run' names the neurons of an LSTM-I and pushes it with this signature: ask that version."
        )
    if signature in _OVER_TIME and WHAT_IF_OVER_TIME_SIGNATURE not in known:
        return expected + (
            "exported by an older TopicLens, which adds topics to whole clips alone. Leave the stretch of time out, or "
            "ask a version that 'topiclens run' or 'topiclens refine' has made since."
        )
    return expected + (
        "exported without a frame network or by an older TopicLens, or it is not a captioner. Send features instead "
        "of frames, or export it again, with its backbone."
    )


def explain_refusal(
    model: str, signature: str, inputs: Mapping[str, np.ndarray], known: Mapping[str, Signature], said: str = ""
) -> ServingError:
    """What to raise where a model refuses a batch: what does not fit its signatures, or else its own message."""
    if signature not in known:
        return WrongSignature(missing_signature(f"model {model}", signature, known))
    mismatch = known[signature].mismatch(inputs)
    if mismatch is None:
        return InvalidClip(
            f"Model {model} refused the batch for '{signature}': {said}. Likely cause: a frame that is not a readable "
            "JPEG, or features of another backbone."
        )
    misfit = f"The batch does not fit signature '{signature}' of model {model}: {mismatch}. Likely cause: "
    if mismatch.startswith(f"expected {TOPIC_DELTAS_INPUT} "):
        return InvalidStrength(
            misfit + "strengths for the topics of another model. Give each clip one number for each of this model's "
            "topics, by their ids."
        )
    return InvalidClip(
        misfit + "features of another backbone than the model was trained on. Extract them with the backbone named in "
        "the model's assets.extra/captioner.json."
    )
