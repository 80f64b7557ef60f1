"""Decodes one clip that a stranger sent, in a process of its own: run by `serving.review.uploads`, never imported.

It asks the kernel to bound it before it loads FFmpeg, opens no file and no address, and writes none. Standard input
brings a line of JSON (`bytes`, `format`, and the limits) and the clip; the answer is a line, ``{"frames": count}``.
Then comes a line with the indices that are wanted; the answer is a line, ``{"sizes": [..]}``, and their JPEGs. What
is wrong with a clip is told in place of either line, as ``{"error": sentence}``.
"""

import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

SHORT_SIDE = 360  # pixels; as `topiclens.schemas.jpeg_frames`: more would be thrown away by every backbone
QUALITY = 95


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
        pictures = [found[index] for index in wanted]
        tell({"sizes": [len(picture) for picture in pictures]}, *pictures)
    except BadClip as error:
        tell({"error": str(error)})
    except MemoryError:
        tell({"error": "To decode it takes more memory than a clip may have. Re-encode it smaller."})


def frames(clip: bytes, asked: dict[str, Any]) -> Iterator[Any]:
    """Yields every frame that decodes, in the order shown."""
    import av
    import av.logging

    av.logging.set_level(av.logging.PANIC)
    try:
        with av.open(io.BytesIO(clip), "r", format=asked["format"], options={"protocol_whitelist": ""}) as container:
            stream = _film(container)
            stream.thread_type = "NONE"
            _check_size(stream.codec_context.width, stream.codec_context.height, asked)
            stream.codec_context.options = {"max_pixels": str(2 * asked["pixels"] + 2**16)}  # FFmpeg counts padding
            count = 0
            for packet in container.demux(stream):
                for frame in _decoded(packet):
                    _check_size(frame.width, frame.height, asked)
                    count += 1
                    if count > asked["frames"]:
                        raise BadClip(f"It has more than {asked['frames']} frames. Cut it.")
                    yield frame
    except (av.FFmpegError, ValueError, AttributeError):
        raise BadClip("It cannot be read as a video. It is probably cut short: check that it plays.") from None


def jpegs(clip: bytes, asked: dict, wanted: set[int]) -> dict[int, bytes]:
    """The wanted frames by their index."""
    found = {}
    for index, frame in enumerate(frames(clip, asked)):
        if index in wanted:
            buffer = io.BytesIO()
            _upright(frame).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
            found[index] = buffer.getvalue()
            if len(found) == len(wanted):
                break
    return found


def _film(container: Any) -> Any:
    """The first stream of pictures that is not a cover, which a file may hold before its film."""
    import av

    covers = av.stream.Disposition.attached_pic
    films = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not films:
        raise BadClip("It has no moving pictures. Is it a sound recording?")
    return films[0]


def _upright(frame: Any) -> Any:
    """The frame as an image, shrunk where it is large and turned as the clip asks to be shown."""
    scale = min(1.0, SHORT_SIDE / min(frame.width, frame.height))
    image = frame.to_image(width=max(1, round(frame.width * scale)), height=max(1, round(frame.height * scale)))
    quarter_turns = round(frame.rotation / 90)  # counter-clockwise, as in `topiclens.components.videos.reader`
    return image.rotate(90 * (quarter_turns % 4), expand=True)


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
