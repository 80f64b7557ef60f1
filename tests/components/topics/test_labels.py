"""The occurrence rule by hand-worked examples, and the agreement of labellings."""

import numpy as np
import pytest

from topiclens.components.topics.labels import OccurrenceRule, matched_f1


@pytest.mark.parametrize(
    "counts, expected",
    [
        ([50, 30, 15, 5], [0, 1, 2]),  # the three largest, though the fourth has 5 %
        ([5, 15, 30, 50], [1, 2, 3]),  # in ascending order of number, not of size
        ([60, 36, 4, 0], [0, 1]),  # 4 % is too little
        ([60, 35, 5, 0], [0, 1, 2]),  # 5 % is just enough
        ([0, 0, 100, 0], [2]),
        ([25, 25, 25, 25], [0, 1, 2]),  # equal topics: the first
        ([0, 0, 0, 0], []),  # nothing is known of the video
        ([0.5, 0.25, 0.0, 0.25], [0, 1, 3]),  # averages of samples
    ],
)
def test_three_largest_topics_that_hold_a_twentieth_of_the_tokens(counts, expected):
    assert OccurrenceRule(max_topics=3, min_share=0.05)(np.array(counts)) == expected


def test_the_largest_topic_occurs_even_where_none_has_the_share():
    assert OccurrenceRule(max_topics=3, min_share=0.5)(np.array([3, 4, 3])) == [1]


def test_a_topic_without_a_token_never_occurs():
    assert OccurrenceRule(max_topics=3, min_share=0)(np.array([0, 7, 0, 1])) == [1, 3]


@pytest.mark.parametrize("settings, message", [((0, 0.05), "max_topics is 0"), ((3, 1.5), "min_share is 1.5")])
def test_impossible_rules_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        OccurrenceRule(*settings)


def _labels(seed, videos=200, topics=8):
    return (np.random.default_rng(seed).random((videos, topics)) < 0.2).astype(int)


def test_the_numbering_of_topics_does_not_matter():
    labels = _labels(0)
    shuffled = labels[:, np.random.default_rng(1).permutation(labels.shape[1])]
    assert matched_f1(labels, shuffled) == pytest.approx(1)


def test_labels_of_other_videos_agree_by_chance_only():
    labels = _labels(0)
    assert matched_f1(labels, np.random.default_rng(1).permutation(labels)) < 0.4


def test_f1_by_hand():
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    reference = np.array([[0, 1], [0, 1], [0, 1], [1, 0]])
    # topic 0 ~ reference 1: 2 of 2 and 3, F1 = 4/5; topic 1 ~ reference 0: 1 of 2 and 1, F1 = 2/3
    assert matched_f1(labels, reference) == pytest.approx((4 / 5 + 2 / 3) / 2)
