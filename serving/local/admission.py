"""How many requests are taken, and how many run at once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import grpc

from topiclens.serving.local.status import StatusError


class Admission:
    """Takes at most ``max_pending`` requests, of which ``max_running`` run; the rest wait their turn.

    A request beyond that is refused with UNAVAILABLE, as TensorFlow Serving does
    when its batching queue is full: a client may try again.
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
                    grpc.StatusCode.UNAVAILABLE,
                    f"The stand-in server already holds {self._max_pending} requests. Try again later.",
                )
            self._pending += 1
        try:
            if not self._running.acquire(timeout=max(0.0, timeout)):
                raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, f"No turn came within {timeout:.1f} s")
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
