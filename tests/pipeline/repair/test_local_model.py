"""Videos as the served model of a run sees them, and files that are none of its dataset."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tests.components.refinement.planted_parent import VAL, correction
from tests.components.videos.conftest import write_clip
from tests.pipeline.review.planted_run import FRAMES, VERSION, make_root
from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.pipeline import run_metadata
from topiclens.pipeline.repair import local_model
from topiclens.pipeline.repair.kept_features import keep_features, load_kept_features
from topiclens.pipeline.repair.local_model import LocalModel, UnknownVideo, _called_fine, _corrected
from topiclens.pipeline.settings import SettingError
from topiclens.schemas.corrections import Look, Opinion, now
from topiclens.schemas.stretches import Stretch, StretchError
from topiclens.trainer.exported import read_meta


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> str:
    return str(make_root(tmp_path_factory.mktemp("run") / "root"))


@pytest.fixture(scope="module")
def features(root) -> dict:
    return read_meta(f"{root}/serving/topiclens/{VERSION}")["features"]


@pytest.fixture
def film(tmp_path) -> str:
    return str(write_clip(tmp_path / "mine.mp4", FRAMES))


@pytest.fixture
def network(monkeypatch):
    """A network that sees of each frame its place, in the width that the planted parent reads."""
    monkeypatch.setattr(
        local_model, "frame_features", lambda meta, folder: lambda jpegs: np.arange(6.0 * len(jpegs)).reshape(-1, 6)
    )


def test_a_video_of_the_dataset_goes_by_its_id(root):
    seen = LocalModel(root, VERSION).video("val0")
    assert seen.video_id == "val0" and np.array_equal(seen.frames, VAL[0].frames)


def test_what_is_neither_a_video_nor_a_file_is_named_with_what_to_do(root):
    with pytest.raises(UnknownVideo, match="'nowhere.mp4' is no video of the dataset .* no such file. Check the path"):
        LocalModel(root, VERSION).video("nowhere.mp4")


def test_a_model_that_reads_the_datasets_features_sees_no_file(root, film):
    with pytest.raises(SettingError, match="cannot see a video file. Name videos of its run's dataset by their ids"):
        LocalModel(root, VERSION).video(film)


def test_a_file_costs_no_more_than_it_may(root, film, network):
    with pytest.raises(UnreadableVideo, match="'mine.mp4' has more than 2 frames .`limits.max_frames`.*Cut it"):
        LocalModel(root, VERSION, DecodingLimits(max_frames=2)).video(film)


def test_a_file_is_known_by_its_content_and_its_features_are_kept_for_a_refinement(root, film, network, features):
    seen = LocalModel(root, VERSION).video(film)
    with open(film, "rb") as file:
        assert seen.content == hashlib.file_digest(file, "sha256").hexdigest()
    assert seen.video_id == f"{seen.content[:8]}-mine.mp4" and seen.frames.shape == (FRAMES, 6)
    said = dataclasses.replace(correction(seen.video_id), content=seen.content)
    (video,) = _corrected(run_metadata.newest(root), features, [said], 3)
    assert video.video_id == seen.video_id and np.array_equal(video.frames, seen.frames)


def test_a_stretch_of_a_video_and_of_a_file_is_previewed_and_known_again_when_it_is_taught(
    root, film, network, features
):
    model, outcome = LocalModel(root, VERSION), run_metadata.newest(root)
    for wanted in ("val0", film):
        seen = model.video(wanted)
        assert list(seen.seconds()) == pytest.approx([0.0, 0.1, 0.2, 0.3])
        whole, within = (model.sweep(seen, 1, (1.0,), stretch) for stretch in (None, Stretch(0.05, 0.2)))
        (_, one), (_, other) = whole.points, within.points
        assert other.score - within.points[0].score == pytest.approx((one.score - whole.points[0].score) / 2, rel=1e-4)
        said = dataclasses.replace(correction(seen.video_id), content=seen.content, stretch=Stretch(0.05, 0.2))
        (video,) = _corrected(outcome, features, [said], 3)
        np.testing.assert_array_equal(video.seconds, seen.seconds())
    with pytest.raises(StretchError, match="when the clip's frames are shown"):
        model.sweep(model.video("val1"), 1, (1.0,), Stretch(0.05, 0.2))


@pytest.mark.parametrize("change", [{"backbone": "googlenet"}, {"sampling": "centred"}, {"n_frames": 28}])
def test_features_that_a_model_reads_otherwise_are_not_taken_for_its_own(root, film, network, features, change):
    seen = LocalModel(root, VERSION).video(film)
    assert load_kept_features(root, seen.content, features | change) is None
    said = dataclasses.replace(correction(seen.video_id), content=seen.content)
    assert _corrected(run_metadata.newest(root), features | change, [said], 3) == []


def test_captions_called_fine_are_known_with_their_videos_while_these_are_the_same(root):
    look = Look("Ann", "val0", "1", f"{0:064x}", "dog dog dog", Opinion.FINE, now())
    others = [
        {"by": "Ben"}, {"version": "2", "caption": "a dog"}, {"video_id": "gone"}, {"video_id": "val1"},
        {"video_id": "train0", "opinion": Opinion.UNSURE},
    ]  # fmt: skip
    looks = [look, *(dataclasses.replace(look, **other) for other in others)]
    features = read_meta(run_metadata.newest(root).model)["features"]
    uploaded = np.ones((2, 3), np.float32)
    keep_features(root, "f" * 64, features, uploaded)
    looks.append(dataclasses.replace(look, video_id="ffffffff-my.mp4", content="f" * 64))
    file, *fine = _called_fine(run_metadata.newest(root), features, looks, 3)
    assert [(one.video.video_id, one.caption) for one in fine] == [("val0", "a dog"), ("val0", "dog dog dog")]
    assert np.array_equal(fine[0].video.frames, VAL[0].frames)
    assert (file.video.video_id, file.video.captions) == ("ffffffff-my.mp4", ())
    assert np.array_equal(file.video.frames, uploaded)


def test_a_video_whose_content_has_changed_is_not_taken_for_the_one_that_was_corrected(root, features):
    outcome = run_metadata.newest(root)
    same = dataclasses.replace(correction("val0"), content=f"{0:064x}")
    assert [video.video_id for video in _corrected(outcome, features, [same], 3)] == ["val0"]
    assert _corrected(outcome, features, [dataclasses.replace(same, content="0" * 63 + "f")], 3) == []
