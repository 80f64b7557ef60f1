"""`models.config`: TensorFlow Serving's form, and who follows it."""

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.serving.toy_model import DIM
from topiclens.serving import model_config
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import ServingError
from topiclens.serving.model_config import VersionPolicy
from topiclens.serving.saved_model import resolve_version

CLIP = np.ones((2, DIM), np.float32)


def caption(address: str, version=None) -> str:
    with CaptionClient(address, version=version, retries=0) as client:
        return client.caption_all([CLIP])[0].text


def test_a_pinned_version_is_written_as_tensorflow_serving_reads_it():
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(model_config.format_pinned("topiclens", 9, previous=7), config)
    (entry,) = config.model_config_list.config
    assert (entry.name, entry.base_path, entry.model_platform) == ("topiclens", "/models/topiclens", "tensorflow")
    assert list(entry.model_version_policy.specific.versions) == [7, 9]
    assert dict(entry.version_labels) == {"stable": 9, "previous": 7}


def test_after_a_rollback_the_newer_version_is_not_loaded_since_it_would_answer(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(model_config.format_pinned("topiclens", 7, previous=9))
    policy = model_config.read_policy(path, "topiclens")
    assert policy == VersionPolicy(specific=(7,), latest=1, labels={"stable": 7})
    assert policy.wanted([5, 7, 9]) == [7]


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", [9]),
        ("model_version_policy { latest { num_versions: 2 } }", [7, 9]),
        ("model_version_policy { all {} }", [5, 7, 9]),
        ("model_version_policy { specific { versions: 5 versions: 6 } }", [5]),
    ],
)
def test_every_policy_of_tensorflow_serving_is_followed(tmp_path, policy, wanted):
    path = tmp_path / "models.config"
    path.write_text(f'model_config_list {{ config {{ name: "topiclens" {policy} }} }}')
    assert model_config.read_policy(path, "topiclens").wanted([9, 5, 7]) == wanted


def test_without_a_file_or_a_word_of_the_model_nothing_is_said(tmp_path):
    path = tmp_path / "models.config"
    assert model_config.read_policy(path, "topiclens") is None
    path.write_text(model_config.format_pinned("another", 1))
    assert model_config.read_policy(path, "topiclens") is None
    assert model_config.find_policy(tmp_path / "topiclens").wanted([1, 2]) == [2]


def test_a_file_that_cannot_be_read_is_told_with_its_likely_cause(tmp_path):
    path = tmp_path / "models.config"
    path.write_text("model_config_list {")
    with pytest.raises(model_config.ModelConfigError, match="edited by hand"):
        model_config.read_policy(path, "topiclens")


def test_a_model_is_resolved_to_the_version_that_is_pinned(base):
    base.publish(1)
    base.publish(2)
    assert resolve_version(base.path).name == "2"
    (base.path.parent / "models.config").write_text(model_config.format_pinned("topiclens", 1))
    assert resolve_version(base.path).name == "1"


def test_the_stand_in_follows_a_rollback_and_labels(base, start):
    config = base.path.parent / "models.config"
    base.publish(1)
    base.publish(2)
    config.write_text(model_config.format_pinned("topiclens", 2, previous=1))
    server = start(base.path)
    for address in (server.grpc_address, server.rest_address):
        assert caption(address) == caption(address, "stable") == "v2: 2 frames"
        assert caption(address, "previous") == "v1: 2 frames"
        with CaptionClient(address, version="previous") as client:
            assert client.wait_until_ready(timeout=5) == client.metadata().version == 1
    config.write_text(model_config.format_pinned("topiclens", 1, previous=2))
    server.versions.poll()
    for address in (server.grpc_address, server.rest_address):
        assert caption(address) == caption(address, "stable") == "v1: 2 frames"
        with pytest.raises(ServingError, match="Unrecognized servable version label: previous"):
            caption(address, "previous")
    config.write_text("model_config_list {")  # half an edit takes nothing away
    server.versions.poll()
    assert caption(server.grpc_address, "stable") == "v1: 2 frames"


def test_a_label_stays_with_its_version_until_the_next_is_loaded(base, start):
    config = base.path.parent / "models.config"
    base.publish(1)
    config.write_text(model_config.format_pinned("topiclens", 1))
    server = start(base.path)
    config.write_text(model_config.format_pinned("topiclens", 2, previous=1))
    server.versions.poll()
    assert caption(server.grpc_address, "stable") == "v1: 2 frames"
    base.publish(2)
    server.versions.poll()
    assert caption(server.grpc_address, "stable") == "v2: 2 frames"
