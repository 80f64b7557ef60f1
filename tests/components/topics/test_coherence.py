"""NPMI worked by hand."""

import math

import pytest

from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.table import npmi

# dog in 2 of 4 documents, bark in 2, cat in 1, grass in 3, video in all.
CORPUS = Corpus.from_documents(
    {
        "a": ["dog", "bark", "dog", "grass", "video"],
        "b": ["dog", "bark", "video"],
        "c": ["cat", "grass", "video"],
        "d": ["grass", "video"],
    },
    min_count=1,
)


@pytest.mark.parametrize(
    "words, expected",
    [
        (("dog", "bark"), 1),  # always together: log(1/2 / 1/4) / log 2
        (("dog", "cat"), -1),  # never together
        (("dog", "video"), 0),  # independent: 1/2 = 1/2 * 1
        (("dog", "grass"), math.log((1 / 4) / (1 / 2 * 3 / 4)) / math.log(4)),
        (("video", "video"), 1),  # in every document
    ],
)
def test_npmi_of_a_pair(words, expected):
    assert npmi(CORPUS, [words]) == [pytest.approx(expected)]


def test_a_topic_has_the_mean_of_its_pairs():
    pairs = [("dog", "bark"), ("dog", "grass"), ("bark", "grass")]
    expected = sum(value for (value,) in (npmi(CORPUS, [pair]) for pair in pairs)) / 3
    assert npmi(CORPUS, [("dog", "bark", "grass")]) == [pytest.approx(expected)]


def test_a_topic_of_fewer_than_two_words_has_none():
    assert npmi(CORPUS, [(), ("dog",), ("dog", "bark")])[:2] == [None, None]
