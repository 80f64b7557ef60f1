"""Sampling policies studied on a small captioner."""

import numpy as np
import pytest

from components.relevance.border import BorderEffect
from components.relevance.sampling import POLICIES, PolicyEffect, recommend, study_policies
from schemas.records import VideoRecord
from tests.trainer.numpy_captioner import TINY, tiny_captioner
from trainer.vocabulary import EOS


def videos(count=4, frames=12):
    rng = np.random.default_rng(0)
    shape = frames, TINY["feature_dim"]
    topics = np.zeros(TINY["n_topics"], np.int64)
    return [VideoRecord(f"v{i}", "val", rng.normal(size=shape).astype(np.float32), ("a",), topics) for i in range(count)]


def test_every_policy_and_step_is_studied_on_frames_of_the_video_in_order():
    seen = []

    def write(sampled):
        seen.append(sampled)
        return {video_id: [5, 3, EOS] for video_id in sampled}

    given = videos()
    found = list(
        study_policies(tiny_captioner(), given, n_frames=5, steps=(1, 2), write=write, metric=len, seed=0)
    )
    assert [one.name for one in found] == [
        "equally spaced", "centred", "fixed step 1", "fixed step 2", "random clip 1", "random clip 2",
    ]  # fmt: skip
    assert {one.policy for one in found} == set(POLICIES) and all(one.metric == 4 for one in found)
    assert all(one.effect.videos == 4 and one.effect.low <= one.effect.index <= one.effect.high for one in found)
    for sampled in seen:
        for video in given:
            places = [np.flatnonzero((video.frames == row).all(axis=1))[0] for row in sampled[video.video_id]]
            assert len(places) == 5 and places == sorted(set(places))


def effect(policy, index, metric, step=None):
    return PolicyEffect(policy, step, BorderEffect(index, index, index, 0.95, 9), metric)


@pytest.mark.parametrize(("allowed", "chosen"), [(0.01, "centred"), (0.2, "fixed step")])
def test_the_recommended_policy_has_the_least_border_effect_that_costs_no_captions(allowed, chosen):
    found = [effect("equally spaced", 1.8, 0.5), effect("centred", 1.3, 0.495), effect("fixed step", 1.0, 0.4, step=2)]
    assert recommend(found, allowed_loss=allowed).policy == chosen
