"""The clock keeps what is right, mends what is not, and always rises."""

from fractions import Fraction

import pytest

from topiclens.schemas.films.clock import Clock

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
given = hypothesis.given


def seconds(stamps, tick=Fraction(1, 25), rate=Fraction(25), **options) -> list[Fraction]:
    clock = Clock(tick, rate, **options)
    timed = list(clock.times((stamp, number) for number, stamp in enumerate(stamps)))
    assert [number for _, number in timed] == list(range(len(stamps))), "no frame is lost, none changes its place"
    return [time for time, _ in timed]


def even(count: int, rate: int = 25) -> list[Fraction]:
    return [Fraction(number, rate) for number in range(count)]


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(1, 10**6), max_size=60))
def test_stamps_that_rise_are_kept_exactly(first, gaps):
    stamps = [first + sum(gaps[:count]) for count in range(len(gaps) + 1)]
    expected = [Fraction(stamp - first, 90_000) for stamp in stamps]
    assert seconds(stamps, Fraction(1, 90_000)) == expected


@given(st.lists(st.none() | st.integers(-(10**12), 10**12), max_size=60), st.booleans())
def test_whatever_the_stamps_the_seconds_rise(stamps, counted):
    times = seconds(stamps, Fraction(1, 1000), leap=10, counted=counted)
    assert all(earlier < later for earlier, later in zip(times, times[1:], strict=False))
    assert not times or times[0] == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=15), st.integers(0, 1000))
def test_stamps_in_the_order_of_storing_are_sorted(runs, first):
    """A later picture is stored before the B-frames that are shown before it."""
    stamps = [first]
    for run in runs:
        after = stamps[-1] if len(stamps) == 1 else max(stamps)
        stamps += [after + run + 1, *range(after + 1, after + run + 1)]
    assert seconds(stamps) == even(len(stamps))


@given(st.lists(st.tuples(st.integers(4, 40), st.integers(0, 10**7)), min_size=1, max_size=6))
def test_a_clock_that_begins_anew_is_continued(parts):
    """Each part of a broadcast begins at any time: before the last, or far ahead of it."""
    stamps: list[int] = []
    for number, (count, leap) in enumerate(parts):
        begin = number % 2 * 10**9 - number * 10**8 + leap  # a clock that no other part uses
        stamps.extend(begin + 3600 * index for index in range(count))
    assert seconds(stamps, Fraction(1, 90_000), leap=10) == even(len(stamps))


@given(st.integers(4, 40), st.integers(1, 38), st.integers(-(10**6), 10**6))
def test_one_stamp_in_the_wrong_place_is_replaced(count, place, wrong):
    hypothesis.assume(place < count - 2 and abs(wrong - place) > 40)
    stamps = list(range(count))
    stamps[place] = wrong
    assert seconds(stamps, leap=10) == even(count)


@given(st.integers(2, 40), st.sets(st.integers(1, 39)))
def test_missing_stamps_are_filled_in_by_the_rate(count, missing):
    assert seconds([None if number in missing else number + 7 for number in range(count)]) == even(count)
    assert seconds([None] * count) == even(count)


def test_stamps_that_count_in_halves_give_no_half_steps():
    assert seconds([2, 4, 6, 8, 9], Fraction(1, 50), counted=True) == even(5)


def test_two_frames_a_stamp_are_told_apart_without_drift():
    times = seconds([number // 2 for number in range(40)], rate=Fraction(50))
    assert times == even(40, 50)
