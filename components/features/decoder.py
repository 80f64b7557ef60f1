"""Clips decoded in processes of their own, so that a clip that fells its decoder does not fell the job.

FFmpeg is native code that reads untrusted bytes: among a million clips one may crash it or never end. Here that costs
one clip and a new process (about half a second). It also lets clips decode while the network computes.

The child says when it is ready and then answers one request at a time over its pipes: a line of JSON (path, video_id,
start, end, sampling, limits) by a line of JSON, either {"error": why, "lasting": bool} or
{"shapes": [[height, width, 3], ...]} followed by the frames' bytes.
"""

import concurrent.futures
import contextlib
import dataclasses
import importlib
import itertools
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator

import numpy as np

from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.sampling import Sampling

READER = "topiclens.components.videos.reader:sample_video"
DECODERS = 2  # processes a worker
_READY = b"ready\n"


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

    def sample(self, clip: ClipRequest) -> list[np.ndarray]:
        """The clip's frames: 1 <= t <= n_frames arrays (height, width, 3) uint8 RGB.

        Raises:
            UnreadableVideo: the clip cannot be used.
            DecoderFailed: it could not be decoded this time.
            RuntimeError: no decoder starts at all.
        """
        child = self._started()
        hung = threading.Event()

        def give_up():
            hung.set()
            child.kill()

        watch = threading.Timer(self._timeout, give_up)
        watch.start()
        try:
            request = dataclasses.asdict(clip) | {
                "sampling": self._sampling.to_json(), "limits": dataclasses.asdict(self._limits),
            }  # fmt: skip
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            answer = json.loads(child.stdout.readline() or "null")
            if answer is None:
                raise EOFError
            if "shapes" in answer:
                return [_read_frame(child.stdout, shape) for shape in answer["shapes"]]
        except (EOFError, BrokenPipeError) as error:
            name = os.path.basename(clip.path)
            self.close()
            if hung.is_set():
                raise DecoderFailed(
                    f"{name!r} was not decoded within {self._timeout:g} s, so its decoder was stopped "
                    "(twice `limits.max_decode_seconds`). Re-encode it, or raise the limit."
                ) from None
            raise DecoderFailed(
                f"{name!r} made its decoder crash ({_how_it_ended(child)}). The clip is damaged, or larger than the "
                "memory: check that it plays, or re-encode it."
            ) from error
        finally:
            watch.cancel()
        raise (UnreadableVideo if answer["lasting"] else DecoderFailed)(answer["error"])

    def close(self) -> None:
        """Ends the child, if there is one."""
        if self._child is not None:
            child, self._child = self._child, None
            with contextlib.suppress(BrokenPipeError):  # of a request that it did not live to read
                child.stdin.close()
            child.stdout.close()
            child.kill()
            child.wait()

    def _started(self) -> subprocess.Popen:
        if self._child is None:
            root = str(pathlib.Path(__file__).parents[2])  # the child finds the packages where we were found
            paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
            self._child = subprocess.Popen(
                [sys.executable, "-m", "topiclens.components.features.decoder", self._reader],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            )
            if self._child.stdout.readline() != _READY:
                child = self._child
                self.close()
                raise RuntimeError(
                    f"The process that decodes clips does not start ({_how_it_ended(child)}): see its own message "
                    "above. Is the project installed in this Python, with its requirements?"
                )
        return self._child


class DecoderPool:
    """Several decoder processes, working ahead of whoever consumes their frames."""

    def __init__(self, size: int = DECODERS, **options):
        """Args: size: how many processes; options: those of `DecoderProcess`."""
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


def _read_frame(stream, shape: list[int]) -> np.ndarray:
    frame = np.empty(shape, np.uint8)
    view, filled = memoryview(frame).cast("B"), 0
    while filled < len(view):
        count = stream.readinto(view[filled:])
        if not count:
            raise EOFError("the decoder ended in the middle of a frame")
        filled += count
    return frame


def _how_it_ended(child: subprocess.Popen) -> str:
    return f"signal {-child.returncode}" if child.returncode < 0 else f"exit status {child.returncode}"


def _serve(reader: str) -> None:
    """The child's side: answers requests until its input ends, which is also when its parent dies."""
    module, _, function = reader.partition(":")
    sample = getattr(importlib.import_module(module), function)
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever native code prints must not end up among the frames
    answers.write(_READY)
    answers.flush()
    for line in requests:
        request = json.loads(line)
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
            answer = {"shapes": [frame.shape for frame in frames]}
        except UnreadableVideo as error:
            answer = {"error": str(error), "lasting": not isinstance(error.__cause__, OSError)}
        except Exception as error:  # whatever one clip brings about must not end the job
            name = os.path.basename(request["path"])
            answer = {"error": f"{name!r} failed to decode ({type(error).__name__}: {error}).", "lasting": False}
        answers.write(json.dumps(answer).encode() + b"\n")
        for frame in frames:
            answers.write(np.ascontiguousarray(frame).data)
        answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
