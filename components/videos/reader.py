"""Frame-exact sampling of a clip, or of a segment of it, in bounded memory."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from topiclens.components.videos.decoding import Decoding, DecodingLimits, UnreadableVideo
from topiclens.components.videos.sampling import Sampling, equally_spaced
from topiclens.schemas.features import N_FRAMES
from topiclens.schemas.films.shown import SHORT_SIDE, as_shown

HELD_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True, eq=False)
class SampledFrames:
    """The frames taken from one clip or segment.

    Attributes:
        frames: t <= n arrays (height, width, 3) uint8 RGB, upright; fewer than n if the clip has no more.
        indices: (t,) the number of each frame within the segment, from 0.
        seconds: (t,) when each is shown, counted from the clip's first frame.
        total: how many frames the segment really has.
    """

    frames: list[np.ndarray]
    indices: tuple[int, ...]
    seconds: tuple[float, ...]
    total: int


def sample_video(
    path: str | os.PathLike, sampling: Sampling = Sampling(), video_id: str | None = None, **options: Any
) -> SampledFrames:
    """Takes the frames of a clip that a model is to see.

    Args:
        sampling: how the model's training clips were sampled.
        video_id: of the clip; None is its file's name, without folder and ending.
        options: `start`, `end`, `short_side`, `limits` and `held_bytes` of `sample_frames`.
    Raises:
        UnreadableVideo: the clip cannot be decoded, or the segment holds no frame.
    """
    if video_id is None:
        video_id = os.path.splitext(os.path.basename(path))[0]
    return sample_frames(path, choose=lambda total: sampling.indices(total, video_id), **options)


def sample_frames(
    path: str | os.PathLike,
    n: int = N_FRAMES,
    *,
    choose: Callable[[int], tuple[int, ...]] | None = None,
    start: float | None = None,
    end: float | None = None,
    short_side: int | None = SHORT_SIDE,
    limits: DecodingLimits = DecodingLimits(),
    held_bytes: int = HELD_BYTES,
) -> SampledFrames:
    """Takes exactly the frames that are named: n equally spaced ones, or those that `choose` picks.

    Frames are counted, as for the paper's features; timestamps may be wrong or missing. In a clip of variable rate the
    lively parts, which have more frames, are therefore sampled more densely.

    While a clip's decoded frames fit in `held_bytes` they are kept by reference and one pass is enough; a longer clip
    is counted first and decoded a second time. A segment costs the decoding of everything before it.

    Args:
        choose: from how many frames there are to the numbers of those wanted, ascending.
        start, end: seconds after the clip's first frame; frames with start <= time < end belong to the segment.
        short_side: larger frames are shrunk to this many pixels on their short side (by area averaging) to save
            memory; smaller ones are left exact. None never shrinks.
        held_bytes: memory for decoded frames, before conversion to RGB.
    Raises:
        UnreadableVideo: the clip cannot be decoded, or the segment holds no frame.
    """
    if n < 1:
        raise ValueError(f"Expected at least 1 frame to sample, got n={n}.")
    decoding = Decoding(path, limits)
    held: list[tuple[Fraction, av.VideoFrame]] = []
    total = held_size = 0
    for moment in _segment(decoding, start, end):
        total += 1
        if held_size <= held_bytes:
            held.append(moment)
            held_size += sum(plane.buffer_size for plane in moment[1].planes)
            if held_size > held_bytes:
                held.clear()
    indices = choose(total) if choose else equally_spaced(total, n)
    if held_size <= held_bytes:
        chosen = (held[index] for index in indices)
    else:
        wanted, again = set(indices), itertools.islice(_segment(decoding, start, end), indices[-1] + 1)
        chosen = (moment for number, moment in enumerate(again) if number in wanted)
    shown = ((float(time), as_shown(frame, short_side, decoding.aspect)) for time, frame in chosen)
    seconds, frames = zip(*shown, strict=True)
    if len(frames) != len(indices):
        raise UnreadableVideo(f"{os.path.basename(path)!r} changed while it was read. Run again once it is whole.")
    return SampledFrames(list(frames), indices, seconds, total)


def probe(path: str | os.PathLike, limits: DecodingLimits = DecodingLimits()) -> tuple[int, int]:
    """(width, height) of the first frame, as stored; UnreadableVideo if the clip does not open. A cheap check."""
    with contextlib.closing(iter(Decoding(path, limits))) as frames:
        _, frame = next(frames)
        return frame.width, frame.height


def _segment(decoding: Decoding, start: float | None, end: float | None) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """The frames with start <= time < end. A bound that the file cannot write exactly means the nearest frame."""
    first, last = _exact(start or 0.0), None if end is None else _exact(end)
    seen, empty = Fraction(0), True
    with contextlib.closing(iter(decoding)) as frames:
        for seconds, frame in frames:
            if last is not None and seconds > last - decoding.rounding:
                break
            seen = seconds
            if seconds > first - decoding.rounding:
                empty = False
                yield seconds, frame
    if empty:
        stretch = f"from {float(first):g} s {'on' if end is None else f'to {end:g} s'}"
        raise UnreadableVideo(
            f"{decoding.name!r} has no frame {stretch}: the last one seen is at {float(seen):.2f} s. Correct `start` "
            "and `end`, or copy the clip again if it was cut short."
        )


def _exact(seconds: float) -> Fraction:
    """The decimal that a number was written as."""
    return Fraction(repr(float(seconds)))
