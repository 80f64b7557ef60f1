"""Sampling policies studied on a small captioner."""

import numpy as np
import pytest

from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.components.relevance.border import (
    BorderEffect,
    ClipFeatures,
    PolicyEffect,
    candidates,
    frames_of_any,
    recommend,
    study_policies,
)
from topiclens.components.videos.sampling import POLICIES, Sampling
from topiclens.trainer.vocabulary import EOS

OWN = Sampling(n_frames=5)
TOTAL = 40


def whole(video_id):
    """The features of all frames of a video."""
    return np.random.default_rng(ord(video_id)).normal(size=(TOTAL, TINY["feature_dim"])).astype(np.float32)


def video(video_id, samplings):
    taken = frames_of_any(samplings, TOTAL, video_id)
    return ClipFeatures(video_id, TOTAL, np.array(taken), whole(video_id)[list(taken)])


def test_the_candidates_are_the_model_s_own_sampling_and_every_other_policy_and_step():
    assert [one.name for one in candidates(OWN, (1, 2), seed=0)] == [
        "equal", "centred", "step 1", "step 2", "random_clip 1", "random_clip 2",
    ]  # fmt: skip
    trained = Sampling("step", n_frames=5, step=3)
    found = candidates(trained, (1, 3), seed=0)
    assert found[0] == trained and {one.policy for one in found} == set(POLICIES)
    assert len(found) == len(set(found)) == 6 and {one.n_frames for one in found} == {5}


def test_a_clip_s_frames_are_few_and_yet_those_of_every_policy():
    samplings = candidates(OWN, (1, 2), seed=0)
    clip = video("a", samplings)
    assert len(clip.indices) < TOTAL
    for sampling in samplings:
        np.testing.assert_array_equal(clip.sampled(sampling), whole("a")[list(sampling.indices(TOTAL, "a"))])


def test_every_sampling_is_studied_on_its_own_frames():
    seen = []

    def write(sampled):
        seen.append(sampled)
        return {video_id: [5, 3, EOS] for video_id in sampled}

    samplings = candidates(OWN, (1, 2), seed=0)
    given = [video(video_id, samplings) for video_id in "abcd"]
    found = list(study_policies(tiny_captioner(), given, samplings, write=write, metric=len, seed=0))
    assert [one.sampling for one in found] == samplings and all(one.metric == 4 for one in found)
    assert all(one.effect.videos == 4 and one.effect.low <= one.effect.index <= one.effect.high for one in found)
    for sampling, sampled in zip(samplings, seen, strict=True):
        for video_id, frames in sampled.items():
            np.testing.assert_array_equal(frames, whole(video_id)[list(sampling.indices(TOTAL, video_id))])


def effect(policy, index, metric, step=1, half=0.1):
    return PolicyEffect(Sampling(policy, step=step), BorderEffect(index, index - half, index + half, 0.95, 9), metric)


@pytest.mark.parametrize(("allowed", "chosen"), [(0.01, "centred"), (0.2, "step")])
def test_the_recommended_policy_has_the_least_border_effect_that_costs_no_captions(allowed, chosen):
    found = [effect("equal", 1.8, 0.5), effect("centred", 1.3, 0.495), effect("step", 1.0, 0.4, step=2)]
    assert recommend(found, allowed_loss=allowed).sampling.policy == chosen


@pytest.mark.parametrize(("metric", "chosen"), [(0.5, "equal"), (0.4, "centred")])
def test_an_index_within_the_interval_is_no_reason_to_change_but_worse_captions_are(metric, chosen):
    found = [effect("equal", 1.8, metric, half=0.3), effect("centred", 1.3, 0.5, half=0.3)]
    assert recommend(found).sampling.policy == chosen
