"""Sampling policies by the promises they make."""

import itertools

import numpy as np
import pytest

from topiclens.components.videos.sampling import (
    POLICIES,
    Sampling,
    SamplingError,
    centred,
    equally_spaced,
    every,
    random_clip,
)

SIZES = [(total, n) for total in (0, 1, 2, 5, 27, 28, 29, 55, 56, 57, 100, 1001) for n in (1, 2, 3, 28)]


@pytest.mark.parametrize("total, n", SIZES)
def test_equally_spaced_frames_are_the_first_of_parts_that_cover_the_clip_evenly(total, n):
    assert list(equally_spaced(total, n)) == [part[0] for part in np.array_split(np.arange(total), n) if len(part)]


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
    for frames in (every(total, n, step), *(random_clip(total, n, step, place) for place in (0.0, 0.5, 1 - 2**-48))):
        assert len(frames) == min(n, -(-total // step))
        assert set(np.diff(frames)) <= {step}
        assert all(0 <= frame < total for frame in frames)


def test_a_run_lies_in_the_middle():
    assert every(100, 11, 3) == tuple(range(34, 65, 3))


def test_random_clips_begin_everywhere_alike():
    sampling = Sampling("random_clip", n_frames=4, step=2)
    firsts = [sampling.indices(10, f"video {number}")[0] for number in range(4000)]
    counts = np.bincount(firsts)
    assert len(counts) == 4 and np.all(np.abs(counts - 1000) < 150)


def test_where_a_random_clip_begins_follows_from_the_seed_and_the_video_alone():
    firsts = [
        Sampling("random_clip", n_frames=1, seed=seed).indices(10**6, video_id)[0]
        for seed in (0, 1) for video_id in ("a", "b")
    ]  # fmt: skip
    # `printf 0:a | sha256sum` and so on: the first 12 digits as a fraction of 16**12, of a million frames.
    assert firsts == [617000, 875512, 255416, 433679]


def test_the_policy_named_is_the_one_used():
    taken = {policy: Sampling(policy, n_frames=3, step=2, seed=1).indices(20, "a") for policy in POLICIES}
    assert taken["equal"] == (0, 7, 14) and taken["centred"] == (3, 10, 16) and taken["step"] == (7, 9, 11)
    first, *others = taken["random_clip"]
    assert others == [first + 2, first + 4]


def test_what_a_policy_does_not_use_tells_two_samplings_not_apart():
    assert Sampling("equal", 8, step=3, seed=4) == Sampling("equal", 8)
    assert Sampling("step", 8, step=3, seed=4) == Sampling("step", 8, step=3) != Sampling("step", 8)
    assert Sampling("random_clip", seed=4) != Sampling("random_clip")


@pytest.mark.parametrize("policy, step, seed", itertools.product(POLICIES, (1, 5), (0, 7)))
def test_a_sampling_comes_back_from_what_it_tells(policy, step, seed):
    sampling = Sampling(policy, 9, step, seed)
    assert Sampling.of({"backbone": "googlenet", **sampling.to_json()}) == sampling


def test_a_model_that_tells_its_frames_alone_was_trained_on_equal_spacing():
    assert Sampling.of({"backbone": None, "n_frames": 6, "dim": 4}) == Sampling("equal", 6)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"policy": "fixed"}, "equal, centred, step, random_clip.*'fixed'"),
        ({"step": 0}, "step of at least 1, got 0"),
        ({"n_frames": 0}, "n_frames of at least 1, got 0"),
    ],
)
def test_a_wrong_choice_is_refused(wrong, said):
    with pytest.raises(SamplingError, match=said):
        Sampling(**wrong)


def test_a_step_of_nothing_is_refused():
    with pytest.raises(SamplingError, match="step=0"):
        every(10, 3, 0)
