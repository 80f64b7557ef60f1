"""What can go wrong between a clip and its caption, each with what to do about it.

Every error carries ``code``, the gRPC status name that it came from or that
TensorFlow Serving would give for it (``UNAVAILABLE``, ``NOT_FOUND``, ...).
"""

from collections.abc import Iterable

from topiclens.serving.signatures import TOPIC_DELTAS_INPUT, WHAT_IF_FRAMES_SIGNATURE, WHAT_IF_SIGNATURE


class ServingError(RuntimeError):
    """A captioning request that failed; ``code`` is a gRPC status name."""

    code = "UNKNOWN"

    def __init__(self, message: str, code: str | None = None):
        super().__init__(message)
        if code is not None:
            self.code = code


class ServerUnavailable(ServingError):
    """Nobody answers at the address, or the server is too busy to take the request."""

    code = "UNAVAILABLE"


class DeadlineExceeded(ServingError):
    """The server took the request but gave no answer in time."""

    code = "DEADLINE_EXCEEDED"


class ModelNotLoaded(ServingError):
    """The server is there, but serves no such model or version."""

    code = "NOT_FOUND"


class WrongSignature(ServingError):
    """The model is there, but cannot do what was asked (or gives other outputs)."""

    code = "FAILED_PRECONDITION"


class InvalidClip(ServingError, ValueError):
    """The clip itself is at fault: its type, its width, a value that is not finite."""

    code = "INVALID_ARGUMENT"


class InvalidStrength(ServingError, ValueError):
    """The strengths of topics are at fault: their number, their size, a value that is not finite."""

    code = "INVALID_ARGUMENT"


class RequestTooLarge(ServingError):
    """One clip alone is more than a message may hold, or the server refused its size."""

    code = "RESOURCE_EXHAUSTED"


def missing_signature(model: str, signature: str, known: Iterable[str]) -> str:
    """Says that a model cannot do what was asked, and what it can do."""
    known = sorted(known)
    expected = f"Expected signature '{signature}' in {model}, which has {known}. Likely cause: it was "
    if signature in (WHAT_IF_SIGNATURE, WHAT_IF_FRAMES_SIGNATURE) and WHAT_IF_SIGNATURE not in known:
        return expected + (
            "trained without topics (LSTM-B), or exported by an older TopicLens or before its neurons had names. "
            "'topiclens run' names the neurons of an LSTM-I and pushes it with this signature: ask that version."
        )
    return expected + (
        "exported without a frame network or by an older TopicLens, or it is not a captioner. Send features instead "
        "of frames, or export it again, with its backbone."
    )


def wrong_input(model: str, signature: str, mismatch: str) -> ServingError:
    """What to raise for a batch that does not fit a signature's inputs.

    Args:
        mismatch: of ``Signature.mismatch``.
    """
    said = f"The batch does not fit signature '{signature}' of model {model}: {mismatch}. Likely cause: "
    if mismatch.startswith(f"expected {TOPIC_DELTAS_INPUT} "):
        return InvalidStrength(
            said + "strengths for the topics of another model. Give each clip one number for each of this model's "
            "topics, by their ids."
        )
    return InvalidClip(
        said + "features of another backbone than the model was trained on. Extract them with the backbone named in "
        "the model's assets.extra/captioner.json."
    )
