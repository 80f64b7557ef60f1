"""Are 200 generated films read as FFmpeg shows them? Frames and times of every one, against its filters and stamps.

    python benchmarks/films.py

Every film has its frames' numbers in its pixels. Its container, its frame rate, its number of frames, its shape and how
it lies are drawn at random; half of the transport streams are two joined, so that the clock begins anew. The reference
for a shape and a turn is what FFmpeg's own filters (`scale`, `transpose`, `hflip`, `vflip`) make of the frames that its
decoder gives; for times it is the number of the frame at the film's rate, rounded as the container rounds.
"""

from __future__ import annotations

import collections
import io
import pathlib
import random
import struct
import tempfile
from fractions import Fraction

import av
import av.filter
import numpy as np

from topiclens.components.videos.reader import sample_frames

FILMS = 200
CONTAINERS = {
    "mp4": "libx264", "mov": "libx264", "mkv": "libx264", "ts": "libx264", "flv": "libx264", "avi": "mpeg4",
    "webm": "libvpx", "mpg": "mpeg2video",
}  # fmt: skip
RATES = (24, 25, 30, 50, Fraction(30000, 1001))
SHAPES = (Fraction(1), Fraction(64, 45), Fraction(8, 9), Fraction(4, 3), Fraction(1, 2), Fraction(40, 33))
# FFmpeg's filters for a display matrix (a, b, c, d), as its command line inserts them.
TURNS = {
    (1, 0, 0, 1): (), (-1, 0, 0, 1): ("hflip",), (1, 0, 0, -1): ("vflip",), (-1, 0, 0, -1): ("hflip", "vflip"),
    (0, 1, -1, 0): ("transpose=clock",), (0, -1, 1, 0): ("transpose=cclock",),
    (0, 1, 1, 0): ("transpose=cclock_flip",), (0, -1, -1, 0): ("transpose=clock_flip",),
}  # fmt: skip
WIDTH, HEIGHT, BITS = 160, 96, 8


def written(path: pathlib.Path, codec: str, rate: Fraction, count: int, shape: Fraction) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, options={"preset": "ultrafast"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 2_000_000
        stream.codec_context.sample_aspect_ratio = shape
        for number in range(count):
            bars = [255 * (number >> (BITS - 1 - bit) & 1) for bit in range(BITS)]
            picture = np.repeat(np.array(bars, np.uint8), WIDTH // BITS)[None, :, None].repeat(3, axis=2)
            picture = np.ascontiguousarray(picture.repeat(HEIGHT, axis=0))
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        file.mux(stream.encode())


def turned(path: pathlib.Path, matrix: tuple[int, int, int, int]) -> None:
    data, one = bytearray(path.read_bytes()), 1 << 16
    a, b, c, d = (entry * one for entry in matrix)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def as_ffmpeg_shows(path: pathlib.Path, turns: tuple[str, ...]) -> list[np.ndarray]:
    """Every frame through FFmpeg's filters."""
    shown = []
    with av.open(io.BytesIO(path.read_bytes())) as file:
        stream = file.streams.video[0]
        shape = stream.sample_aspect_ratio or Fraction(1)
        how = "area" if shape < 1 else "bilinear"  # as the reader scales
        for frame in file.decode(stream):
            graph = av.filter.Graph()
            chain = [graph.add_buffer(template=stream)]
            chain.append(graph.add("scale", f"w={round(WIDTH * shape)}:h={HEIGHT}:flags={how}"))
            chain.append(graph.add("format", "rgb24"))
            chain += [graph.add(*turn.split("=")) for turn in turns]
            graph.link_nodes(*chain, graph.add("buffersink")).configure()
            graph.push(frame)
            graph.push(None)
            shown.append(graph.pull().to_ndarray())
    return shown


def main() -> None:
    draw, right, films = random.Random(0), collections.Counter(), collections.Counter()
    frames = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FILMS):
            ending = draw.choice(list(CONTAINERS))
            rate, count, shape = Fraction(draw.choice(RATES)), draw.randint(2, 60), draw.choice(SHAPES)
            path = pathlib.Path(folder) / f"{number}.{ending}"
            written(path, CONTAINERS[ending], rate, count, shape)
            matrix = draw.choice(list(TURNS)) if ending in ("mp4", "mov") else (1, 0, 0, 1)
            if ending in ("mp4", "mov"):
                turned(path, matrix)
            if ending == "ts" and draw.random() < 0.5:  # two broadcasts joined
                path.write_bytes(2 * path.read_bytes())
            expected = as_ffmpeg_shows(path, TURNS[matrix])
            sampled = sample_frames(path, 10_000, short_side=None)
            off = max(abs(second - index / rate) for index, second in enumerate(sampled.seconds))
            films[ending] += 1
            frames += sampled.total
            right["number of frames"] += sampled.total == len(expected)
            right["times, to a thousandth of a second"] += off <= 0.0011
            same = all(np.array_equal(*pair) for pair in zip(sampled.frames, expected, strict=False))
            right["pixels of every frame"] += same
            if not same or off > 0.0011 or sampled.total != len(expected):
                print(path.name, rate, shape, matrix, sampled.total, len(expected), float(off), same)
    print(f"{sum(films.values())} films, {frames} frames: {dict(films)}")
    for what, count in right.items():
        print(f"{what}: {count} of {FILMS}")


if __name__ == "__main__":
    main()
