"""Settings: each once, each change checked."""

import re

import pytest

from topiclens.pipeline import presets
from topiclens.pipeline import settings as configs
from topiclens.pipeline.retired import RETIRED
from topiclens.pipeline.settings import SettingError, describe_settings
from topiclens.serving.review.limits import PageLimits


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
        ("features.backbone=vgg", "efficientnet_lite0, googlenet, inception_v1, inception_v3, none"),
        ("features.step=0", "step of at least 1"),
        ("features.step=null", "features.step cannot be None; expected a whole number"),
        ("training.max_captions_per_video=many", "expected a whole number or null"),
        ("training.learning_rate=NaN", "cannot be nan; expected a number"),
        ("evaluation.report_splits=test", "expected a list"),
        ('evaluation.minimum={"CIDEr": "high"}', "evaluation.minimum['CIDEr'] cannot be 'high'"),
        ('evaluation.minimum={"BLEU": 0.1}', "names BLEU; the metrics are"),
        ("features.n_frames=0", "n_frames of at least 1"),
        ("review.connections=0", "review.connections is 0; expected more than 0"),
        ("review.decode_seconds=nan", "cannot be 'nan'"),
        ("review.decode_seconds=0.5", "cannot be 0.5"),
    ],
)
def test_a_wrong_change_says_what_is_wrong(change, said):
    with pytest.raises(SettingError, match=re.escape(said)):
        configs.Settings().changed([change])


def test_the_review_page_is_told_what_requests_may_cost():
    changes = ["review.connections=3", "review.max_upload_bytes=100", "review.decode_seconds=5"]
    settings = configs.Settings().changed([*changes, "limits.max_pixels=640", "limits.max_frames=30"])
    told = settings.review.page_limits(settings.limits.max_pixels, settings.limits.max_frames)
    assert told == PageLimits(connections=3, max_upload_bytes=100, decode_seconds=5, max_pixels=640, max_frames=30)


@pytest.mark.parametrize("name", RETIRED)
def test_a_setting_that_was_removed_says_what_became_of_it(name):
    with pytest.raises(SettingError, match=rf"The setting {name} was removed in 0\.2: .*\.$"):
        configs.Settings().changed([f"{name}=1"])


def test_no_setting_is_both_there_and_removed():
    names = {name for name, _, _ in describe_settings(configs.Settings())}
    assert not names & RETIRED.keys() and len(names) <= 80
    for became in RETIRED.values():  # a setting that is named as the successor exists
        assert set(re.findall(r"\b[a-z]+\.[a-z_]+\b", became)) <= names, became


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(SettingError, match="sample.*flickr8k.*msvd.*paper"):
        presets.preset("coco")


def test_the_paper_preset_is_the_paper_s():
    paper = presets.preset("paper")
    assert (paper.topics.n_topics, paper.features.n_frames, paper.model.interpretive_weight) == (100, 28, 0.1)
    training = paper.training
    assert (training.optimizer, training.learning_rate, training.batch_captions) == ("adadelta", 1.0, 64)
    assert (paper.model.decoder_units, paper.model.embedding_units) == (3518, 468)
