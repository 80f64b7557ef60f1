"""The encoder on plain arrays against its definition, clip by clip and step by step, and finite differences."""

import numpy as np
import pytest

from topiclens.components.refinement.encoding import encoded

DIM, UNITS = 6, 4


@pytest.fixture
def weights():
    rng = np.random.default_rng(0)
    shapes = 2 * [(DIM, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,)]
    return [rng.normal(scale=0.6, size=shape).astype(np.float32) for shape in shapes]


@pytest.fixture
def frames():
    """Clips of five, three and four frames; the last one has its padding within."""
    frames = np.random.default_rng(1).normal(size=(3, 5, DIM)).astype(np.float32)
    frames[1, 3:] = frames[2, 1] = 0
    return frames


def states_of(clip, kernel, recurrent_kernel, bias):
    """The LSTM as textbooks have it, over one clip."""
    h, c, states = np.zeros(UNITS), np.zeros(UNITS), []
    for frame in clip:
        i, f, g, o = np.split(frame @ kernel + h @ recurrent_kernel + bias, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        states.append(h)
    return np.array(states)


def test_every_clip_is_read_in_both_directions_without_its_padding(weights, frames):
    v, _ = encoded(weights, frames)
    for clip, rows in zip(frames, v):
        real = clip.any(axis=1)
        ahead, back = states_of(clip[real], *weights[:3]), states_of(clip[real][::-1], *weights[3:])[::-1]
        np.testing.assert_allclose(rows[real], np.concatenate([ahead, back], axis=1), atol=1e-5)
        assert not rows[~real].any()


@pytest.mark.parametrize("place", range(6))
def test_the_gradient_is_that_of_finite_differences(weights, frames, place):
    rng = np.random.default_rng(2)
    of_v = rng.normal(size=(3, 5, 2 * UNITS)).astype(np.float32)
    gradient = encoded(weights, frames)[1](of_v)[place]
    along = rng.normal(size=gradient.shape)

    def loss(step):
        moved = [array.astype(np.float64) for array in weights]
        moved[place] += step * along
        return np.sum(of_v * encoded(moved, frames.astype(np.float64))[0])

    assert np.sum(gradient * along) == pytest.approx((loss(1e-3) - loss(-1e-3)) / 2e-3, rel=1e-4)
