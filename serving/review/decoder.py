"""Decodes one clip that a stranger sent, in a process of its own: run by `serving.review.uploads`, never imported.

It asks the kernel to bound it before it loads FFmpeg, opens no file and no address, and writes none. Standard input
brings a line of JSON (`bytes`, `format`, and the limits) and the clip; the answer is a line, ``{"frames": count}``.
Then comes a line with the indices that are wanted; the answer is a line, ``{"sizes": [..], "seconds": [..]}``, and
their JPEGs, made as for training. What is wrong with a clip is told in place of either line: ``{"error": sentence}``.
"""

import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

HELD_BACK = 16  # frames whose time is not yet sure, as in training


class BadClip(Exception):
    """A clip that cannot be used; the message says why."""


def tell(answer: dict[str, Any], *pictures: bytes) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + b"".join(pictures))
    sys.stdout.buffer.flush()


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    for kind, most in (
        (resource.RLIMIT_AS, asked["memory"]),
        (resource.RLIMIT_CPU, asked["seconds"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    clip = sys.stdin.buffer.read(asked["bytes"])
    try:
        count = sum(1 for _ in frames(clip, asked))
        if not count:
            raise BadClip("None of its frames can be decoded. Check that it plays.")
        tell({"frames": count})
        wanted = json.loads(sys.stdin.buffer.readline())
        found = jpegs(clip, asked, set(wanted))
        seconds, pictures = zip(*(found[index] for index in wanted), strict=True)
        tell({"sizes": [len(picture) for picture in pictures], "seconds": seconds}, *pictures)
    except BadClip as error:
        tell({"error": str(error)})
    except MemoryError:
        tell({"error": "To decode it takes more memory than a clip may have. Re-encode it smaller."})


def frames(clip: bytes, asked: dict[str, Any]) -> Iterator[tuple[float, Any, Any]]:
    """Yields every frame that decodes, in the order shown, with the seconds after the first and the form of a pixel."""
    import av
    import av.logging

    from topiclens.schemas.films.clock import clock_of
    from topiclens.schemas.films.streams import FORMATS, NoFilm, film_of

    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": ""}
    try:
        container = av.open(io.BytesIO(clip), "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError):
        raise BadClip(
            "It is no video that is read here, or it is cut short: check that it plays. Expected MP4, MOV, WebM, MKV, "
            "AVI, MPEG, TS, GIF or another container of its own."
        ) from None
    try:
        with container:
            stream = film_of(container)
            stream.thread_type = "NONE"
            _check_size(stream.codec_context.width, stream.codec_context.height, asked)
            stream.codec_context.options = {"max_pixels": str(2 * asked["pixels"] + 2**16)}  # FFmpeg counts padding
            stream.codec_context.flags |= av.codec.context.Flags.unaligned.value
            clock = clock_of(container, stream, HELD_BACK)
            for time, frame in clock.times((frame.pts, frame) for frame in _checked(container, stream, asked)):
                yield float(time), frame, stream.sample_aspect_ratio
    except NoFilm as error:
        raise BadClip(f"It {error}") from None
    except (av.FFmpegError, ValueError, AttributeError):
        raise BadClip("It cannot be read as a video. It is probably cut short: check that it plays.") from None


def _checked(container: Any, stream: Any, asked: dict[str, Any]) -> Iterator[Any]:
    from topiclens.schemas.films.streams import is_encrypted

    count = 0
    for packet in container.demux(stream):
        if is_encrypted(packet):
            raise BadClip("It is encrypted. Decrypt it first.")
        for frame in _decoded(packet):
            _check_size(frame.width, frame.height, asked)
            count += 1
            if count > asked["frames"]:
                raise BadClip(f"It has more than {asked['frames']} frames. Cut it.")
            yield frame


def jpegs(clip: bytes, asked: dict[str, Any], wanted: set[int]) -> dict[int, tuple[float, bytes]]:
    """The wanted frames by their index: when each is shown, and its JPEG, upright and shrunk where it is large."""
    from topiclens.schemas.films.shown import SHORT_SIDE, as_shown
    from topiclens.schemas.jpeg_frames import encode_frames

    found: dict[int, tuple[float, bytes]] = {}
    for index, (seconds, frame, aspect) in enumerate(frames(clip, asked)):
        if index in wanted:
            (jpeg,) = encode_frames([as_shown(frame, SHORT_SIDE, aspect)])
            found[index] = seconds, jpeg
            if len(found) == len(wanted):
                break
    return found


def _decoded(packet: Any) -> list[Any]:
    """The frames of a packet; none where it is damaged."""
    import av

    try:
        return [frame for frame in packet.decode() if not frame.is_corrupt]
    except av.FFmpegError:
        return []


def _check_size(width: int, height: int, asked: dict) -> None:
    if width * height > asked["pixels"]:
        raise BadClip(f"Its frames have {width} x {height} pixels, which is too large. Re-encode it smaller.")


if __name__ == "__main__":
    main()
