"""Hot reload: what the stand-in does as versions appear, break, and go."""

import shutil
import threading
import time

import numpy as np
import pytest

from tests.serving.toy_model import DIM
from topiclens.serving.client import CaptionClient
from topiclens.serving.local.models import ModelVersions
from topiclens.serving.protocol import StatusError

CLIP = np.ones((2, DIM), np.float32)


def states(server) -> dict[int, str]:
    with CaptionClient(server.rest_address) as client:
        return {version.version: version.state for version in client.status()}


def caption(server) -> str:
    with CaptionClient(server.rest_address, retries=0) as client:
        return client.caption_all([CLIP])[0].text


def test_a_new_version_takes_over_without_a_restart(base, start):
    base.publish(1)
    server = start(base.path, poll_seconds=0.05)
    assert caption(server) == "v1: 2 frames"
    base.publish(2)
    end = time.monotonic() + 20
    while caption(server) != "v2: 2 frames":  # Every answer on the way is a caption: no gap between the two.
        assert time.monotonic() < end
    end = time.monotonic() + 20
    while states(server) != {2: "AVAILABLE", 1: "END"}:
        assert time.monotonic() < end


def test_versions_are_numbers_not_words(base, start):
    base.publish(2)
    base.publish(10, toy=1)
    (base.path / "latest").mkdir()
    (base.path / "notes.txt").write_text("not a version")
    assert caption(start(base.path)) == "v1: 2 frames"


def break_by_truncating_the_graph(version):
    graph = version / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])


def break_by_truncating_the_weights(version):
    next(version.glob("variables/variables.data*")).write_bytes(b"")


def break_by_removing_the_graph(version):
    (version / "saved_model.pb").unlink()


def break_by_writing_noise(version):
    (version / "saved_model.pb").write_bytes(bytes(range(256)) * 40)


@pytest.mark.parametrize(
    "damage",
    [
        break_by_truncating_the_graph,
        break_by_truncating_the_weights,
        break_by_removing_the_graph,
        break_by_writing_noise,
    ],
)
def test_a_broken_version_is_refused_and_the_old_one_keeps_serving(base, start, damage, caplog):
    base.publish(1)
    server = start(base.path)
    aside = shutil.copytree(base.toys[2], base.path / "aside")
    damage(aside)
    aside.rename(base.path / "2")
    server.versions.poll()
    assert caption(server) == "v1: 2 frames"
    with CaptionClient(server.grpc_address) as client:
        broken, served = client.status()
    assert (broken.version, broken.state, served.version, served.state) == (2, "END", 1, "AVAILABLE")
    assert broken.error_code != "OK" and broken.error_message
    assert "Refused version 2" in caplog.text


def test_a_half_written_version_is_loaded_once_it_is_whole(base, start):
    base.publish(1)
    server = start(base.path)
    shutil.copytree(base.toys[2], base.path / "2", ignore=shutil.ignore_patterns("variables*"))
    server.versions.poll()
    server.versions.poll()
    assert caption(server) == "v1: 2 frames"
    shutil.copytree(base.toys[2] / "variables", base.path / "2" / "variables", dirs_exist_ok=True)
    server.versions.poll()
    assert caption(server) == "v2: 2 frames"


def test_a_broken_version_is_not_tried_again_until_its_files_change(base, start, caplog):
    base.publish(1)
    server = start(base.path)
    (base.path / "2").mkdir()
    for _ in range(3):
        server.versions.poll()
    assert caplog.text.count("Refused version 2") == 1


def test_taking_a_version_away_brings_the_one_before_back(base, start):
    base.publish(1)
    base.publish(2)
    server = start(base.path)
    assert caption(server) == "v2: 2 frames"
    shutil.rmtree(base.path / "2")
    server.versions.poll()
    assert caption(server) == "v1: 2 frames"


def test_several_versions_can_be_served_and_pinned(base, start):
    base.publish(1)
    base.publish(2)
    server = start(base.path, num_versions=2)
    for version in (1, 2):
        with CaptionClient(server.grpc_address, version=version) as client:
            assert client.caption_all([CLIP])[0].text == f"v{version}: 2 frames"
            assert client.metadata().version == version


def test_a_version_in_use_is_unloaded_after_its_last_request(base):
    base.publish(1)
    versions = ModelVersions("topiclens", base.path)
    versions.poll()
    base.publish(2)
    with versions.use("topiclens") as (number, model):
        swap = threading.Thread(target=versions.poll)
        swap.start()
        while {status.version: status.state for status in versions.status("topiclens")}[1] != "UNLOADING":
            time.sleep(0.01)
        with versions.use("topiclens") as (newest, _):
            assert (number, newest) == (1, 2)
        answer = model.run("serving_default", {"frames": CLIP[None]})
        assert answer["caption"][0] == b"v1: 2 frames"
        assert swap.is_alive()
    swap.join(timeout=10)
    assert [status.state for status in versions.status("topiclens")] == ["AVAILABLE", "END"]
    versions.stop()


def test_captions_never_fail_while_versions_change(base, start):
    base.publish(1)
    server = start(base.path)
    stop, failures, answers = threading.Event(), [], set()

    def keep_asking():
        with CaptionClient(server.grpc_address, retries=0) as client:
            while not stop.is_set():
                try:
                    answers.add(client.caption_all([CLIP])[0].text)
                except Exception as error:
                    failures.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(2, 8):
        base.publish(version, toy=1 + version % 2)
        server.versions.poll()
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert answers == {"v1: 2 frames", "v2: 2 frames"}


def test_an_empty_base_folder_waits_for_its_first_version(base, start):
    server = start(base.path)
    with CaptionClient(server.grpc_address) as client:
        with pytest.raises(Exception, match="Could not find any versions of model topiclens"):
            client.status()
        base.publish(1)
        server.versions.poll()
        assert client.wait_until_ready(timeout=5) == 1


def test_a_missing_base_folder_is_an_error_at_the_start(tmp_path, start):
    with pytest.raises(FileNotFoundError, match="nothing was pushed yet"):
        start(tmp_path / "nowhere")


def test_a_base_folder_gone_for_a_moment_takes_no_model_away(base, start):
    base.publish(1)
    server = start(base.path)
    base.path.rename(base.path.with_name("moved"))
    server.versions.poll()
    assert caption(server) == "v1: 2 frames"


def test_an_unloaded_model_is_not_found(base):
    base.publish(1)
    versions = ModelVersions("topiclens", base.path)
    versions.poll()
    versions.stop()
    with pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Latest\(topiclens\)"):
        with versions.use("topiclens"):
            pass
