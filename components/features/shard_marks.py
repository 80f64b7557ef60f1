"""How far a job of many workers is: each leaves a mark for a finished shard, and whoever looks counts the marks."""

import logging
import os
import socket
import time

import tensorflow as tf

_log = logging.getLogger(__name__)
LOG_EVERY_SECONDS = 20.0
_KEPT = "kept"


class ShardMarks:
    """Marks in a folder that all workers see.

    Args:
        folder: of the marks, empty files named `<shard>.<worker>`.
        shards: how many there are.
        videos_per_shard: to tell the rate in videos.
    """

    def __init__(self, folder: str, shards: int, videos_per_shard: int):
        self._folder, self._shards, self._videos_per_shard = folder, shards, videos_per_shard
        self._seconds = self._computed = 0
        self._logged = 0.0

    def clear(self) -> None:
        """Forgets all marks."""
        if tf.io.gfile.exists(self._folder):
            tf.io.gfile.rmtree(self._folder)

    def finished(self, shard: int, seconds: float | None) -> None:
        """Marks a shard; logs the rate and the time left now and then.

        Args:
            shard: its number.
            seconds: it took, or None if it was kept from a run before.
        """
        worker = _KEPT if seconds is None else f"{socket.gethostname()}-{os.getpid()}"
        tf.io.gfile.makedirs(self._folder)
        with tf.io.gfile.GFile(os.path.join(self._folder, f"{shard:07d}.{worker}"), "w") as file:
            file.write("")
        if seconds is not None:
            self._seconds += seconds
            self._computed += 1
        if time.monotonic() - self._logged > LOG_EVERY_SECONDS:
            self._logged = time.monotonic()
            _log.info("features: %s", self.describe())

    def describe(self) -> str:
        """The count, the rate of all workers, and the time left, in words."""
        marks = [name.partition(".")[::2] for name in tf.io.gfile.listdir(self._folder)]
        done = len({shard for shard, _ in marks})
        workers = len({worker for _, worker in marks} - {_KEPT})
        told = f"{done} of {self._shards} shards"
        if not self._computed or not workers:
            return told
        rate = workers * self._computed / self._seconds  # as if all workers were as fast as this one
        left = (self._shards - done) / rate
        return (
            f"{told}, {rate * self._videos_per_shard:.2g} videos/s on {workers} worker{'s' * (workers > 1)}, "
            f"about {left / 60:.1f} min left"
        )
