"""Corpora in their own layouts become manifest rows that the schema accepts; what they lack is told or kept as text."""

import json

import numpy as np
import pytest

from topiclens.components.videos import importers, manifest
from topiclens.schemas.json_lines import number_lines


@pytest.fixture
def msvd(tmp_path):
    (tmp_path / "captions_msvd.json").write_text(
        json.dumps({"v1_0_5": ["a dog runs", "a dog"], "v2_1_9": ["a cat"], "v3_0_1": ["a bird"]})
    )
    (tmp_path / "train_list.txt").write_text("v2_1_9\nv1_0_5\n")
    (tmp_path / "val_list.txt").write_text("v3_0_1\n\n")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "v1_0_5.avi").touch()
    (tmp_path / "clips" / "v3_0_1.gif").touch()
    (tmp_path / "clips" / "v3_0_1.txt").touch()
    return tmp_path


@pytest.fixture
def msrvtt(tmp_path):
    info = {
        "videos": [
            {"video_id": "video0", "split": "train", "category": 9, "start time": 137.7, "end time": 149.4},
            {"video_id": "video1", "split": "validate", "category": 0},
            {"video_id": "video2", "split": "test"},
        ],
        "sentences": [
            {"video_id": "video1", "caption": "b"},
            {"video_id": "video0", "caption": "a"},
            {"video_id": "video1", "caption": "c"},
        ],
    }
    (tmp_path / "videodatainfo.json").write_text(json.dumps(info))
    (tmp_path / "category.txt").write_text("music\t0\r\npeople\t9\r\n")
    (tmp_path / "features").mkdir()
    np.save(tmp_path / "features" / "video0.npy", np.ones((2, 3)))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "video0.mp4").touch()
    (tmp_path / "videos" / "video1.mp4").touch()
    return tmp_path


@pytest.fixture
def flickr8k(tmp_path):
    (tmp_path / "Flickr8k.token.txt").write_text("p1.jpg#0\tA dog .\np2.jpg#0\tA cat .\np1.jpg#1\tIt runs .\n")
    (tmp_path / "Flickr_8k.trainImages.txt").write_text("p1.jpg\n")
    (tmp_path / "Flickr_8k.testImages.txt").write_text("p2.jpg\n")
    (tmp_path / "features_train.npz").touch()
    return tmp_path


def test_msvd_gives_its_clips_and_keeps_captions_without_one_as_text(msvd):
    assert importers.detect_layout(msvd) == "msvd"
    assert list(importers.rows(msvd)) == [
        {"video_id": "v2_1_9", "captions": ["a cat"], "split": "train"},
        {"video_id": "v1_0_5", "path": "clips/v1_0_5.avi", "captions": ["a dog runs", "a dog"], "split": "train"},
        {"video_id": "v3_0_1", "path": "clips/v3_0_1.gif", "captions": ["a bird"], "split": "val"},
    ]


def test_captions_without_a_clip_can_be_left_out(msvd):
    assert [row["video_id"] for row in importers.rows(msvd, captions_only=False)] == ["v1_0_5", "v3_0_1"]


def test_a_test_list_is_used_where_there_is_one(msvd):
    (msvd / "test_list.txt").write_text("v9_0_1\n")
    assert list(importers.rows(msvd))[-1] == {"video_id": "v9_0_1", "captions": [], "split": "test"}


def test_msrvtt_prefers_features_maps_splits_and_names_categories(msrvtt):
    assert importers.detect_layout(msrvtt) == "msrvtt"
    assert list(importers.rows(msrvtt)) == [
        {"video_id": "video0", "captions": ["a"], "split": "train", "features": "features/video0.npy",
         "label": "people"},
        {"video_id": "video1", "captions": ["b", "c"], "split": "val", "path": "videos/video1.mp4", "label": "music"},
        {"video_id": "video2", "captions": [], "split": "test"},
    ]  # fmt: skip


def test_flickr8k_gathers_captions_by_photo_and_points_into_its_bundles(flickr8k):
    assert importers.detect_layout(flickr8k) == "flickr8k"
    assert list(importers.rows(flickr8k)) == [
        {
            "video_id": "p1.jpg",
            "features": "features_train.npz#p1.jpg",
            "captions": ["A dog .", "It runs ."],
            "split": "train",
        },
        {"video_id": "p2.jpg", "captions": ["A cat ."], "split": "test"},
    ]


def test_a_caption_may_hold_what_python_takes_for_a_line_end(flickr8k):
    (flickr8k / "Flickr8k.token.txt").write_text(
        "p1.jpg#0\tA\u2028dog\x85runs .\r\np2.jpg#0\tA\x0ccat .\n", encoding="utf-8", newline=""
    )
    assert [row["captions"] for row in importers.rows(flickr8k)] == [["A\u2028dog\x85runs ."], ["A\x0ccat ."]]


@pytest.mark.parametrize("corpus", ["msvd", "msrvtt", "flickr8k"])
def test_every_imported_row_is_a_valid_manifest_row(corpus, request, tmp_path_factory):
    folder = request.getfixturevalue(corpus)
    path = importers.manifest_of(folder, tmp_path_factory.mktemp("work") / "imported.jsonl")
    rows = [manifest.parse_line(number, line) for number, line in number_lines(path)]
    assert rows == list(importers.rows(folder))


def test_a_manifest_of_its_own_comes_before_any_layout(msvd, tmp_path_factory):
    (msvd / "manifest.jsonl").touch()
    imported = tmp_path_factory.mktemp("work") / "imported.jsonl"
    assert importers.manifest_of(msvd, imported) == msvd / "manifest.jsonl"
    assert not imported.exists()
    assert importers.manifest_of(msvd, imported, layout="msvd") == imported


def test_a_folder_of_no_known_layout_says_what_was_expected(tmp_path):
    with pytest.raises(
        manifest.ManifestError, match="Expected manifest.jsonl .* msvd: captions_msvd.json.* msrvtt: .* flickr8k: "
    ):
        importers.detect_layout(tmp_path)
    with pytest.raises(manifest.ManifestError, match="There is no folder"):
        importers.detect_layout(tmp_path / "gone")
    with pytest.raises(manifest.ManifestError, match="no importer 'coco'; expected one of msvd, msrvtt, flickr8k"):
        list(importers.rows(tmp_path, "coco"))


@pytest.mark.parametrize(
    "corpus,file,content,message",
    [
        ("msvd", "captions_msvd.json", b'{"v1"', "captions_msvd.json' is not JSON"),
        ("msvd", "captions_msvd.json", b"[1]", "captions_msvd.json holds a list; expected"),
        ("msvd", "captions_msvd.json", b'{"v1": "\xff"}', "captions_msvd.json' is not UTF-8 text"),
        ("msrvtt", "videodatainfo.json", b"{}", "not in MSR-VTT's format .KeyError: 'sentences'"),
        (
            "msrvtt",
            "videodatainfo.json",
            b'{"sentences": [], "videos": [{"video_id": "a", "split": "x"}]}',
            "KeyError: 'x'",
        ),
        ("flickr8k", "Flickr8k.token.txt", b"p1.jpg#0\tA\nno tab here\n", "token.txt, line 2: 'no tab here'; expected"),
    ],
)
def test_a_corpus_file_out_of_format_is_told_by_name(corpus, file, content, message, request):
    folder = request.getfixturevalue(corpus)
    (folder / file).write_bytes(content)
    with pytest.raises(manifest.ManifestError, match=message):
        list(importers.rows(folder))


def test_a_corpus_without_its_lists_is_told(msvd):
    (msvd / "train_list.txt").unlink()
    (msvd / "val_list.txt").unlink()
    with pytest.raises(manifest.ManifestError, match="none of train_list.txt, val_list.txt, test_list.txt"):
        list(importers.rows(msvd))
