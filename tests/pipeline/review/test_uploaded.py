"""Uploaded clips: kept once, found again by another page, by a refinement and another model; never by their names."""

import dataclasses
import json
import os

import numpy as np
import pytest

from topiclens.pipeline.repair.kept_features import load_kept_features, load_kept_seconds
from topiclens.pipeline.review import uploaded
from topiclens.pipeline.review.uploaded import UPLOADED, UploadedClips, film_of_uploaded, safe_name
from topiclens.schemas import features
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.serving.review.backend import Refused
from topiclens.serving.review.shown import NewClip

READ = {"backbone": "efficientnet_lite0", "weights": None, "n_frames": 4}
JPEGS = tuple(encode_frames(np.full((3, 48, 64, 3), 120, np.uint8)))
CLIP = NewClip("../../my film.mp4", "ab" * 32, JPEGS, (0.0, 0.5, 1.0))


class Network:
    """Sees in a frame how many bytes its JPEG has."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        return self.extract

    def extract(self, jpegs):
        self.asked += 1
        return np.array([[len(jpeg), 1.0] for jpeg in jpegs], np.float32)


def opened(root, network=None, read=READ):
    return UploadedClips(str(root), read, network or Network())


def test_a_clip_is_kept_once_and_is_there_when_the_page_starts_again(tmp_path):
    network = Network()
    row, frames = opened(tmp_path, network).keep(CLIP, "Ann")
    again, same = opened(tmp_path, network).keep(dataclasses.replace(CLIP, name="other.mp4"), "Ben")
    assert row == again and row["video_id"] == "abababab-my film.mp4" and network.asked == 1
    np.testing.assert_array_equal(frames, same)
    (found,) = opened(tmp_path, network).records()
    assert found[features.VIDEO_ID].decode() == row["video_id"] and found[features.CAPTIONS].tolist() == []
    np.testing.assert_array_equal(found[features.FRAMES], frames)
    assert opened(tmp_path).rows() == {row["video_id"]: {**row, "seconds": (0.0, 0.5, 1.0)}}
    assert row["split"] == UPLOADED and os.listdir(tmp_path / uploaded.FOLDER) == [CLIP.content]
    told = json.loads((tmp_path / uploaded.FOLDER / CLIP.content / "clip.json").read_text())
    assert told["by"] == "Ann"


def test_a_refinement_finds_its_features_by_its_content(tmp_path):
    _, frames = opened(tmp_path).keep(CLIP, "Ann")
    np.testing.assert_array_equal(load_kept_features(str(tmp_path), CLIP.content, READ), frames)
    assert load_kept_seconds(str(tmp_path), CLIP.content, READ).tolist() == [0.0, 0.5, 1.0]


def test_another_network_sees_the_same_frames_and_other_frames_have_to_be_uploaded_again(tmp_path):
    opened(tmp_path).keep(CLIP, "Ann")
    network = Network()
    (found,) = opened(tmp_path, network, {**READ, "backbone": "googlenet"}).records()
    assert network.asked == 1 and found[features.FRAMES].tolist() == [[len(jpeg), 1.0] for jpeg in JPEGS]
    more = opened(tmp_path, read={**READ, "n_frames": 2})
    assert not more.rows() and not list(more.records())
    row, _ = more.keep(dataclasses.replace(CLIP, name="again.mp4", frames=JPEGS[:2], seconds=(0.0, 1.0)), "Ben")
    assert row["video_id"] == "abababab-my film.mp4", "what was said of it before is still said of it"
    assert list(more.rows()) == [row["video_id"]] and len(film_of_uploaded(row).pictures) == 2


def test_where_no_network_can_be_loaded_nothing_is_kept_and_the_page_starts_all_the_same(tmp_path):
    def missing():
        raise Refused("It cannot be loaded.")

    with pytest.raises(Refused, match="cannot be loaded"):
        opened(tmp_path, missing).keep(CLIP, "Ann")
    assert not opened(tmp_path, missing).rows()
    opened(tmp_path).keep(CLIP, "Ann")
    assert list(opened(tmp_path, missing, {**READ, "backbone": "googlenet"}).records()) == []


def test_what_a_kill_leaves_is_no_clip_and_there_is_room_for_so_many(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(uploaded.os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(tmp_path).keep(CLIP, "Ann")
    assert not opened(tmp_path).rows()
    monkeypatch.setattr(uploaded, "MOST_KEPT", 1)
    opened(tmp_path).keep(CLIP, "Ann")
    opened(tmp_path).keep(CLIP, "Ann")
    with pytest.raises(Refused, match="1 uploaded clips are kept already"):
        opened(tmp_path).keep(dataclasses.replace(CLIP, content="cd" * 32), "Ann")


def test_pictures_that_are_gone_are_no_fault_of_the_page(tmp_path):
    row, _ = opened(tmp_path).keep(CLIP, "Ann")
    (tmp_path / uploaded.FOLDER / CLIP.content / "001.jpg").write_bytes(b"no picture")
    film = film_of_uploaded(row)
    assert not film.pictures and film.seconds == (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.mp4", "a.mp4"), ("../../etc/passwd", "passwd"), ("C:\\films\\b.avi", "b.avi"), ("", "clip"), ("..", ".."),
     ("a\x00\nb\u202e.mp4", "ab.mp4"), ("\ud800x", "x"), ("é" * 200, "é" * 80)],
)  # fmt: skip
def test_a_file_s_name_is_text_of_one_line_and_no_path(name, expected):
    assert safe_name(name) == expected
