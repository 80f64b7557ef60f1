"""What `--with` says, as the strengths that a model is asked with."""

import numpy as np
import pytest

from topiclens.components.neurons.links import TopicLink, TopicLinks, links_of
from topiclens.pipeline.supposing import Supposition, strengths
from topiclens.pipeline.values import SettingError
from topiclens.schemas.topic_lookup import UnknownTopic
from topiclens.trainer.exported import EXTRA

NAMES = ("dance, girl", "dog, grass", "dog, snow", "café")


@pytest.fixture
def model(tmp_path):
    """The folder of an export whose neurons have names."""
    topics = [TopicLink(i, name, (*name.split(", "), "brown"), None, 1, ()) for i, name in enumerate(NAMES)]
    TopicLinks(tuple(topics), 4).save(tmp_path / EXTRA)
    (tmp_path / "saved_model.pb").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dance", Supposition("dance", 1.0)),
        ("dance=2.5", Supposition("dance", 2.5)),
        ("17=-1", Supposition("17", -1.0)),
        ("dance, girl = 3", Supposition("dance, girl", 3.0)),
    ],
)
def test_a_topic_and_how_strongly(text, meant):
    assert Supposition.parse(text) == meant


@pytest.mark.parametrize("text", ["", "=2", "dance=", "dance=very", "dance=1=2"])
def test_what_cannot_be_read_is_said_again_with_an_example(text):
    with pytest.raises(SettingError, match="TOPIC=STRENGTH, such as dance or dance=2, not"):
        Supposition.parse(text)


def test_topics_go_by_id_by_name_and_by_a_word_that_only_one_name_has(model):
    meant = [Supposition("2", 0.5), Supposition("Dance, Girl", 2.0), Supposition("snow", 1.0), Supposition("CAFÉ")]
    np.testing.assert_array_equal(strengths(meant, 4, model), [2.0, 0, 1.5, 1])


def test_a_name_that_is_no_ones_or_not_only_ones_is_answered_with_those_near(model):
    with pytest.raises(UnknownTopic, match=r"mean 1 \(dog, grass\) or 2 \(dog, snow\)\? Give its id"):
        strengths([Supposition("dog")], 4, model)
    with pytest.raises(UnknownTopic, match=r"mean 0 \(dance, girl\) or 1 "):
        strengths([Supposition("brown")], 4, model)
    with pytest.raises(UnknownTopic, match="'topiclens topics' shows them"):
        strengths([Supposition("zebra")], 4, model)


def test_an_id_beyond_the_models_topics_is_refused(model):
    with pytest.raises(SettingError, match="no topic 4: the model knows the topics 0 to 3"):
        strengths([Supposition("4")], 4, model)


def test_a_model_without_names_takes_ids_alone(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    assert links_of(tmp_path) is None
    np.testing.assert_array_equal(strengths([Supposition("1")], 2, tmp_path), [0, 1])
    with pytest.raises(SettingError, match="does not bring the names of its topics.*'dance'"):
        strengths([Supposition("dance")], 2, tmp_path)
    np.testing.assert_array_equal(strengths([Supposition("1")], 2, None), [0, 1])
    with pytest.raises(SettingError, match="A server does not tell.*'dance'.*--root"):
        strengths([Supposition("dance")], 2, None)
