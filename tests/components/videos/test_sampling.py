"""Sampling policies by the promises they make."""

import numpy as np
import pytest

from components.videos.sampling import centred, every, random_clip

SIZES = [(total, n) for total in (0, 1, 2, 5, 27, 28, 29, 100, 1001) for n in (1, 2, 28)]


@pytest.mark.parametrize("total, n", SIZES)
def test_centred_frames_are_the_middles_of_equal_parts(total, n):
    frames = centred(total, n)
    assert len(frames) == min(n, total)
    if total > n:
        for part, frame in enumerate(frames):
            assert abs(frame + 0.5 - (part + 0.5) * total / n) <= 0.5


@pytest.mark.parametrize("step", [1, 3, 10])
@pytest.mark.parametrize("total, n", SIZES)
def test_runs_keep_their_step_and_lose_frames_only_where_the_clip_ends(total, n, step):
    for frames in (every(total, n, step), random_clip(total, n, step, np.random.default_rng(0))):
        assert len(frames) == min(n, -(-total // step))
        assert set(np.diff(frames)) <= {step}
        assert all(0 <= frame < total for frame in frames)


def test_a_run_lies_in_the_middle():
    assert every(100, 11, 3) == tuple(range(34, 65, 3))


def test_random_clips_begin_everywhere_alike():
    rng = np.random.default_rng(0)
    firsts = [random_clip(10, 4, 2, rng)[0] for _ in range(4000)]
    counts = np.bincount(firsts)
    assert len(counts) == 4 and np.all(np.abs(counts - 1000) < 150)


def test_a_step_of_nothing_is_refused():
    with pytest.raises(ValueError, match="step=0"):
        every(10, 3, 0)
