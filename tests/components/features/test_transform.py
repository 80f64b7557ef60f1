"""The features step with Beam, real decoders and a Hub module, killed and run again."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from topiclens.components.features import store
from topiclens.components.features.extract import as_served
from topiclens.components.features.settings import ExtractionConfig
from topiclens.components.features.transform import ExtractFeatures, ReadFeatures
from topiclens.components.videos.reader import sample_frames
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas.plain import to_json

N_FRAMES = 6

KILLED_RUN = """
import sys
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from topiclens.components.features.transform import ExtractFeatures
from topiclens.schemas.plain import from_json
from topiclens.components.features.settings import ExtractionConfig
videos, output, store, config = sys.argv[1:]
with beam.Pipeline(FnApiRunner()) as p:
    p | ExtractFeatures(videos, output, store, from_json(ExtractionConfig, config, 'the test'))
"""


@pytest.fixture(scope="module")
def videos(clip_folder, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("dataset")
    rows = [{"video_id": clip.stem, "path": str(clip), "content": clip.stem} for clip in sorted(clip_folder.iterdir())]
    (folder / "broken.mp4").write_bytes(b"no video")
    rows.insert(3, {"video_id": "broken", "path": str(folder / "broken.mp4"), "content": "broken"})
    (folder / "videos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "videos.jsonl")


@pytest.fixture(scope="module")
def settings(hub_module) -> ExtractionConfig:
    return ExtractionConfig(
        "inception_v1", hub_module.folder, Sampling(n_frames=N_FRAMES), videos_per_shard=2, batch_size=8
    )


@pytest.fixture(scope="module")
def undisturbed(videos, settings, tmp_path_factory) -> pathlib.Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    _run(videos, folder, settings)
    return folder


def _run(videos, folder: pathlib.Path, settings):
    """Runs the step with its results in `folder`/out and its store in `folder`/store."""
    with beam.Pipeline(FnApiRunner()) as p:
        p | ExtractFeatures(videos, str(folder / "out"), str(folder / "store"), settings)


def _shards(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.tfrecord.gz")}


def test_features_are_those_of_each_clips_own_frames(undisturbed, hub_module, clip_folder):
    found = dict(store.read_features(str(undisturbed / "out")))
    assert list(found) == sorted(clip.stem for clip in clip_folder.iterdir())
    for video_id, features in found.items():
        frames = sample_frames(clip_folder / f"{video_id}.mp4", N_FRAMES).frames
        colours = np.stack([frame[0, 0] for frame in as_served(frames)])
        np.testing.assert_allclose(features, colours / 255 @ hub_module.matrix, rtol=1e-4, atol=1e-5)


def test_what_was_set_aside_is_told_and_counted(undisturbed):
    (rejected,) = map(json.loads, (undisturbed / "out" / store.REJECTED).read_text().splitlines())
    assert (rejected["video_id"], rejected["step"]) == ("broken", "features")
    assert "cannot be opened as a video" in rejected["reason"]
    summary = store.demand_enough(str(undisturbed / "out"))
    assert summary["videos"] == 16 and summary["rejected_videos"] == 1 and summary["feature_dim"] == 1024
    assert not (undisturbed / "out" / "progress").exists()


def test_the_next_step_reads_the_same_with_beam(undisturbed):
    expected = {video_id: frames.tobytes() for video_id, frames in store.read_features(str(undisturbed / "out"))}

    def same(videos):
        assert {video_id: frames.tobytes() for video_id, frames in videos} == expected

    with beam.Pipeline(FnApiRunner()) as p:
        assert_that(p | ReadFeatures(str(undisturbed / "out")), same)


def test_a_killed_run_ends_with_the_same_bytes_and_repeats_no_finished_shard(undisturbed, videos, settings, tmp_path):
    arguments = [videos, str(tmp_path / "out"), str(tmp_path / "store"), to_json(settings)]
    child = subprocess.Popen([sys.executable, "-c", KILLED_RUN, *arguments])
    deadline = time.monotonic() + 300
    while len(_shards(tmp_path)) < 2 and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tfrecord.gz")}
    assert 2 <= len(finished) < len(_shards(undisturbed))
    assert not (tmp_path / "out" / store.SUMMARY).exists()
    _run(videos, tmp_path, settings)
    assert _shards(tmp_path) == _shards(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert [path.name for path in tmp_path.rglob("*.partial-*")] == []
    for name in (store.REJECTED, store.SUMMARY):
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / "out" / name).read_bytes()


def test_a_new_clip_costs_its_own_shard_alone(undisturbed, videos, settings, clip_folder, tmp_path):
    shutil.copytree(undisturbed / "store", tmp_path / "store")
    new = {"video_id": "new", "path": str(clip_folder / "00.mp4"), "content": "new"}
    more = tmp_path / "videos.jsonl"
    more.write_text(pathlib.Path(videos).read_text() + json.dumps(new) + "\n")
    _run(str(more), tmp_path, settings)
    before, after = _shards(undisturbed), _shards(tmp_path)
    assert len(after.keys() - before.keys()) == 1
    assert all(after[name] == content for name, content in before.items())
    assert [video_id for video_id, _ in store.read_features(str(tmp_path / "out"))][-1] == "new"
