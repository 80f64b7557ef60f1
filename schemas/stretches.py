"""Stretches of a clip's time: from which second to which a topic is meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Seconds: TypeAlias = Sequence[float] | np.ndarray  # (frames,), when each frame of a clip is shown


class StretchError(ValueError):
    """A stretch of time that is none, or that a clip does not have."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of a clip, its first and its last second included.

    Seconds are counted from the film's first frame, as `topiclens explain` and the review page tell frames' times.

    Raises:
        StretchError: it does not begin before it ends, or before the film.
    """

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s < math.inf:
            raise StretchError(
                f"Expected a stretch that begins at second 0 or later and ends after it began, got {self}. Give the "
                "earlier second first, such as 3 and 5."
            )

    def __str__(self) -> str:
        return f"{self.start_s:g} s to {self.end_s:g} s"

    def holds(self, seconds: Seconds) -> np.ndarray:
        """Which frames lie in it: (frames,) bool, out of the seconds (frames,) at which they are shown."""
        moments = np.asarray(seconds, np.float64)
        return (self.start_s <= moments) & (moments <= self.end_s)

    def of_clip(self, seconds: Seconds | None) -> np.ndarray:
        """As `holds`, of a clip that must have it.

        Raises:
            StretchError: no frame of the clip lies in it, or it is not known when its frames are shown (None).
        """
        if seconds is None:
            raise StretchError(
                f"Expected to know when the clip's frames are shown, to find those from {self}. Give a film, or the "
                "frames with their seconds (topiclens.serving.videos.TimedClip); of features alone, leave the stretch "
                "out."
            )
        held = self.holds(seconds)
        if held.any():
            return held
        first, last = (f"{moment:.2f} s" for moment in (seconds[0], seconds[-1]))
        if self.end_s < seconds[0] or self.start_s > seconds[-1]:
            raise StretchError(
                f"Expected a stretch of the clip, whose frames are shown from {first} to {last}, got {self}. Give "
                "seconds in between."
            )
        before = max(moment for moment in seconds if moment < self.start_s)
        after = min(moment for moment in seconds if moment > self.end_s)
        raise StretchError(
            f"Expected a stretch that holds a frame which the model sees, got {self}: it lies between those at "
            f"{before:.2f} s and {after:.2f} s. Make it longer."
        )


def stretch_of(start_s: float | None, end_s: float | None) -> Stretch | None:
    """The stretch between two seconds; None where neither is given.

    StretchError: one is given alone, or as `Stretch` raises it.
    """
    if start_s is None and end_s is None:
        return None
    if start_s is None or end_s is None:
        raise StretchError("Expected both ends of the stretch, got one. Give the second it begins at and the last one.")
    return Stretch(float(start_s), float(end_s))


def strengths_over_time(strengths: np.ndarray, stretch: Stretch | None, seconds: Seconds | None) -> np.ndarray:
    """The strengths of topics at each frame of a clip, where they are meant for a stretch of it alone.

    Args:
        strengths: (topics,).
        stretch: None for the whole clip.
        seconds: (frames,), when each frame is shown; None where that is not known.
    Returns:
        (frames, topics), 0 outside the stretch; or the (topics,) that were given, for the whole clip.
    Raises:
        StretchError: the clip does not have the stretch.
    """
    return strengths if stretch is None else stretch.of_clip(seconds)[:, None] * strengths
