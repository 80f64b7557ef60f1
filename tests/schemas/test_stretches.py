"""Stretches of time hold the frames that are shown in them, and what is none is refused with what to do."""

import numpy as np
import pytest

from topiclens.schemas.stretches import Stretch, StretchError, strengths_over_time, stretch_of

SECONDS = (0.0, 1.0, 2.0, 3.5, 5.0)


@pytest.mark.parametrize(
    ("start", "end", "held"), [(1, 3.5, [0, 1, 1, 1, 0]), (0, 0.5, [1, 0, 0, 0, 0]), (3.6, 99, [0, 0, 0, 0, 1])]
)
def test_it_holds_the_frames_from_its_first_to_its_last_second(start, end, held):
    stretch = Stretch(start, end)
    np.testing.assert_array_equal(stretch.holds(SECONDS), held)
    np.testing.assert_array_equal(stretch.of_clip(SECONDS), held)


@pytest.mark.parametrize(("start", "end"), [(5, 3), (3, 3), (-1, 2), (0, np.inf), (np.nan, 2), (0, np.nan)])
def test_what_is_no_stretch_is_refused(start, end):
    with pytest.raises(StretchError, match="the earlier second first"):
        Stretch(start, end)


@pytest.mark.parametrize(
    ("stretch", "words"),
    [
        (Stretch(6, 8), r"from 0.00 s to 5.00 s, got 6 s to 8 s"),
        (Stretch(2.1, 3.4), r"between those at 2.00 s and 3.50 s. Make it longer"),
    ],
)
def test_a_clip_that_does_not_have_it_says_what_it_has(stretch, words):
    assert not stretch.holds(SECONDS).any()
    with pytest.raises(StretchError, match=words):
        stretch.of_clip(SECONDS)


def test_a_clip_of_unknown_times_has_none():
    with pytest.raises(StretchError, match="when the clip's frames are shown"):
        Stretch(1, 2).of_clip(None)


def test_both_ends_are_given_or_none():
    assert stretch_of(None, None) is None and stretch_of(1, 2) == Stretch(1.0, 2.0)
    for ends in ((1, None), (None, 2)):
        with pytest.raises(StretchError, match="both ends"):
            stretch_of(*ends)


def test_strengths_are_those_of_the_clip_within_and_nothing_without():
    strengths = np.array([2.0, 0.0, -1.0], np.float32)
    over_time = strengths_over_time(strengths, Stretch(1, 2), SECONDS)
    np.testing.assert_array_equal(over_time, [strengths if 1 <= second <= 2 else [0, 0, 0] for second in SECONDS])
    assert strengths_over_time(strengths, None, None) is strengths
