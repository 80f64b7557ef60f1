"""`topiclens border` on clips and on feature files, by a tiny model."""

import json

import numpy as np
import pytest

from tests.components.videos.conftest import write_clip
from tests.pipeline.cli.commands.test_explain import DIM, FEATURES, save, tiny_backbone
from tests.trainer.numpy_captioner import tiny_captioner
from topiclens.components.features.backbones import registry
from topiclens.components.features.extract import FeatureExtractor
from topiclens.components.relevance.border import BorderEffect, PolicyEffect, candidates
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline import run_metadata
from topiclens.pipeline.cli import main as cli
from topiclens.pipeline.experiments import borders

OWN = Sampling(n_frames=4)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two clips, a shorter one, one that is none, feature files long and short, and a training video."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "broken.mp4").write_bytes(b"no video")
    np.save(folder / "long.npy", np.random.default_rng(0).uniform(1, 2, (30, DIM)).astype(np.float32))
    np.save(folder / "short.npy", np.ones((4, DIM), np.float32))
    sources = {"a": ("path", write_clip(folder / "a.mp4", 40)), "b": ("path", write_clip(folder / "b.mp4", 25)),
               "c": ("path", write_clip(folder / "c.mp4", 4)), "d": ("path", folder / "broken.mp4"),
               "e": ("features", folder / "long.npy"), "f": ("features", folder / "short.npy")}  # fmt: skip
    rows = [
        {"video_id": video_id, kind: str(file), "split": "val", "captions": ["a dog runs", "a dog"]}
        for video_id, (kind, file) in sources.items()
    ]
    rows[0]["start"] = 0.5
    return [{**rows[1], "video_id": "0", "split": "train"}, *rows]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / run_metadata.EXPORTED
    return save(tiny_captioner(3), folder, features={**FEATURES, **OWN.to_json()})


@pytest.fixture
def root(rows, model, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name, weights=None, cache_dir=None: tiny_backbone())
    (tmp_path / "Dataset").mkdir()
    (tmp_path / "Dataset" / "videos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    artifacts = {"topiclens.Dataset": str(tmp_path / "Dataset"), "Model": str(model.parent)}
    monkeypatch.setattr(run_metadata, "newest", lambda root: run_metadata.Outcome(root, artifacts, True))
    return str(tmp_path)


def test_features_of_every_policy_are_those_of_its_own_sampling_of_the_clip(rows, root):
    network = FeatureExtractor(tiny_backbone())
    samplings = candidates(OWN, (1, 3), seed=2)
    videos = {video.video_id: video for video in borders._features(rows[1:], samplings, {"backbone": "tiny"})}
    assert list(videos) == ["a", "b", "e"]
    for sampling in samplings:
        for row in rows[1:3]:
            sampled = sample_video(row["path"], sampling, row["video_id"], start=row.get("start"))
            ((_, expected),) = network([(0, sampled.frames)])
            np.testing.assert_allclose(videos[row["video_id"]].sampled(sampling), expected, rtol=1e-5, atol=1e-6)
        expected = np.load(rows[5]["features"])[list(sampling.indices(30, "e"))]
        np.testing.assert_array_equal(videos["e"].sampled(sampling), expected)


def test_every_policy_is_measured_under_the_name_that_the_setting_has(root, capsys):
    assert cli.main(["border", "--root", root, "--steps", "1", "3"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert said.err.startswith("3 validation videos, 4 frames a policy")
    names = [line[:20].strip() for line in lines[1:7]]
    assert names == ["equal", "centred", "step 1", "step 3", "random_clip 1", "random_clip 3"]
    assert lines[-1].startswith("As a setting of new runs: --set features.sampling=") or lines[-1].startswith("Keep")


def test_the_number_of_videos_is_bounded_and_videos_without_a_choice_are_told(root, capsys):
    assert cli.main(["border", "--root", root, "--videos", "1", "--frames", "3"]) == 0
    assert capsys.readouterr().err.startswith("1 validation videos, 3 frames a policy")
    assert cli.main(["border", "--root", root, "--frames", "99"]) == 1
    assert "more than 99 frames" in capsys.readouterr().err
    assert cli.main(["border", "--root", root, "--steps", "0"]) == 1
    assert "step of at least 1, got 0" in capsys.readouterr().err


def found(sampling, index, metric):
    return PolicyEffect(sampling, BorderEffect(index, index, index, 0.95, 9), metric)


@pytest.mark.parametrize(
    ("best", "options", "settings"),
    [
        (Sampling("step", 4, step=3), "--sampling step --step 3", {"sampling": "step", "step": 3}),
        (Sampling("centred", 4), "--sampling centred", {"sampling": "centred"}),
        (Sampling("centred", 9), "--sampling centred --frames 9", {"sampling": "centred", "n_frames": 9}),
    ],
)
def test_the_advice_names_options_and_settings_as_they_are_typed(best, options, settings):
    now = Sampling("equal", best.n_frames)
    said = borders.advice(found(now, 1.8, 0.5), found(best, 1.1, 0.52), OWN).splitlines()
    assert "1.800 to 1.100" in said[0] and said[-2] == f"Without training again: topiclens caption VIDEO {options}"
    assert said[-1].split(": ")[1] == " ".join(f"--set features.{name}={value}" for name, value in settings.items())


def test_what_is_best_already_is_kept():
    assert borders.advice(found(OWN, 1.0, 0.5), found(OWN, 1.0, 0.5), OWN).startswith("Keep 'equal'")
