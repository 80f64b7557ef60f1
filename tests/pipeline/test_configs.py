"""Settings: each once, each change checked."""

import re

import pytest

from pipeline import configs, presets
from pipeline.values import SettingError


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
    with pytest.raises(SettingError, match=re.escape(said)):
        configs.Settings().changed([change])


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(SettingError, match="sample.*flickr8k.*msvd.*paper"):
        presets.preset("coco")


def test_the_paper_preset_is_the_paper_s():
    paper = presets.preset("paper")
    assert (paper.topics.n_topics, paper.features.n_frames, paper.model.interpretive_weight) == (100, 28, 0.1)
    training = paper.training
    assert (training.optimizer, training.learning_rate, training.batch_captions) == ("adadelta", 1.0, 64)
    assert (paper.model.decoder_units, paper.model.embedding_units) == (3518, 468)
