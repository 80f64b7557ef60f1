"""One pass through a clip: every frame that decodes, in the order shown, within limits.

The frames are decoded one after the other by one thread and counted. Nothing seeks and no header is trusted: headers
have wrong frame counts and durations, and seeking finds other frames than those asked for.
"""

import contextlib
import dataclasses
import os
import stat
import time
from collections.abc import Generator, Iterator
from typing import Any

import av
import av.logging

# Containers that hold their own data. Playlists and image sequences, which make the demuxer open other files or
# addresses, are not among them.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "avi", "matroska,webm", "gif", "mpeg", "mpegts", "mpegvideo", "m4v", "h264", "hevc",
    "ivf", "flv", "asf", "ogg", "nut", "mxf", "dv", "rm", "swf", "apng",
    "wav", "mp3", "flac", "aac", "amr", "caf", "aiff",
)  # fmt: skip
FALLBACK_RATE = 25  # frames a second, where neither timestamps nor the stream say
MAX_DAMAGED = 0.5  # the largest share of a clip's packets that may fail to decode


class UnreadableVideo(ValueError):
    """A clip that cannot be used; the message says which, why, the likely cause and what to do."""


@dataclasses.dataclass(frozen=True)
class DecodingLimits:
    """What one clip may cost, so that a hostile or broken clip cannot stop a worker.

    Attributes:
        max_file_bytes: the largest file that is opened.
        max_pixels: the most pixels a frame may have.
        max_frames: the most frames that are decoded in one pass.
        max_decode_seconds: the most processor time that one pass may take. It is not the clock's time, so that a busy
            machine accepts the same clips.
        max_array_bytes: the largest array of precomputed features that is read.
    """

    max_file_bytes: int = 8 * 2**30
    max_pixels: int = 8192 * 4320
    max_frames: int = 250_000
    max_decode_seconds: float = 900.0
    max_array_bytes: int = 2 * 2**30


class Decoding:
    """An iterable over (seconds after the first frame, `av.VideoFrame`): one pass through the clip at `path`.

    Raises, while iterating:
        UnreadableVideo: not a video, no frame decodes, too much of it is damaged, or a limit is passed.
    """

    def __init__(self, path: str | os.PathLike, limits: DecodingLimits = DecodingLimits()):
        self.path = os.fspath(path)
        self.name = os.path.basename(self.path)
        self._limits = limits
        self._ffmpeg_said = ""

    def __iter__(self) -> Generator[tuple[float, av.VideoFrame], None, None]:
        self._require_file()
        with self._open() as container:
            yield from self._frames(container, self._video_stream(container))

    def _require_file(self) -> None:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise UnreadableVideo(f"{self.name!r} cannot be opened: {error.strerror}.") from error
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
            raise UnreadableVideo(f"{self.name!r} is not a plain file.")
        if not status.st_size:
            raise UnreadableVideo(f"{self.name!r} is an empty file (0 bytes). Copy it again.")
        if status.st_size > self._limits.max_file_bytes:
            raise UnreadableVideo(
                f"{self.name!r} is {status.st_size} bytes; at most {self._limits.max_file_bytes} are read "
                "(`limits.max_file_bytes`). Re-encode it, or raise the limit."
            )

    def _open(self) -> av.container.InputContainer:
        options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
        try:
            with self._listening():
                return av.open(self.path, options=options, metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            said = self._ffmpeg_said or f" (ffmpeg: {getattr(error, 'strerror', None) or error})"
            raise UnreadableVideo(
                f"{self.name!r} cannot be opened as a video{said}. It is probably cut short, or no video: "
                "check that it plays, or copy it again."
            ) from error

    def _video_stream(self, container: Any) -> av.VideoStream:
        pictures = av.stream.Disposition.attached_pic
        videos = [stream for stream in container.streams.video if not stream.disposition & pictures]
        if not videos:
            kinds = sorted({stream.type for stream in container.streams}) or ["none"]
            raise UnreadableVideo(
                f"{self.name!r} has no video stream, only: {', '.join(kinds)}. Is it a sound recording?"
            )
        stream = videos[0]
        if stream.codec_context is None:
            raise UnreadableVideo(
                f"{self.name!r} has no video codec that can be decoded here. It is damaged, or has to be re-encoded."
            )
        self._require_pixels(stream.codec_context.width, stream.codec_context.height)
        stream.thread_type = "NONE"
        # A size that changes midway must not take memory before it is checked. FFmpeg counts padding, hence the room.
        stream.codec_context.options = {"max_pixels": str(2 * self._limits.max_pixels + 2**16)}
        return stream

    def _frames(self, container: Any, stream: Any) -> Iterator[tuple[float, av.VideoFrame]]:
        limits, clock, began = self._limits, FrameClock(stream), time.thread_time()
        frames = packets = damaged = 0
        for decoded in self._decoded(container, stream):
            packets += 1
            damaged += decoded is None
            for frame in decoded or ():
                self._require_pixels(frame.width, frame.height)
                if frame.is_corrupt:  # a grey or old picture in place of what the file lacks
                    damaged += 1
                    continue
                frames += 1
                if frames > limits.max_frames:
                    raise UnreadableVideo(
                        f"{self.name!r} has more than {limits.max_frames} frames (`limits.max_frames`). "
                        "Cut it into shorter clips, or raise the limit."
                    )
                yield clock.seconds(frame), frame
            if time.thread_time() - began > limits.max_decode_seconds:
                raise UnreadableVideo(
                    f"{self.name!r} took more than {limits.max_decode_seconds:g} s of processor time for "
                    f"{frames} frames (`limits.max_decode_seconds`). Cut or re-encode it, or raise the limit."
                )
        if not frames:
            raise UnreadableVideo(
                f"{self.name!r} has 0 decodable frames{self._ffmpeg_said}. It is probably cut short or empty: "
                "check that it plays, or copy it again."
            )
        if damaged > MAX_DAMAGED * packets:
            raise UnreadableVideo(
                f"{self.name!r} is damaged: {damaged} of its {packets} packets do not decode{self._ffmpeg_said}. "
                "Check that it plays, or copy it again."
            )

    def _decoded(self, container: Any, stream: Any) -> Iterator[list[av.VideoFrame] | None]:
        """Yields the frames that each packet gives; None for a packet that does not decode."""
        packets = container.demux(stream)
        while True:
            try:
                with self._listening():
                    packet = next(packets, None)
                    decoded = [] if packet is None else packet.decode()
            except av.FFmpegError:
                decoded = None
            else:
                if packet is None:
                    return
            yield decoded

    def _require_pixels(self, width: int, height: int) -> None:
        if width * height > self._limits.max_pixels:
            raise UnreadableVideo(
                f"{self.name!r} has frames of {width} x {height} pixels; at most {self._limits.max_pixels} pixels are "
                "decoded (`limits.max_pixels`). Re-encode it smaller, or raise the limit."
            )

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """Keeps the last error that FFmpeg reports in this thread, for messages; prints nothing."""
        if av.logging.get_level() is None:
            av.logging.set_skip_repeated(False)  # else the next clip with the same fault would have no message
            av.logging.set_level(av.logging.ERROR)
        with av.logging.Capture() as entries:
            try:
                yield
            finally:
                if entries:
                    _, origin, said = entries[-1]
                    if "not on whitelist" in said:
                        said = f"{origin} is not a video container that is read here"
                    self._ffmpeg_said = f" (ffmpeg: {said.strip()})"


class FrameClock:
    """Seconds after the first frame, for frames with and without timestamps."""

    def __init__(self, stream: Any):
        self._step = 1 / float(stream.average_rate or FALLBACK_RATE)
        self._first: float | None = None
        self._last = -self._step

    def seconds(self, frame: av.VideoFrame) -> float:
        self._last = self._last + self._step if frame.time is None else frame.time
        self._first = self._last if self._first is None else self._first
        return self._last - self._first
