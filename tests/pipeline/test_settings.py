"""Settings: each once, each change checked."""

import dataclasses
import re

import pytest

from topiclens.pipeline import presets
from topiclens.pipeline import settings as configs
from topiclens.pipeline.values import SettingError
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
        ("features.step=0", "step of at least 1"),
        ("features.step=null", "NoneType"),
        ("features.n_frames=0", "n_frames of at least 1"),
        ("review.uploads_at_once=0", "review.uploads_at_once is 0; expected more than 0"),
        ("review.body_seconds=nan", "cannot be 'nan'"),
        ("review.decode_seconds=0.5", "cannot be 0.5"),
    ],
)
def test_a_wrong_change_says_what_is_wrong(change, said):
    with pytest.raises(SettingError, match=re.escape(said)):
        configs.Settings().changed([change])


def test_the_review_page_is_told_what_requests_may_cost():
    assert configs.Settings().review.limits() == PageLimits()
    costs = {field.name: 2 * getattr(PageLimits(), field.name) for field in dataclasses.fields(PageLimits)}
    for kept_back in ("max_address_bytes", "max_body_bytes"):  # of requests that bring no clip: ours alone
        costs[kept_back] //= 2
    changes = [f"review.{name}={value}" for name, value in costs.items() if value != getattr(PageLimits(), name)]
    assert configs.Settings().changed(changes).review.limits() == PageLimits(**costs)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(SettingError, match="sample.*flickr8k.*msvd.*paper"):
        presets.preset("coco")


def test_the_paper_preset_is_the_paper_s():
    paper = presets.preset("paper")
    assert (paper.topics.n_topics, paper.features.n_frames, paper.model.interpretive_weight) == (100, 28, 0.1)
    training = paper.training
    assert (training.optimizer, training.learning_rate, training.batch_captions) == ("adadelta", 1.0, 64)
    assert (paper.model.decoder_units, paper.model.embedding_units) == (3518, 468)
