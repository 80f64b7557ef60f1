"""Each step of the DAG is told the settings that it reads."""

import json

import pytest

from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline import presets
from topiclens.pipeline import settings as configs
from topiclens.pipeline.steps import STEPS, json_of
from topiclens.pipeline.values import SettingError


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
@pytest.mark.parametrize("step", STEPS)
def test_every_step_gets_its_settings_as_json(name, step):
    told = json.loads(json_of(presets.preset(name), step, place="here"))
    assert told["place"] == "here" and len(told) > 1


def test_a_change_reaches_the_step_and_leaves_the_preset_alone():
    changed = presets.preset("sample").changed(["training.epochs=3", "run.seed=7", 'judge.minimum={"CIDEr": 0.4}'])
    trainer = json.loads(json_of(changed, "trainer"))
    assert (trainer["training"]["epochs"], trainer["training"]["seed"]) == (3, 7)
    assert json.loads(json_of(changed, "judge"))["minimum"] == {"CIDEr": 0.4}
    assert presets.preset("sample").training.epochs != 3


def test_how_clips_are_sampled_reaches_the_features_step_and_the_exported_model():
    changed = configs.Settings().changed(
        ["features.sampling=random_clip", "features.step=3", "features.n_frames=8", "run.seed=5"]
    )
    sampling = Sampling("random_clip", n_frames=8, step=3, seed=5)
    extraction, trainer = (json.loads(json_of(changed, step)) for step in ("feature_extraction", "trainer"))
    assert Sampling.of(extraction["sampling"]) == Sampling.of(trainer["features"]) == sampling
    assert {"n_frames", "step"}.isdisjoint(extraction), "said once"


def test_a_seed_that_samples_nothing_leaves_the_features_as_they_are():
    before = configs.Settings()
    assert json_of(before.changed(["run.seed=5"]), "feature_extraction") == json_of(before, "feature_extraction")


def test_features_that_the_dataset_brings_need_their_width():
    with pytest.raises(SettingError, match="feature_dim"):
        json_of(configs.Settings().changed(["features.backbone=none"]), "examples_check")
