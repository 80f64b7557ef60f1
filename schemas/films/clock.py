"""When each frame of a film is shown, by time stamps that may be missing, disordered, or begin anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

import av

from topiclens.schemas.films.streams import frame_rate

WINDOW = 16  # frames that are looked ahead for a time stamp out of order
_BROKEN_CLOCK = 10  # seconds that a broadcast's clock may leap; more is a new clock, as for ffmpeg
_WHOLE_CLOCK = 30 * 3600  # the same for other containers
_CLOCKS = 4  # clocks that are remembered
_WIDE = Fraction(3, 2)  # steps from which a gap is looked into

T = TypeVar("T")


class Clock:
    """Times of frames that come in the order shown: exact, rising, and from 0 on.

    Time stamps that rise are kept as they are. Stamps in the order of storing are sorted, as long as each finds its
    place within `window` frames; a stamp that was there before, or lies further ahead than `leap`, begins a new clock,
    which continues the old one at the film's rate; a stamp alone in the wrong place is replaced by the rate.

    Args:
        tick: seconds a unit of the time stamps.
        rate: frames a second.
        leap: seconds without a frame that are believed.
        counted: the stamps count frames, so that no two frames are closer than the rate says.
    """

    def __init__(
        self, tick: Fraction, rate: Fraction, leap: int = _WHOLE_CLOCK, counted: bool = False, window: int = WINDOW
    ):
        step = 1 / (rate * tick)
        self._parts = step.denominator  # of a tick: times are whole numbers of them
        self._step, self._unit = step.numerator, tick / step.denominator
        self._wide = int(_WIDE * self._step)
        self._leap, self._counted, self._window = int(leap / self._unit), counted, window
        self._waiting: deque[list[Any]] = deque()
        self._offsets: deque[int] = deque(maxlen=_CLOCKS)
        self._first, self._last = 0, -self._step
        self._begun = False

    def times(self, frames: Iterable[tuple[int | None, T]]) -> Iterator[tuple[Fraction, T]]:
        """Seconds after the first frame, for frames with their time stamps; at most `window` frames are held back."""
        for stamp, frame in frames:
            self._waiting.append([None if stamp is None else stamp * self._parts, frame])
            yield from self._settled(final=False)
        yield from self._settled(final=True)

    def _settled(self, final: bool) -> Iterator[tuple[Fraction, T]]:
        while self._waiting:
            stamp, frame = self._waiting[0]
            time = self._time(stamp, final or len(self._waiting) > self._window)
            if time is None:
                return
            self._waiting.popleft()
            if self._counted and self._begun:
                time = max(time, self._last + self._step)
            self._begun, self._last = True, time
            yield time * self._unit, frame

    def _time(self, stamp: int | None, decide: bool) -> int | None:
        """When the first frame that waits is shown; None if that has to wait for the frames after it."""
        rate = self._last + self._step
        if stamp is None:
            return rate
        if not self._offsets:
            return self._begin(stamp, rate, decide)
        if len(self._offsets) == 1 and 0 < (gap := stamp + self._offsets[0] - self._last) <= self._step:
            return self._last + gap  # as nearly always
        ahead = [(stamp + offset, offset) for offset in self._offsets if stamp + offset > self._last]
        time, offset = min(ahead, default=(None, 0))
        if time is None or time - self._last > self._leap:
            self._offsets.append(rate - stamp)
            return rate
        if time - self._last <= self._wide:
            return time
        earlier = self._earlier(time, offset)
        if earlier is None:
            return time if decide else None
        fills = self._waiting[earlier][0] + offset - self._last <= self._wide
        if not fills and not decide:
            return None
        if not fills and time - self._last > (self._window + 1) * self._step:
            return rate
        return self._swap(earlier) + offset

    def _begin(self, stamp: int, rate: int, decide: bool) -> int | None:
        following = self._waiting[1][0] if len(self._waiting) > 1 else None
        regular = following is not None and 0 < following - stamp <= self._wide
        if not regular and not decide:
            return None
        if not regular:
            reach = stamp - (self._window + 1) * self._step
            before = [place for place, (other, _) in enumerate(self._waiting) if other is not None and other < stamp]
            near = [place for place in before if self._waiting[place][0] >= reach]
            if near and len(near) == len(before):
                stamp = self._swap(min(near, key=lambda place: self._waiting[place][0]))
        self._offsets.append(rate - stamp)
        return rate

    def _earlier(self, time: int, offset: int) -> int | None:
        """The frame that waits with the earliest stamp between the last time and `time`."""
        between = [
            (stamp, place)
            for place, (stamp, _) in enumerate(self._waiting)
            if stamp is not None and self._last < stamp + offset < time
        ]
        return min(between)[1] if between else None

    def _swap(self, place: int) -> int:
        """Exchanges the stamps of the first frame that waits and another; returns the first's new one."""
        first, other = self._waiting[0], self._waiting[place]
        first[0], other[0] = other[0], first[0]
        return first[0]


def clock_of(container: Any, stream: Any, window: int = WINDOW) -> Clock:
    """The clock of a film."""
    may_break = container.format.flags & av.format.Flags.ts_discont.value
    leap = _BROKEN_CLOCK if may_break else _WHOLE_CLOCK
    return Clock(Fraction(stream.time_base), frame_rate(stream), leap, container.format.name == "avi", window)


def rounding(stream: Any) -> Fraction:
    """Seconds by which a time may differ from its frame's true one: a tick where ticks cannot count frames exactly."""
    tick, rate = Fraction(stream.time_base), frame_rate(stream)
    exact = (1 / (rate * tick)).denominator == 1 or tick * rate > Fraction(1, 2)
    return Fraction(1, 10**6) if exact else max(tick, Fraction(1, 10**6))
