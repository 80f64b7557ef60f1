"""Settings: each once, each documented, each change checked."""

import json
import re

import pytest

from components.videos.sampling import Sampling
from pipeline import configs, presets


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
@pytest.mark.parametrize(
    "step",
    ["ingest", "feature_extraction", "topic_modelling", "examples_check", "trainer", "judge", "neurons", "explanations"],
)
def test_every_step_gets_its_settings_as_json(name, step):
    told = json.loads(presets.preset(name).json_of(step, place="here"))
    assert told["place"] == "here" and len(told) > 1


def test_a_change_reaches_the_step_and_leaves_the_preset_alone():
    changed = presets.preset("sample").changed(["training.epochs=3", "run.seed=7", 'judge.minimum={"CIDEr": 0.4}'])
    trainer = json.loads(changed.json_of("trainer"))
    assert (trainer["training"]["epochs"], trainer["training"]["seed"]) == (3, 7)
    assert json.loads(changed.json_of("judge"))["minimum"] == {"CIDEr": 0.4}
    assert presets.preset("sample").training.epochs != 3


def test_how_clips_are_sampled_reaches_the_features_step_and_the_exported_model():
    changed = configs.Settings().changed(
        ["features.sampling=random_clip", "features.step=3", "features.n_frames=8", "run.seed=5"]
    )
    sampling = Sampling("random_clip", n_frames=8, step=3, seed=5)
    extraction, trainer = (json.loads(changed.json_of(step)) for step in ("feature_extraction", "trainer"))
    assert Sampling.of(extraction["sampling"]) == Sampling.of(trainer["features"]) == sampling
    assert {"n_frames", "step"}.isdisjoint(extraction), "said once"


def test_a_seed_that_samples_nothing_leaves_the_features_as_they_are():
    before = configs.Settings()
    assert before.changed(["run.seed=5"]).json_of("feature_extraction") == before.json_of("feature_extraction")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.epochs", "section.name=value"),
        ("epochs=3", "section.name=value"),
        ("trainer.epochs=3", "no section 'trainer'"),
        ("training.epoch=3", "no setting training.epoch"),
        ("training.epochs=many", "cannot be 'many'"),
        ("training.epochs=0", "expected 1 or more"),
        ("model.skip=1", "cannot be 1"),
        ('data.held_out={"valid": 0.1}', "shares of the training videos for val and test"),
        ('data.held_out={"val": 0.5, "test": 0.5}', "which leave some to train on"),
        ("training.optimizer=sgd", "adam"),
        ("features.sampling=sometimes", "equal, centred, step, random_clip"),
        ("features.step=0", "step of at least 1"),
        ("features.step=null", "NoneType"),
        ("features.n_frames=0", "n_frames of at least 1"),
    ],
)
def test_a_wrong_change_says_what_is_wrong(change, said):
    with pytest.raises(configs.SettingError, match=re.escape(said)):
        configs.Settings().changed([change])


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(configs.SettingError, match="sample.*flickr8k.*msvd.*paper"):
        presets.preset("coco")


def test_the_paper_preset_is_the_paper_s():
    paper = presets.preset("paper")
    assert (paper.topics.n_topics, paper.features.n_frames, paper.model.interpretive_weight) == (100, 28, 0.1)
    assert (paper.training.optimizer, paper.training.learning_rate, paper.training.batch_captions) == ("adadelta", 1.0, 64)
    assert (paper.model.decoder_units, paper.model.embedding_units) == (3518, 468)


def test_features_that_the_dataset_brings_need_their_width():
    with pytest.raises(configs.SettingError, match="feature_dim"):
        configs.Settings().changed(["features.backbone=none"]).json_of("examples_check")
