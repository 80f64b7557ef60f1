"""Accounts of words in captions: by hand where neurons are planted, and adding up where weights are random."""

import dataclasses

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from tests.components.neurons.planted import DOG, DOGS_WEIGHT, MAN, NEURONS, VOCABULARY, clips, planted_captioner, words
from topiclens.components.neurons.accounts import AccountFigures, accounts

PARTS = "own", "other_topics", "free", "features", "state", "word_before", "bias"
CAPTIONS = np.array([[VOCABULARY.id(word) for word in ("a", "dog", "runs")], [VOCABULARY.id("man"), 0, 0]], np.int32)


def naming(*pairs):
    """(topics, neurons), 1 at the neurons that topics name."""
    enhancement = np.zeros((3, NEURONS))
    enhancement[tuple(zip(*pairs))] = 1
    return enhancement


def test_a_planted_word_comes_through_its_own_neuron_alone():
    # "man", "dog" and "runs" have content, so that the score of "dog" is x less x / 3.
    x, videos = DOGS_WEIGHT * np.tanh(1), clips([1, 0, 0])
    found = accounts(planted_captioner(), words(), naming((0, DOG), (1, MAN)), videos, CAPTIONS[:1], videos)
    assert (found.account_words, found.account_own_first) == (1, 1)
    assert found.account_own_first_chance == pytest.approx(1 / 3)
    assert found.account_score == pytest.approx(2 * x / 3, rel=1e-5)
    assert found.account_own == pytest.approx(1) and found.account_own_relevance == pytest.approx(1)
    assert found.account_video_own is None  # the dog's neuron fires in every video alike


def test_the_neuron_of_another_topic_does_not_count_as_the_words_own():
    videos = clips([1, 0, 0])
    found = accounts(planted_captioner(), words(), naming((2, DOG), (0, MAN)), videos, CAPTIONS[:1], videos)
    assert (found.account_own_first, found.account_own, found.account_part_free) == (0, 0, 0)
    assert found.account_topics == pytest.approx(1)


@pytest.mark.parametrize("skip", [False, True])
def test_the_mean_parts_add_up_to_the_mean_score(skip):
    captioner = small_captioner(topics="neurons", n_topics=3, skip=skip)
    training = clips(*[[0, 0, 0]] * 4)
    found = accounts(captioner, words(), np.eye(3, 3 + NEURONS), clips([1, 1, 0], [0, 1, 0]), CAPTIONS, training)
    assert found.account_words == 2  # dog and man
    parts = {part: getattr(found, f"account_part_{part}") for part in PARTS}
    assert sum(parts.values()) == pytest.approx(found.account_score, abs=1e-5)
    assert all(value != 0 for part, value in parts.items() if part != "features") and (parts["features"] != 0) == skip


def test_what_a_video_adds_is_its_account_less_that_of_the_mean_training_video():
    captioner, caption = small_captioner(topics="neurons", n_topics=3), CAPTIONS[1:]
    clip = clips([1, 0, 0])[0]
    videos = sorted(
        ([dataclasses.replace(clip, frames=frames)] for frames in (clip.frames, -clip.frames)),
        key=lambda video: accounts(captioner, words(), np.eye(3, 3 + NEURONS), video, caption, video).account_score,
    )
    found = [accounts(captioner, words(), np.eye(3, 3 + NEURONS), video, caption, videos[0]) for video in videos]
    usual, more = found
    gap = more.account_score - usual.account_score
    assert more.account_video_own == pytest.approx((more.account_part_own - usual.account_part_own) / gap, rel=1e-4)
    through_topics = [one.account_part_own + one.account_part_other_topics for one in found]
    assert more.account_video_topics == pytest.approx((through_topics[1] - through_topics[0]) / gap, rel=1e-4)


def test_captions_without_a_topics_word_have_no_account():
    videos = clips([1, 0, 0])
    nothing = np.array([[VOCABULARY.id("runs"), 0, 0]])
    assert accounts(planted_captioner(), words(), naming((0, DOG)), videos, nothing, videos) == AccountFigures()
