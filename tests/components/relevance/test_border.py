"""The border index and its interval, worked by hand and by what an interval promises."""

import numpy as np
import pytest

from topiclens.components.relevance.border import border_effect, border_index


def test_even_relevance_has_index_one_whatever_its_sign():
    np.testing.assert_allclose(border_index([[2, 2, 2, 2], [1, -1, -1, 1]]), [1, 1])


def test_relevance_at_the_border_alone_has_half_the_frames():
    np.testing.assert_allclose(border_index([[3, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, 0]]), [3, 0])


def test_the_index_is_the_formula():
    assert border_index([1, 2, 3, -4]) == pytest.approx(4 / 2 * (1 + 4) / 10)


def test_no_relevance_has_no_index():
    assert np.isnan(border_index(np.zeros(5)))


def test_the_mean_is_over_videos_and_not_over_words():
    one_word, two_words = np.ones((1, 4)), np.array([[1, 0, 0, 1], [2, 0, 0, 0.0]])
    effect = border_effect([one_word, two_words], np.random.default_rng(0))
    assert (effect.index, effect.videos) == (pytest.approx((1 + 2) / 2), 2)


def test_short_and_silent_videos_and_words_are_left_out():
    silent_word = np.array([[0, 0, 0, 0], [1, 1, 1, 1]])
    effect = border_effect([np.ones((2, 2)), np.ones((1, 1)), np.zeros((1, 4)), silent_word], np.random.default_rng(0))
    assert (effect.index, effect.low, effect.high, effect.videos) == (1, 1, 1, 1)


def test_nothing_to_measure_is_told():
    with pytest.raises(ValueError, match="at least 3 frames"):
        border_effect([np.ones((2, 2))], np.random.default_rng(0))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = float(np.mean([border_index(rng.random((1, 6))) for _ in range(20_000)]))
    intervals = [border_effect(rng.random((60, 1, 6)), rng, confidence=0.8, resamples=200) for _ in range(200)]
    covered = np.mean([effect.low <= truth <= effect.high for effect in intervals])
    assert 0.7 < covered < 0.9


def test_the_same_seed_gives_the_same_interval():
    videos = list(np.random.default_rng(0).normal(size=(9, 2, 7)))
    first, second = (border_effect(videos, np.random.default_rng(5)) for _ in range(2))
    assert first == second and first.low < first.index < first.high
