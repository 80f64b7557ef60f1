"""How strongly a topic is to be taught. A preview and a refinement ask in one way; no model is loaded here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from topiclens.components.refinement.gate import gained
from topiclens.components.refinement.strength_sweep import StrengthSweep
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch

# About one topic: what is said of a video at some strengths of it, and without it; None asks for all strengths.
Ask: TypeAlias = Callable[[VideoRecord, Sequence[float] | None], StrengthSweep]


def taught_strength(
    ask: Ask,
    video: VideoRecord,
    factor: float,
    says: Callable[[str], bool] | None = None,
    stretch: Stretch | None = None,
) -> tuple[StrengthSweep, float | None]:
    """How strongly a topic is to be taught in a video, so that it holds beyond the very frames that were corrected.

    At the smallest strength that brings the topic into the caption, other frames of the same video mostly do not say it
    yet. So the parts of the video are asked too, at the strengths at which the video says it, and more is taught. A
    preview asks in the same way, so that what it shows is what is taught.

    Args:
        ask: see `Ask`.
        factor: see `steady`.
        says: whether a caption says the topic; by default, whether it has a word that names it and that the video's
            own caption lacks.
        stretch: of the video, in which the topic is there; parts that have no frame of it are not asked.
    Returns:
        The sweep of the video itself; and the strength, None where none that was tried brings the topic in.
    """
    of_video = ask(video, None)

    def enters(caption: str) -> bool:
        return bool(gained(of_video.naming, of_video.points[0].caption, caption))

    says = says or enters
    strengths = [point.strength for point in of_video.points]
    said = [says(point.caption) for point in of_video.points]
    if said[0] or not any(said):
        return of_video, 0.0 if said[0] else None
    tried = [strength for strength, is_said in zip(strengths, said, strict=True) if is_said]
    asked = [part for part in parts(video) if stretch is None or _shows(part, stretch)]
    sweeps = [ask(part, tried) for part in asked]
    both = [said, *([one in tried and says(sweep.at(one).caption) for one in strengths] for sweep in sweeps)]
    return of_video, steady(np.array(both), np.array(strengths), factor)


def _shows(part: VideoRecord, stretch: Stretch) -> bool:
    """Whether a part of a video has a frame of a stretch."""
    return part.seconds is not None and bool(stretch.holds(part.seconds).any())


def steady(said: np.ndarray, strengths: np.ndarray, factor: float) -> float | None:
    """The first strength of at least `factor` times that from which on a video, and as many of its parts as ever, say
    its topic.

    Where that begins more than once, the longest run of strengths counts. The factor does not lead out of the run: too
    strong an enhancement drives the words of the topic out again.

    Args:
        said: (1 + parts, strengths), whether the video, and whether each part, says the topic at a strength.
        strengths: ascending from 0.
    Returns:
        0 where the video says it by itself; None where it does not at any strength.
    """
    if not said[0].any():
        return None
    if said[0, 0]:
        return 0.0
    count = said[0] * said.sum(axis=0)
    edges = np.diff(np.pad(count == count.max(), 1).astype(int))
    first, last = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0) - 1
    longest = np.argmax(last - first)
    stronger = np.searchsorted(strengths, factor * strengths[first[longest]])
    return float(strengths[min(stronger, last[longest])])


def parts(video: VideoRecord) -> list[VideoRecord]:
    """A video without some of its frames: every second one of them, or two thirds of them in a row, is left."""
    n = len(video.frames)
    third = n // 3
    left = {
        "odd frames": slice(None, None, 2),
        "even frames": slice(1, None, 2),
        "first two thirds": slice(n - third),
        "last two thirds": slice(third, None),
    }
    found = (video.part(name, frames) for name, frames in left.items())
    return [part for part in found if 0 < len(part.frames) < n]
