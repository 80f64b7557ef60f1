"""One prediction over either API: find the version, check the request, wait for a turn, run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from topiclens.serving.local.models import ModelVersions
from topiclens.serving.protocol import StatusError, code_name, invalid_argument
from topiclens.serving.saved_model import describe_error
from topiclens.serving.signatures import Signature, TensorSpec, dtype_name

# Seconds that a request may wait and run.
_TIMEOUT = 60.0


class Admission:
    """Takes at most ``max_pending`` requests, of which ``max_running`` run; the rest wait their turn.

    More are refused with UNAVAILABLE, as by TensorFlow Serving when its batching queue is full: a client may try again.
    """

    def __init__(self, *, max_pending: int, max_running: int):
        self._max_pending = max_pending
        self._pending = 0
        self._changed = threading.Condition()
        self._running = threading.BoundedSemaphore(max_running)

    @contextlib.contextmanager
    def enter(self, timeout: float) -> Iterator[float]:
        """Waits for a turn at most ``timeout`` seconds, and yields what is left of them.

        Raises:
            StatusError: UNAVAILABLE when too many wait already, DEADLINE_EXCEEDED when the turn did not come.
        """
        end = time.monotonic() + timeout
        with self._changed:
            if self._pending >= self._max_pending:
                raise StatusError(
                    "UNAVAILABLE", f"The stand-in server already holds {self._max_pending} requests. Try again later."
                )
            self._pending += 1
        try:
            if not self._running.acquire(timeout=max(0.0, timeout)):
                raise StatusError("DEADLINE_EXCEEDED", f"No turn came within {timeout:.1f} s")
            try:
                yield max(0.001, end - time.monotonic())
            finally:
                self._running.release()
        finally:
            with self._changed:
                self._pending -= 1
                self._changed.notify_all()

    def drain(self, timeout: float) -> bool:
        """Waits until no request is held; False if some still are after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending == 0, timeout)


class Predictor:
    """Runs requests on the loaded versions of a model, within the server's limits."""

    def __init__(self, versions: ModelVersions, admission: Admission):
        self.versions = versions
        self._admission = admission

    def predict(
        self,
        name: str,
        version: int | str | None,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        output_filter: Sequence[str] = (),
        timeout: float | None = None,
    ) -> tuple[int, dict[str, np.ndarray]]:
        """Runs a signature: (the version that answered, outputs by name).

        A refusal is a StatusError with TensorFlow Serving's code, and its message if it has one.

        Args:
            version: a number or a label, None the newest.
            output_filter: the outputs wanted; empty for all.
            timeout: seconds left to the caller, if known.
        """
        limit = _TIMEOUT if timeout is None else min(timeout, _TIMEOUT)
        with self.versions.use(name, version) as (number, model):
            if signature not in model.signatures:
                raise StatusError("FAILED_PRECONDITION", f'Serving signature key "{signature}" not found.')
            _check_inputs(model.signatures[signature], inputs)
            _check_filter(model.signatures[signature], output_filter)
            with self._admission.enter(limit) as left:
                try:
                    return number, model.run(signature, inputs, output_filter or None, left)
                except model.op_error as error:
                    raise StatusError(code_name(error.error_code), describe_error(error)) from error


def _check_inputs(signature: Signature, inputs: Mapping[str, np.ndarray]) -> None:
    """TensorFlow Serving's checks and words (servables/tensorflow/predict_util.cc), and one of our own.

    The real server hands any shape on to the graph; here one that contradicts the signature is refused before it runs.
    """
    sent, wanted = set(inputs), set(signature.inputs)
    if sent != wanted:
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_names(sent)}) != "
            f"len({_names(wanted)}). Sent extra: {_names(sent - wanted)}. "
            f"Missing but required: {_names(wanted - sent)}."
        )
    for index, (name, spec) in enumerate(signature.inputs.items()):
        array = inputs[name]
        if dtype_name(array) != spec.dtype:
            wanted_dtype = "float" if spec.dtype == "float32" else spec.dtype
            raise invalid_argument(
                f"Expects arg[{index}] to be {wanted_dtype} but {dtype_name(array)} is provided (input '{name}')"
            )
        if not spec.accepts(array):
            raise invalid_argument(
                f"Input '{name}' does not fit the signature: expected {spec}, got {TensorSpec(spec.dtype, array.shape)}"
            )


def _check_filter(signature: Signature, output_filter: Sequence[str]) -> None:
    for name in output_filter:
        if name not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{_names(signature.outputs)}."
            )
        if list(output_filter).count(name) > 1:
            raise invalid_argument(f"duplicate output tensor alias: {name}")


def _names(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
