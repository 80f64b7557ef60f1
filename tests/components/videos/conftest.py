"""Clips whose pixels carry the number of their frame, written in many formats, and read back from any picture of them.

A frame's upper half is a row of `BITS` blocks, white for 1 and black for 0, highest bit first; its lower half is grey.
Blocks are coarse enough to outlive every codec here, and the grey half tells a picture that lies on its side.
"""

import fractions
import struct
import types

import av
import numpy as np
import pytest

BITS = 10
BLOCK = 16  # pixels; also the macroblock of the older codecs


def numbered_frame(number: int, width: int = BITS * BLOCK, height: int = 4 * BLOCK) -> np.ndarray:
    """(height, width, 3) uint8 showing `number`."""
    frame = np.full((height, width, 3), 128, np.uint8)
    edges = np.linspace(0, width, BITS + 1).astype(int)
    for bit, (left, right) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        frame[: height // 2, left:right] = 255 * (number >> (BITS - 1 - bit) & 1)
    return frame


def number_shown(frame: np.ndarray) -> int:
    """The number that a picture of `numbered_frame` shows, at any size."""
    height, width, _ = frame.shape
    lower = frame[3 * height // 4, :, :].astype(int)
    assert np.abs(lower - 128).max() < 60, "the lower half is not grey: the picture lies on its side or is damaged"
    row = frame[height // 4].mean(axis=-1)
    blocks = row[((np.arange(BITS) + 0.5) * width / BITS).astype(int)]
    assert np.all((blocks < 80) | (blocks > 175)), f"unclear blocks {blocks}"
    return int("".join("1" if block > 127 else "0" for block in blocks), 2)


def write_clip(
    path,
    n_frames: int,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *,
    size: tuple[int, int] = (BITS * BLOCK, 4 * BLOCK),
    rate: int = 10,
    milliseconds: list[int] | None = None,
    draw=numbered_frame,
    options: dict | None = None,
    container: dict | None = None,
):
    """Encodes frames 0..n-1 drawn by `draw(number, width, height)`, at the times `milliseconds` or else at `rate`."""
    width, height = size
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        if milliseconds is not None:
            stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for number in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(draw(number, width, height)))
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[number], fractions.Fraction(1, 1000)
            file.mux(stream.encode(frame))
        if n_frames:
            file.mux(stream.encode())
        else:
            file.start_encoding()
    return path


def write_turned(path, quarter_turns: int, n_frames: int = 12):
    """An MP4 as phones write it: pictures stored turned, and a track header that says how to turn them back.

    ISO 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y with y downwards, so (0, 1, -1, 0) turns clockwise.
    """
    upright = BITS * BLOCK, 4 * BLOCK
    size = upright[::-1] if quarter_turns % 2 else upright
    write_clip(path, n_frames, size=size, draw=lambda number, *_: np.rot90(numbered_frame(number), quarter_turns))
    data, one = bytearray(path.read_bytes()), 1 << 16
    a, b = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter_turns]
    matrix = (a * one, b * one, 0, -b * one, a * one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 4 + 40, *matrix)
    path.write_bytes(data)
    return path


def write_sound(path, codec: str = "aac", frames: int = 20):
    """A recording without pictures."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=16000, layout="mono")
        form = stream.codec_context.format.name
        kind = {"s16": np.int16, "s32": np.int32, "flt": np.float32}[form.removesuffix("p")]
        for index in range(frames):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), kind), format=form, layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * index
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def clips() -> types.SimpleNamespace:
    """The functions above, for the tests beside this file."""
    return types.SimpleNamespace(
        numbered_frame=numbered_frame,
        number_shown=number_shown,
        write=write_clip,
        write_turned=write_turned,
        write_sound=write_sound,
    )
