"""Clips decoded in processes of their own, so that a clip that crashes its decoder does not end the job.

FFmpeg is native code that reads untrusted bytes: among a million clips one may crash it or never end. Here that costs
one clip and a new process (about half a second). It also lets clips decode while the network computes.

The child says when it is ready. Then it answers each request, JSON (path, video_id, start, end, sampling, limits), by
JSON, either {"error": why, "lasting": bool} or {"shapes": [[height, width, 3], ...]}, and a message of bytes for each
frame. Nothing that it sends is unpickled: a hostile clip may have taken it over.
"""

import concurrent.futures
import dataclasses
import importlib
import itertools
import json
import os
import pathlib
import queue
import subprocess
import sys
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, Pipe
from typing import Any

import numpy as np

from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.sampling import Sampling

READER = "topiclens.components.videos.reader:sample_video"
DECODERS = 2  # processes a worker


class DecoderFailed(UnreadableVideo):
    """A clip that gave no frames for a reason that may be the machine's: a crash, a hang, a file that is gone."""


@dataclasses.dataclass(frozen=True)
class ClipRequest:
    """A file, or the segment of it from `start` to `end` seconds.

    `video_id` says which frames a random clip takes; None is the file's name, without folder and ending.
    """

    path: str
    start: float | None = None
    end: float | None = None
    video_id: str | None = None


class DecoderProcess:
    """One child process that samples frames; it is started when first asked, and anew after it died.

    Args:
        timeout: seconds of the clock after which a clip is given up, for a decoder that hangs; None is twice the
            processor time that `limits` gives a clip.
        reader: "module:function" that samples, with the arguments of `topiclens.components.videos.reader.sample_video`.
    """

    def __init__(
        self,
        sampling: Sampling = Sampling(),
        limits: DecodingLimits = DecodingLimits(),
        timeout: float | None = None,
        reader: str = READER,
    ):
        self._sampling, self._limits, self._reader = sampling, limits, reader
        self._timeout = 2 * limits.max_decode_seconds if timeout is None else timeout
        self._child: subprocess.Popen | None = None
        self._pipe: Connection | None = None

    def sample(self, clip: ClipRequest) -> list[np.ndarray]:
        """The clip's frames: 1 <= t <= n_frames arrays (height, width, 3) uint8 RGB.

        Raises:
            UnreadableVideo: the clip cannot be used.
            DecoderFailed: it could not be decoded this time.
            RuntimeError: no decoder starts at all.
        """
        child, pipe = self._started()
        name = os.path.basename(clip.path)
        request = dataclasses.asdict(clip) | {
            "sampling": self._sampling.to_json(), "limits": dataclasses.asdict(self._limits),
        }  # fmt: skip
        try:
            pipe.send_bytes(json.dumps(request).encode())
            if not pipe.poll(self._timeout):
                self.close()
                raise DecoderFailed(
                    f"{name!r} was not decoded within {self._timeout:g} s, so its decoder was stopped "
                    "(twice `limits.max_decode_seconds`). Re-encode it, or raise the limit."
                )
            answer = json.loads(pipe.recv_bytes())
            if "shapes" in answer:
                return [np.frombuffer(pipe.recv_bytes(), np.uint8).reshape(shape) for shape in answer["shapes"]]
        except (EOFError, ConnectionError) as error:
            self.close()
            raise DecoderFailed(
                f"{name!r} made its decoder crash ({_how_it_ended(child)}). The clip is damaged, or larger than the "
                "memory: check that it plays, or re-encode it."
            ) from error
        raise (UnreadableVideo if answer["lasting"] else DecoderFailed)(answer["error"])

    def close(self) -> None:
        """Ends the child, if there is one."""
        if self._child is not None and self._pipe is not None:
            self._pipe.close()
            self._child.kill()
            self._child.wait()
            self._child = self._pipe = None

    def _started(self) -> tuple[subprocess.Popen, Connection]:
        if self._child is None or self._pipe is None:
            root = str(pathlib.Path(__file__).parents[2])  # the child finds the packages where we were found
            paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
            self._pipe, theirs = Pipe()
            with theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", __spec__.name, self._reader, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # what native code prints goes where messages go
                    pass_fds=[theirs.fileno()],
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
                )
            try:
                self._pipe.recv_bytes()  # that it is ready
            except (EOFError, ConnectionError) as error:
                child = self._child
                self.close()
                raise RuntimeError(
                    f"The process that decodes clips does not start ({_how_it_ended(child)}): see its own message "
                    "above. Is the project installed in this Python, with its requirements?"
                ) from error
        return self._child, self._pipe


class DecoderPool:
    """Several decoder processes, which work ahead of the reader of their frames."""

    def __init__(self, size: int = DECODERS, **options: Any):
        """`size` is the number of processes; `options` are those of `DecoderProcess`."""
        if size < 1:
            raise ValueError(f"Expected at least 1 decoder, got decoders={size}.")
        self._decoders = [DecoderProcess(**options) for _ in range(size)]
        self._idle: queue.SimpleQueue[DecoderProcess] = queue.SimpleQueue()
        for decoder in self._decoders:
            self._idle.put(decoder)
        self._threads = concurrent.futures.ThreadPoolExecutor(size, thread_name_prefix="decoder")

    def sample(self, clips: Iterable[ClipRequest]) -> Iterator[list[np.ndarray] | UnreadableVideo]:
        """Frames of each clip, or why there are none; in order, at most `size` clips ahead of the consumer."""
        clips = iter(clips)
        ahead = [self._threads.submit(self._sample, clip) for clip in itertools.islice(clips, len(self._decoders))]
        while ahead:
            outcome = ahead.pop(0).result()
            ahead.extend(self._threads.submit(self._sample, clip) for clip in itertools.islice(clips, 1))
            yield outcome

    def close(self) -> None:
        """Ends the processes; clips not yet decoded are dropped."""
        self._threads.shutdown(cancel_futures=True)
        for decoder in self._decoders:
            decoder.close()

    def _sample(self, clip: ClipRequest) -> list[np.ndarray] | UnreadableVideo:
        decoder = self._idle.get()
        try:
            return decoder.sample(clip)
        except UnreadableVideo as error:
            return error
        finally:
            self._idle.put(decoder)


def _how_it_ended(child: subprocess.Popen) -> str:
    return f"signal {-child.returncode}" if child.returncode < 0 else f"exit status {child.returncode}"


def _serve(reader: str, pipe: Connection) -> None:
    """The child's side: answers requests until its pipe is closed, which is also when its parent dies."""
    module, _, function = reader.partition(":")
    sample = getattr(importlib.import_module(module), function)
    pipe.send_bytes(b"ready")
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        frames: list[np.ndarray] = []
        try:
            frames = sample(
                request["path"],
                Sampling.of(request["sampling"]),
                request["video_id"],
                start=request["start"],
                end=request["end"],
                limits=DecodingLimits(**request["limits"]),
            ).frames
            answer: dict[str, Any] = {"shapes": [frame.shape for frame in frames]}
        except UnreadableVideo as error:
            answer = {"error": str(error), "lasting": not isinstance(error.__cause__, OSError)}
        except Exception as error:  # one clip must not end the job, whatever it causes
            name = os.path.basename(request["path"])
            answer = {"error": f"{name!r} failed to decode ({type(error).__name__}: {error}).", "lasting": False}
        pipe.send_bytes(json.dumps(answer).encode())
        for frame in frames:
            pipe.send_bytes(np.ascontiguousarray(frame).data.cast("B"))


if __name__ == "__main__":
    # A copy: the pipe itself must not close before the process ends, so that its exit status is known by then.
    _serve(sys.argv[1], Connection(os.dup(int(sys.argv[2]))))
