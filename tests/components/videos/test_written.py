"""Captions that people wrote join those of training videos, and of no others."""

import pytest

from topiclens.components.videos.ingest import REJECTED, SUMMARY, TEXTS, VIDEOS
from topiclens.components.videos.written import add_written
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.json_lines import read_rows, write_rows

CAPTIONS = {
    "t0": ("train", ["a dog"]),
    "t1": ("train", ["a cat", "a tom"]),
    "v0": ("val", ["a cow"]),
    "s0": ("test", ["x"]),
}


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "dataset"
    rows = [
        {"video_id": name, "split": split, "captions": captions, "content": name * 32}
        for name, (split, captions) in CAPTIONS.items()
    ]
    write_rows(folder / VIDEOS, rows)
    write_rows(folder / TEXTS, [{"video_id": "only-text", "split": "train", "captions": ["a song"]}])
    write_rows(folder / REJECTED, [])
    write_json(folder / SUMMARY, {"captions": 6, "videos": 4})
    return folder


def written(video_id, text, content=None):
    return {"video_id": video_id, "content": content or video_id * 32, "text": text}


def test_only_training_videos_that_are_as_they_were_gain_captions_that_they_lacked(dataset, tmp_path):
    target = tmp_path / "described"
    told = [
        written("t0", "a brown dog"), written("t0", "a brown dog"), written("t0", "a dog"), written("t1", "!!"),
        written("t1", "another clip", content="0" * 64), written("v0", "a bull"), written("s0", "y"),
        written("gone", "nothing"),
    ]  # fmt: skip
    assert add_written(str(dataset), str(target), told) == 1
    expected = {name: captions for name, (_, captions) in CAPTIONS.items()} | {"t0": ["a dog", "a brown dog"]}
    assert {row["video_id"]: row["captions"] for row in read_rows(target / VIDEOS)} == expected
    assert read_json(target / SUMMARY) == {"captions": 7, "videos": 4}
    for name in (TEXTS, REJECTED):
        assert (target / name).read_bytes() == (dataset / name).read_bytes()
    assert next(read_rows(dataset / VIDEOS))["captions"] == ["a dog"], "what was ingested stays as it is"
