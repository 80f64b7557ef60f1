"""A version appears whole or not at all, and only for a blessed model."""

import json
import os

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from topiclens.components.pushing.component import AtomicPushExecutor


@pytest.fixture
def model(tmp_path):
    """A Model artifact with a folder inside, as exports have."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    exported = tmp_path / "model" / "Format-Serving"
    (exported / "variables").mkdir(parents=True)
    (exported / "saved_model.pb").write_bytes(b"graph")
    (exported / "variables" / "variables.index").write_bytes(b"weights")
    return artifact


def push(tmp_path, model, blessed: int):
    blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
    blessing.uri, pushed.uri = str(tmp_path / "blessing"), str(tmp_path / "pushed")
    blessing.set_int_custom_property("blessed", blessed)
    AtomicPushExecutor().Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": json.dumps({"filesystem": {"base_directory": str(tmp_path / "serving")}})},
    )
    return pushed


def test_a_blessed_model_is_served_whole_under_an_integer(tmp_path, model):
    pushed = push(tmp_path, model, blessed=1)
    (version,) = [entry for entry in (tmp_path / "serving").iterdir() if not entry.name.startswith(".")]
    assert version.name.isdigit()
    assert (version / "saved_model.pb").read_bytes() == b"graph"
    assert (version / "variables" / "variables.index").read_bytes() == b"weights"
    assert pushed.get_string_custom_property("pushed_destination") == str(version)


def test_a_server_never_sees_a_part_of_a_version(tmp_path, model, monkeypatch):
    seen = []
    rename = tf.io.gfile.rename

    def look_then_rename(source, destination, overwrite=False):
        seen.append((sorted(os.listdir(tmp_path / "serving")), sorted(os.listdir(source))))
        rename(source, destination, overwrite)

    monkeypatch.setattr(tf.io.gfile, "rename", look_then_rename)
    push(tmp_path, model, blessed=1)
    assert seen == [([".incoming"], ["saved_model.pb", "variables"])], "all is there before the version's name is"


def test_what_an_interrupted_push_left_is_cleared(tmp_path, model):
    left = tmp_path / "serving" / ".incoming" / "17"
    left.mkdir(parents=True)
    push(tmp_path, model, blessed=1)
    assert not left.exists()


def test_a_model_that_is_not_blessed_is_not_served(tmp_path, model):
    push(tmp_path, model, blessed=0)
    assert not (tmp_path / "serving").exists()
