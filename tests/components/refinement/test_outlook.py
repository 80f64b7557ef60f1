"""What speaks against teaching a topic, by the caption that a preview shows."""

import numpy as np
import pytest

from topiclens.components.refinement.acquisition import MissingTopic
from topiclens.components.refinement.gate import KEPT, check_kept
from topiclens.components.refinement.outlook import (
    READS_WELL,
    TEACHABLE,
    UNSAID,
    UNSTEADY,
    Outlook,
    best_first,
    foresee,
    reads_well,
    weighed,
)
from topiclens.components.refinement.strength_sweep import StrengthSweep, SweepPoint
from topiclens.schemas.corrections import CorrectedTopic, Correction, now
from topiclens.schemas.records import VideoRecord

DOG, SNOW, MAN = range(3)
NAMING = [("dog", "dogs"), ("snow",), ("man",)]
BEFORE = "a man runs"


def looked_at(after, people=("a man and a dog run",), strength=0.5, topic=DOG):
    points = tuple(SweepPoint(*one, None, ()) for one in ((0.0, BEFORE), (0.5, after), (0.625, after)))
    video = VideoRecord("v", "test", np.ones((2, 3), np.float32), people, np.zeros(3))
    return foresee(StrengthSweep("v", topic, "", NAMING[topic], points, ""), strength, video, NAMING)


@pytest.mark.parametrize(
    "after, people, obstacle",
    [
        ("a man runs with a dog", ("a man and a dog run",), None),
        ("a man runs with a dog", (), None),  # nobody described it
        ("a man runs with dogs", ("a man and a dog run",), UNSAID),
        ("a man runs with a dog", 19 * ("a man runs",) + ("a dog",), UNSAID),
        ("a man runs with a dog", 18 * ("a man runs",) + 2 * ("a dog",), None),
        ("a dog runs", ("a man and a dog run",), KEPT),
        ("a dog runs", ("a dog runs", "the dog", "a man"), None),  # most do not name the man
        ("a dog runs", (), None),  # "dog" took the place of "man"
        ("a man runs with a dog and a dog", ("a man and a dog run",), READS_WELL),
    ],
)
def test_the_previewed_caption_tells_what_speaks_against_it(after, people, obstacle):
    found = looked_at(after, people)
    assert (found.topic, found.strength, found.caption, found.obstacle) == (DOG, 0.5, after, obstacle)
    assert looked_at(after, people).promising == (obstacle is None)


@pytest.mark.parametrize("after", ["a dog runs", "a man runs with a dog", "a dog in the snow"])
@pytest.mark.parametrize("people", [(), ("a man and a dog",), ("a dog", "a man", "a man")])
def test_what_the_caption_would_lose_is_what_the_gate_would_say(after, people):
    video = VideoRecord("v", "test", np.ones((2, 3), np.float32), people, np.zeros(3))
    missed = CorrectedTopic(DOG, "dog", NAMING[DOG])
    correction = Correction("0" * 32, now(), "Ann", "v", "5f" * 32, missed, BEFORE, "1")
    met = check_kept(correction, DOG, video, BEFORE, after, NAMING).met
    assert met == (looked_at(after, people).obstacle != KEPT)


@pytest.mark.parametrize(
    "captions, strength, steady",
    [
        ("axxb", 0.5, True), ("axxb", 1.0, True), ("aaxx", 1.0, True), ("axbb", 0.5, False), ("abxa", 1.0, False),
        ("aaxx", 1.5, False), ("abbx", 1.5, False),  # more than the paper's strength
    ],
)  # fmt: skip
def test_a_caption_that_a_step_changes_or_that_takes_much_may_be_learnt_otherwise(captions, strength, steady):
    said = {"a": BEFORE, "b": "a man runs in snow with a dog", "x": "a man runs with a dog"}
    points = tuple(SweepPoint(0.5 * step, said[letter], None, ()) for step, letter in enumerate(captions))
    video = VideoRecord("v", "test", np.ones((2, 3), np.float32), (), np.zeros(3))
    found = foresee(StrengthSweep("v", DOG, "", NAMING[DOG], points, ""), strength, video, NAMING)
    assert found.obstacle == (None if steady else UNSTEADY)


def test_what_no_strength_brings_in_cannot_be_taught_and_the_caption_stays():
    assert looked_at("a man runs with a dog", strength=None) == Outlook(DOG, None, BEFORE, TEACHABLE)


@pytest.mark.parametrize(
    "caption, well",
    [
        ("a dog runs in the snow", True),
        ("two men and two dogs", False),  # "two" is a word of content
        ("a woman is looking up", True),
        ("a dog runs in the", False),
        ("the the dog runs", False),
        ("", False),
    ],
)
def test_a_caption_reads_well_that_repeats_nothing_and_comes_to_its_end(caption, well):
    assert reads_well(caption) == well


def test_what_promises_comes_first_then_what_is_unknown_each_in_its_order():
    missing = [MissingTopic(topic, str(topic), 0.9 - 0.1 * topic, ("why",)) for topic in range(5)]
    outlooks = {0: Outlook(0, None, "", TEACHABLE), 3: Outlook(3, 1.0, "x"), 4: Outlook(4, 1.0, "x")}
    assert [one.topic for one in best_first(missing, outlooks)] == [3, 4, 1, 2, 0]
    assert best_first(missing, {}) == tuple(missing)


def test_of_what_promises_that_comes_first_which_most_people_say():
    people = ("a dog", "a dog and a man", "the snow", "a man in the snow with a dog")
    found = looked_at("a man with a dog", people), looked_at("a man in the snow", people, topic=SNOW)
    assert [one.agreed for one in found] == [0.75, 0.5] and looked_at("a man with a dog", ()).agreed is None
    missing = [MissingTopic(SNOW, "snow", 0.9, ("why",)), MissingTopic(DOG, "dog", 0.5, ("why",))]
    assert [one.topic for one in best_first(missing, {one.topic: one for one in found})] == [DOG, SNOW]


def test_what_cannot_be_taught_adds_no_doubt_and_what_can_as_much_as_people_agree():
    missing = [MissingTopic(topic, str(topic), 0.64, ("why",)) for topic in range(4)]
    outlooks = {0: Outlook(0, None, "", TEACHABLE), 1: Outlook(1, 1.0, "x", None, 0.25), 2: Outlook(2, 1.0, "x")}
    assert [(one.topic, one.doubt) for one in weighed(missing, outlooks)] == [(2, 0.64), (1, 0.4), (3, 0.64)]
    assert weighed(missing, {}) == tuple(missing)
