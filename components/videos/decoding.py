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
from fractions import Fraction
from typing import Any

import av
import av.logging

from topiclens.schemas.films.clock import WINDOW, clock_of, rounding
from topiclens.schemas.films.streams import FORMATS, NoFilm, film_of, is_encrypted

MAX_DAMAGED = 0.5  # the largest share of a clip's packets that may fail to decode
HELD_BACK_BYTES = 64 * 2**20  # of frames whose time is not yet sure


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

    The seconds are exact and rise. Once it is iterated, `aspect` is the width of a pixel by its height (None where the
    film does not say), and `rounding` what the seconds may be off by, as the file rounds them.

    Raises, while iterating:
        UnreadableVideo: not a video, no frame decodes, too much of it is damaged, or a limit is passed.
    """

    def __init__(self, path: str | os.PathLike, limits: DecodingLimits = DecodingLimits()):
        self.path = os.fspath(path)
        self.name = os.path.basename(self.path)
        self._limits = limits
        self._ffmpeg_said = ""
        self.aspect: Fraction | None = None
        self.rounding = Fraction(0)

    def __iter__(self) -> Generator[tuple[Fraction, av.VideoFrame], None, None]:
        self._require_file()
        with self._open() as container:
            stream = self._video_stream(container)
            self.aspect, self.rounding = stream.sample_aspect_ratio, rounding(stream)
            size = 2 * max(1, stream.codec_context.width * stream.codec_context.height)
            clock = clock_of(container, stream, window=min(WINDOW, max(3, HELD_BACK_BYTES // size)))
            yield from clock.times((frame.pts, frame) for frame in self._frames(container, stream))

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
        try:
            stream = film_of(container)
        except NoFilm as error:
            raise UnreadableVideo(f"{self.name!r} {error}") from error
        self._require_pixels(stream.codec_context.width, stream.codec_context.height)
        stream.thread_type = "NONE"
        stream.codec_context.flags |= av.codec.context.Flags.unaligned.value  # crops to the very pixel
        # A size that changes midway must not take memory before it is checked. FFmpeg counts padding, hence the room.
        stream.codec_context.options = {"max_pixels": str(2 * self._limits.max_pixels + 2**16)}
        return stream

    def _frames(self, container: Any, stream: Any) -> Iterator[av.VideoFrame]:
        limits, began = self._limits, time.thread_time()
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
                yield frame
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
                    if packet is not None and is_encrypted(packet):
                        raise UnreadableVideo(f"{self.name!r} is encrypted, and no key is known. Decrypt it first.")
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
