"""A caption's agreement with people, against the agreement of people with each other."""

import pytest

from topiclens.components.captions.evaluator import (
    AS_PEOPLE,
    PARTLY,
    UNLIKE,
    References,
    describe_agreement,
    score_captions,
)

CAPTIONS = {
    "dog": ["a dog runs on the grass", "a brown dog runs on grass", "the dog is running over the grass"],
    "bird": ["a bird sits on a hand", "a parrot is sitting on a hand", "a white bird on a hand"],
    "alone": ["a man rides a bike"],
}


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("A dog runs on the grass.", AS_PEOPLE), ("a brown dog", PARTLY), ("two cars on a street at night", UNLIKE),
        ("", UNLIKE),
    ],
)  # fmt: skip
def test_a_caption_is_marked_by_how_near_people_are_to_each_other(caption, said):
    assert describe_agreement(References(CAPTIONS), "dog", caption) == said


def test_one_person_alone_agrees_with_nobody():
    assert describe_agreement(References(CAPTIONS), "alone", "a man rides a bike") is None


def test_a_reference_that_is_left_out_counts_neither_for_nor_against():
    references = References(CAPTIONS)
    first, *others = references.sentences["dog"]
    left_out = references.cider.score_one("dog", first, without=0)
    # With all three the mean is over the others and over itself, where CIDEr is 10.
    assert references.cider.score_one("dog", first) == pytest.approx((2 * left_out + 10) / 3)
    assert score_captions({"dog": CAPTIONS["dog"]}, {"dog": others[0]})["CIDEr"] >= 0
