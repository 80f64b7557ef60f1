"""Frame-exact sampling: n equally spaced frames of a clip, or of a segment of it, in bounded memory."""

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator

import av
import numpy as np

from components.videos.decoding import Decoding, Limits, UnreadableVideo
from schemas.features import N_FRAMES

HELD_BYTES = 256 * 2**20
SHORT_SIDE = 512


@dataclasses.dataclass(frozen=True, eq=False)
class SampledFrames:
    """The frames taken from one clip or segment.

    Attributes:
        frames: t <= n arrays (height, width, 3) uint8 RGB, upright; all of them where there were fewer than n.
        indices: (t,) the number of each frame within the segment, from 0.
        seconds: (t,) when each is shown, counted from the clip's first frame.
        total: how many frames the segment really has.
    """

    frames: list[np.ndarray]
    indices: tuple[int, ...]
    seconds: tuple[float, ...]
    total: int


def sample_frames(
    path: str | os.PathLike,
    n: int = N_FRAMES,
    *,
    start: float | None = None,
    end: float | None = None,
    short_side: int | None = SHORT_SIDE,
    limits: Limits = Limits(),
    held_bytes: int = HELD_BYTES,
) -> SampledFrames:
    """Takes n equally spaced frames, exactly those that `equally_spaced` names.

    Frames are spaced by their number, not by their timestamps: that is how the paper's features were sampled, and a
    count of decoded frames holds where timestamps are wrong or missing. In a clip of variable rate the lively parts,
    which have more frames, are thereby sampled more densely.

    While a clip's decoded frames fit in `held_bytes` they are kept by reference and one pass is enough; a longer clip
    is counted first and decoded a second time. A segment costs the decoding of everything before it.

    Args:
        path: the clip.
        n: how many frames.
        start, end: seconds after the clip's first frame; frames with start <= time < end belong to the segment.
        short_side: larger frames are shrunk to this many pixels on their short side (by area averaging) to save
            memory; smaller ones are left exact. None never shrinks.
        limits: what the clip may cost.
        held_bytes: memory for decoded frames, before conversion to RGB.
    Raises:
        UnreadableVideo: the clip cannot be decoded, or the segment holds no frame.
    """
    if n < 1:
        raise ValueError(f"Expected at least 1 frame to sample, got n={n}.")
    held: list[tuple[float, av.VideoFrame]] = []
    total = held_size = 0
    for moment in _segment(path, start, end, limits):
        total += 1
        if held_size <= held_bytes:
            held.append(moment)
            held_size += sum(plane.buffer_size for plane in moment[1].planes)
            if held_size > held_bytes:
                held.clear()
    indices = equally_spaced(total, n)
    if held_size <= held_bytes:
        chosen = [held[index] for index in indices]
    else:
        chosen = _numbered(_segment(path, start, end, limits), indices)
    seconds, frames = zip(*((time, _upright_rgb(frame, short_side)) for time, frame in chosen), strict=True)
    if len(frames) != len(indices):
        raise UnreadableVideo(f"{os.path.basename(path)!r} changed while it was read. Run again once it is whole.")
    return SampledFrames(list(frames), indices, seconds, total)


def equally_spaced(total: int, n: int) -> tuple[int, ...]:
    """The first frame of each of n equal parts of a clip of `total` frames; every frame where total <= n.

    Parts differ by at most one frame, the longer ones come first. This is the sampling of the captioner that the
    paper builds on (Yao et al. 2015, published code).

    >>> equally_spaced(10, 4)
    (0, 3, 6, 8)
    """
    if total <= n:
        return tuple(range(total))
    length, longer = divmod(total, n)
    return tuple(part * length + min(part, longer) for part in range(n))


def probe(path: str | os.PathLike, limits: Limits = Limits()) -> tuple[int, int]:
    """Decodes the first frame alone and returns its (width, height), as stored; a cheap check that a clip opens.

    Raises:
        UnreadableVideo: not even one frame decodes, or a limit is passed.
    """
    with contextlib.closing(iter(Decoding(path, limits))) as frames:
        _, frame = next(frames)
        return frame.width, frame.height


def _segment(path, start: float | None, end: float | None, limits: Limits) -> Iterator[tuple[float, av.VideoFrame]]:
    decoding = Decoding(path, limits)
    first, last = start or 0.0, math.inf if end is None else end
    seen, empty = 0.0, True
    with contextlib.closing(iter(decoding)) as frames:
        for seconds, frame in frames:
            if seconds >= last:
                break
            seen = seconds
            if seconds >= first:
                empty = False
                yield seconds, frame
    if empty:
        raise UnreadableVideo(
            f"{decoding.name!r} has no frame from {first:g} s {'on' if end is None else f'to {end:g} s'}: the last one "
            f"seen is at {seen:.2f} s. Correct `start` and `end`, or copy the clip again if it was cut short."
        )


def _numbered(moments: Iterator, indices: tuple[int, ...]) -> Iterator:
    """Those of `moments` whose numbers are `indices`, ascending; stops after the last."""
    wanted = iter(indices)
    index = next(wanted)
    for number, moment in enumerate(moments):
        if number == index:
            yield moment
            index = next(wanted, None)
            if index is None:
                return


def _upright_rgb(frame: av.VideoFrame, short_side: int | None) -> np.ndarray:
    """(height, width, 3) uint8, turned as the clip asks to be shown; a quarter turn swaps height and width."""
    scale = 1.0 if short_side is None else min(1.0, short_side / min(frame.width, frame.height))
    pixels = frame.to_ndarray(
        format="rgb24",
        width=max(1, round(frame.width * scale)),
        height=max(1, round(frame.height * scale)),
        interpolation="BILINEAR" if scale == 1.0 else "AREA",
        threads=1,
    )
    quarter_turns = round(frame.rotation / 90)  # counter-clockwise, as np.rot90 turns
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))
