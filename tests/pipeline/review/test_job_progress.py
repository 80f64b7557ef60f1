"""The bar of a refinement only goes forward, and what is left is told as well as it can be known."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from topiclens.pipeline.review.job_progress import (
    STAGES,
    Told,
    expected_seconds,
    seconds_left,
    share_done,
    stage_seconds,
)
from topiclens.serving.review.text import time_left

BEGAN = datetime(2026, 5, 3, 9, 0, tzinfo=UTC)
# The gate refuses it: the search for the culprits teaches and measures again.
COURSE = (
    ("Loading the model and the clips", 12), ("Finding how strongly each correction is to be taught", 3),
    ("Teaching 3 corrections with mu 3", 15), ("Teaching 3 corrections with mu 0.3", 10),
    ("Measuring BLEU-4, CIDEr on validation", 1), ("Writing the captions of validation", 5),
    ("Looking for the corrections without which it passes", 1), ("Teaching 2 corrections with mu 3", 9),
    ("Writing the captions of validation", 4), ("Exporting the candidate", 8),
)  # fmt: skip


def told(course, pace=1.0):
    """What a worker tells, each work with a second row halfway; and when it ended."""
    rows, time = [], BEGAN
    for what, seconds in course:
        rows += [Told(what, 0.0, time), Told(what, 0.5, time + timedelta(seconds=pace * seconds / 2))]
        time += timedelta(seconds=pace * seconds)
    return rows, time


def at(rows, now):
    return stage_seconds(BEGAN, [row for row in rows if row.time <= now], now)


@pytest.mark.parametrize("pace", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("known", [0, 3])
def test_the_bar_only_goes_forward_however_long_the_steps_take(pace, known):
    rows, end = told(COURSE, pace)
    rng = random.Random(0)
    earlier, ended = told(COURSE[:6] + COURSE[-1:])
    expected = expected_seconds([stage_seconds(BEGAN, earlier, ended)] * known)
    looks = sorted(BEGAN + rng.random() * (end - BEGAN) for _ in range(300))
    shares = [share_done(expected, at(rows, now)) for now in looks]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1
    assert len(set(shares)) > 150  # and it goes


def test_times_of_the_stages_add_up_to_the_whole():
    rows, end = told(COURSE)
    for now in (BEGAN, BEGAN + timedelta(seconds=20), end):
        assert sum(at(rows, now).values()) == pytest.approx((now - BEGAN).total_seconds())
    assert at(rows, end) == {0: 12, 1: 3, 2: 25, 3: 6, 5: 14, 6: 8}  # what the search teaches is of the search


def test_what_is_left_is_right_where_it_goes_as_before_and_comes_close_where_it_is_slower():
    course = COURSE[:6] + COURSE[-1:]
    rows, end = told(course)
    expected = expected_seconds([stage_seconds(BEGAN, rows, end)])
    for seconds in range(0, 54, 6):
        now = BEGAN + timedelta(seconds=seconds)
        passed_over = expected[4] if seconds < 46 else 0  # a stage that it expects before the last
        left = (end - now).total_seconds() + passed_over
        assert seconds_left(expected, at(rows, now)) == pytest.approx(left)
    slow, end = told(course, 3.0)
    late = end - timedelta(seconds=24)
    assert 12 < seconds_left(expected, at(slow, late)) <= 24


def test_nobody_knows_how_long_a_search_or_a_stage_out_of_measure_takes():
    rows, end = told(COURSE)
    expected = expected_seconds([])
    assert seconds_left(expected, at(rows, BEGAN + timedelta(seconds=50))) is None  # looking for what is refused
    assert seconds_left(expected, at(rows[:1], BEGAN + timedelta(minutes=10))) is None
    assert seconds_left(expected, at(rows, BEGAN)) == sum(stage.seconds for stage in STAGES)


def test_without_a_word_of_a_stage_the_time_goes_to_the_one_before():
    rows = [Told("Something else", 0.0, BEGAN + timedelta(seconds=4))]
    assert stage_seconds(BEGAN, rows, BEGAN + timedelta(seconds=9)) == {0: 9}


def test_a_stage_that_earlier_jobs_did_not_come_to_is_as_slow_as_they_were():
    rows, end = told(COURSE[:4], 2.0)  # refused before validation
    expected = expected_seconds([stage_seconds(BEGAN, rows, end)])
    pace = (24 + 6 + 50) / sum(stage.seconds for stage in STAGES[:3])
    assert expected[:3] == (24, 6, 50) and expected[6] == pytest.approx(pace * STAGES[6].seconds)


def test_time_is_told_in_words_that_only_get_shorter():
    told = [time_left(seconds) for seconds in range(0, 7200, 5)]
    kept = [what for what, _ in itertools.groupby(told)]
    assert len(kept) == len(set(kept))  # none comes back
    assert [time_left(seconds) for seconds in (3, 17, 41, 70, 200, 900, 4000, None)] == [
        "a few seconds left", "about 20 s left", "about 50 s left", "about a minute left", "a few minutes left",
        "about 15 minutes left", "an hour or more left", "how much longer it takes is not known",
    ]  # fmt: skip
