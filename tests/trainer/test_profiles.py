"""The picture of Fig. 3: lines as long as activations, red where a topic names the neuron, tinted under its own."""

import numpy as np
import pytest
from PIL import ImageColor

from topiclens.trainer.profiles import HEIGHT, WIDTH, Profile, draw_profiles

RED = ImageColor.getrgb("#d1495b")
TINT = ImageColor.getrgb("#edf2f4")


def panel(activations, linked, own=0):
    return draw_profiles([Profile("a topic", np.array(activations, float), np.array(linked, bool))], own)


def rows_of(picture, colour):
    return np.flatnonzero((picture == colour).all(axis=2).any(axis=1))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_is_as_long_as_the_activation_on_the_side_of_its_sign(sign):
    whole, half = (rows_of(panel([sign * 2.0, 2.0 * sign * part], [0, 1]), RED) for part in (1.0, 0.5))
    assert len(half) == pytest.approx(len(whole) / 2, abs=2)
    middle = rows_of(panel([0.0, 1.0], [1, 0]), RED).mean()
    assert (half.mean() < middle) == (sign > 0)


def test_own_neurons_stand_on_tinted_ground_that_takes_half_the_width():
    picture = panel([0.0] * 100, [0] * 100, own=2)
    tinted = np.flatnonzero((picture == TINT).all(axis=2).any(axis=0))
    assert len(tinted) == pytest.approx(WIDTH / 2, abs=10) and tinted[0] < 20
    assert not (panel([0.0] * 100, [0] * 100) == TINT).all(axis=2).any()


def test_six_topics_stand_in_two_rows_of_three_and_share_a_scale():
    profiles = [Profile(str(i), np.array([1.0 + i]), np.array([True])) for i in range(6)]
    picture = draw_profiles(profiles, 0)
    assert picture.dtype == np.uint8 and picture.shape[1] == 3 * WIDTH and picture.shape[0] > 2 * HEIGHT
    row = len(picture) // 2
    panels = [picture[row * y : row * (y + 1), WIDTH * x : WIDTH * (x + 1)] for y in range(2) for x in range(3)]
    lengths = [len(rows_of(one, RED)) for one in panels]
    assert np.array(lengths) / lengths[-1] == pytest.approx(np.arange(1, 7) / 6, abs=0.04)


def test_neurons_that_do_nothing_can_be_drawn():
    assert panel([0.0, 0.0], [0, 0], own=2).any()
