"""A dataset with everything wrong that can be: each bad row is set aside with its own reason, and the rest is kept."""

import json
import random
import shutil

import numpy as np
import pytest

from topiclens.components.videos import ingest
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.findings import Accepted
from topiclens.components.videos.reader import sample_frames


def row(video_id: str, path: str | None, captions=("a dog runs",), split: str = "train", **more) -> dict:
    return {
        "video_id": video_id,
        **({"path": path} if path else {}),
        "captions": list(captions),
        "split": split,
        **more,
    }


BROKEN_LINE = "{not json"

# Every row is (manifest row, part of the reason it is set aside for; None where it is kept).
ROWS = [
    (row("plain", "plain.mp4"), None),
    (row("gif", "plain.gif", split="val"), None),
    (row("odd size", "odd.mkv"), None),
    (row("one frame", "one.mp4"), None),
    (row("variable rate", "uneven.mp4"), None),
    (row("half there", "cut.webm"), None),
    (row("segment 1", "film.mp4", start=0, end=1), None),
    (row("segment 2", "film.mp4", split="val", start=1, end=2), None),
    (row("text", None), None),
    (row("features", None, features="f/good.npy"), None),
    (row("bundle", None, features="f/bundle.npz#a"), None),
    (row("in a folder", "sub/../plain2.mp4"), None),
    (BROKEN_LINE, "line 13: not JSON"),
    (row("wrong split", "plain.mp4", split="dev"),
     "line 14: `split` is \"dev\"; expected one of 'train', 'val', 'test'"),
    (row("missing", "gone.mp4"), "there is no file 'gone.mp4' in the dataset's folder"),
    (row("truncated", "cut.mp4"), "'cut.mp4' cannot be opened as a video (ffmpeg: moov atom not found)"),
    (row("no frames", "empty.avi"), "'empty.avi' has 0 decodable frames"),
    (row("empty file", "zero.mp4"), "'zero.mp4' is an empty file"),
    (row("sound", "sound.m4a"), "'sound.m4a' has no video stream, only: audio"),
    (row("text file", "notes.avi"), "'notes.avi' cannot be opened as a video"),
    (row("outside", "../data2.mp4"), "'../data2.mp4' leads outside the dataset's folder"),
    (row("absolute", "/etc/hostname"), "'/etc/hostname' leads outside the dataset's folder"),
    (row("link", "link.mp4"), "'link.mp4' leads outside the dataset's folder"),
    (row("circle", "circle.mp4"), "there is no file 'circle.mp4'"),
    (row("linked features", None, features="out.npz#a"), "'out.npz' leads outside the dataset's folder"),
    (row("too large", "large.mp4"), "320 x 128 pixels; at most 20000 pixels are decoded (`limits.max_pixels`)"),
    (row("nan", None, features="f/nan.npy"), "values that are NaN or infinite"),
    (row("flat", None, features="f/flat.npy"), "has shape (8,); expected (time, dim)"),
    (row("unknown id", None, features="f/bundle.npz#z"), "'bundle.npz' has no features for 'z'"),
    (row("narrow", None, features="f/narrow.npy"), "its features are 4 wide, those of the dataset 8"),
    (row("speechless", "plain.mp4", captions=[]), "it has no captions"),
    (row("only dots", "plain.mp4", captions=["...", " "]), "none of its 2 captions has a word"),
    (row("plain", "plain2.mp4"), "video_id 'plain' is there twice, first on line 1. The first row stays."),
    (row("gif", "plain.gif", split="test"),
     "first on line 2 in split 'val', here in 'test': a video belongs to one split"),
    (row("copied", "copy.mp4", split="test"), "same frames as video 'plain' (line 1) of split 'train'"),
    (row("overlap", "film.mp4", split="test", start=0.5, end=1.5), "same frames as video 'segment 1' (line 7)"),
    (row("copied features", None, split="val", features="f/copy.npy"), "same frames as video 'features' (line 10)"),
]  # fmt: skip
LIMITS = DecodingLimits(max_pixels=20_000)


@pytest.fixture(scope="module")
def dataset(clips, tmp_path_factory):
    parent = tmp_path_factory.mktemp("parent")
    root = parent / "data"
    (root / "f").mkdir(parents=True)
    (root / "sub").mkdir()
    clips.write(root / "plain.mp4", 20)
    clips.write(root / "plain2.mp4", 21)
    shutil.copy(root / "plain.mp4", root / "copy.mp4")
    clips.write(root / "plain.gif", 20, "gif", "rgb8")
    clips.write(root / "odd.mkv", 5, "ffv1", "yuv444p", size=(163, 67))
    clips.write(root / "one.mp4", 1)
    clips.write(root / "uneven.mp4", 5, milliseconds=[0, 10, 300, 310, 900])
    clips.write(root / "film.mp4", 30)
    clips.write(root / "large.mp4", 3, size=(320, 128))
    clips.write(root / "empty.avi", 0, "mpeg4")
    clips.write_sound(root / "sound.m4a")
    for name in ("cut.mp4", "cut.webm"):
        whole = clips.write(root / name, 40, "libx264" if name.endswith("mp4") else "libvpx-vp9").read_bytes()
        (root / name).write_bytes(whole[: len(whole) // 2])
    (root / "zero.mp4").touch()
    (root / "notes.avi").write_text("not a video\n" * 100)
    clips.write(parent / "data2.mp4", 5)
    (root / "link.mp4").symlink_to(parent / "data2.mp4")
    (root / "circle.mp4").symlink_to(root / "circle.mp4")
    frames = np.random.default_rng(0).uniform(0.1, 1, size=(4, 8)).astype(np.float32)
    np.savez(parent / "out.npz", ids=np.array(["a"]), features=frames[None])
    (root / "out.npz").symlink_to(parent / "out.npz")
    np.savez(root / "f" / "bundle.npz", ids=np.array(["a"]), features=2 * frames[None])
    np.save(root / "f" / "good.npy", frames)
    np.save(root / "f" / "copy.npy", frames.astype(np.float64))
    np.save(root / "f" / "flat.npy", frames[0])
    np.save(root / "f" / "narrow.npy", frames[:, :4])
    np.save(root / "f" / "nan.npy", np.where(frames > 0.9, np.nan, frames))
    lines = [line if line == BROKEN_LINE else json.dumps(line) for line, _ in ROWS]
    (root / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def ingested(dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("out")
    summary = ingest.ingest(dataset / "manifest.jsonl", dataset, output, limits=LIMITS)
    return output, summary


def rows_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "line", [n for n, (_, reason) in enumerate(ROWS, start=1) if reason], ids=lambda n: ROWS[n - 1][1][:40]
)
def test_a_bad_row_is_set_aside_with_its_reason(line, ingested):
    output, _ = ingested
    manifest_row, reason = ROWS[line - 1]
    (found,) = [found for found in rows_of(output / ingest.REJECTED) if found["line"] == line]
    assert reason in found["reason"]
    assert found["step"] == "ingest" and found["what"] == "video"
    assert found["video_id"] == (None if manifest_row == BROKEN_LINE else manifest_row["video_id"])


def test_every_other_row_is_kept_in_the_manifests_order(ingested):
    output, summary = ingested
    good = [manifest_row for manifest_row, reason in ROWS if reason is None]
    videos, texts = rows_of(output / ingest.VIDEOS), rows_of(output / ingest.TEXTS)
    assert [kept["video_id"] for kept in videos] == [r["video_id"] for r in good if "path" in r or "features" in r]
    assert [kept["video_id"] for kept in texts] == ["text"]
    assert summary["videos_by_split"] == {"train": 9, "val": 2} and summary["texts_by_split"] == {"train": 1}
    assert summary["videos"] + summary["texts"] + summary["rejected_videos"] == len(ROWS)
    assert summary == json.loads((output / ingest.SUMMARY).read_text())


def test_an_accepted_clip_has_an_absolute_path_that_decodes_and_a_content_hash(ingested):
    output, _ = ingested
    for kept in rows_of(output / ingest.VIDEOS):
        assert len(kept["content"]) == 64
        if "path" in kept:
            assert kept["path"].startswith("/")
            assert sample_frames(kept["path"], start=kept.get("start"), end=kept.get("end")).total >= 1


def test_reasons_give_away_no_place_of_this_machine(ingested, dataset):
    output, _ = ingested
    assert str(dataset.parent) not in (output / ingest.REJECTED).read_text()


def test_an_empty_caption_is_left_out_and_recorded_and_the_video_kept(dataset, tmp_path):
    line = json.dumps(row("a", "plain.mp4", captions=["A dog!", "?!", "it runs", ""])).encode()
    *dropped, kept = ingest.check_line(1, line, root=str(dataset))
    assert isinstance(kept, Accepted) and kept.row["captions"] == ["A dog!", "it runs"]
    assert [found.what for found in dropped] == ["caption", "caption"]
    assert dropped[0].reason == "caption 2, '?!', is empty after tokenising; it was left out and the video kept."
    summary = json.loads(ingest.dataset_files([*dropped, kept])[ingest.SUMMARY])
    assert (summary["videos"], summary["rejected_videos"], summary["rejected_captions"]) == (1, 0, 2)


def test_the_files_do_not_depend_on_the_order_of_the_findings(dataset):
    lines = [json.dumps(row(f"v{n}", None, captions=["a dog", "!", "?"])).encode() for n in range(20)]
    groups = [ingest.check_line(n, line, root=str(dataset)) for n, line in enumerate(lines)]
    expected = ingest.dataset_files(sum(groups, []))
    random.Random(0).shuffle(groups)
    assert ingest.dataset_files(sum(groups, [])) == expected


def summary_of(videos: int, rejected: int) -> dict:
    return {
        "videos": videos, "videos_by_split": {"train": videos} if videos else {}, "texts": 0, "captions": 0,
        "rejected_videos": rejected, "rejected_captions": 0, "first_reasons": ["a: it is broken."] if rejected else [],
    }  # fmt: skip


def test_a_run_goes_on_up_to_the_allowed_share_of_rejections_and_stops_past_it():
    ingest.demand_enough(summary_of(90, 10), max_rejected_fraction=0.1)
    with pytest.raises(ingest.TooManyRejected) as error:
        ingest.demand_enough(summary_of(89, 11), max_rejected_fraction=0.1)
    message = str(error.value)
    assert message.startswith("11% of the videos were set aside; at most 10% may be (`max_rejected_fraction`).")
    assert "rejected.jsonl" in message and "a: it is broken." in message


def test_a_run_without_a_video_stops_whatever_is_allowed():
    with pytest.raises(ingest.TooManyRejected, match="No video is left: all were set aside"):
        ingest.demand_enough(summary_of(0, 3), max_rejected_fraction=1.0)
    with pytest.raises(ingest.TooManyRejected, match="The manifest names no video"):
        ingest.demand_enough(summary_of(0, 0), max_rejected_fraction=1.0)


def test_the_count_that_ends_a_run_fits_one_line(ingested):
    _, summary = ingested
    assert ingest.describe(summary) == (
        "11 videos (9 train, 2 val), 1 texts without a clip, 25 videos and 0 captions set aside."
    )


def test_a_dataset_without_validation_videos_gets_some(dataset, ingested, tmp_path):
    _, before = ingested
    after = ingest.ingest(dataset / "manifest.jsonl", dataset, tmp_path, held_out={"test": 0.5}, limits=LIMITS)
    counts, moved = before["videos_by_split"], after["videos_by_split"]
    assert 0 < moved["test"] < counts["train"]
    assert moved == {"train": counts["train"] - moved["test"], "val": counts["val"], "test": moved["test"]}


@pytest.mark.parametrize("held_out", ({}, {"test": 0.5}))
def test_beam_writes_the_same_bytes(dataset, tmp_path, held_out):
    import apache_beam as beam
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
    from apache_beam.testing.util import assert_that, equal_to

    from topiclens.components.videos.transform import IngestVideos

    expected = tmp_path / "plain"
    summary = ingest.ingest(dataset / "manifest.jsonl", dataset, expected, held_out=held_out, limits=LIMITS)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        written = pipeline | IngestVideos(
            dataset / "manifest.jsonl", dataset, tmp_path / "out", held_out=held_out, limits=LIMITS
        )
        assert_that(written, equal_to([summary]))
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (expected / name).read_bytes()
