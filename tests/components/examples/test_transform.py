"""Joining features, captions and topics: nothing lost, nothing doubled, the same bytes every time."""

import pathlib

import apache_beam as beam
import numpy as np
import pytest

from topiclens.components.examples import transform
from topiclens.schemas import records

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def row(number: int, split: str) -> dict:
    return {"video_id": f"v{number:02}", "split": split, "captions": [f"caption {number}"], "label": "x"}


ROWS = [row(number, "train" if number % 3 else "val") for number in range(12)]
FEATURES = [(entry["video_id"], np.full((3, 4), number, np.float32)) for number, entry in enumerate(ROWS)]
LABELS = [(entry["video_id"], [number % 5, 4]) for number, entry in enumerate(ROWS)]
SPLITS = ("train", "val")


def write(folder: pathlib.Path, rows=ROWS, features=FEATURES, labels=LABELS) -> None:
    with beam.Pipeline(runner=RUNNER) as p:
        {
            "rows": p | "R" >> beam.Create(rows),
            "features": p | "F" >> beam.Create(features),
            "labels": p | "L" >> beam.Create(labels),
        } | transform.WriteRecords(str(folder), n_topics=5, videos=len(ROWS))


def read(folder: pathlib.Path, split: str) -> list[records.VideoRecord]:
    return list(records.read(records.files_of(str(folder / f"Split-{split}"))))


def test_every_video_is_in_its_split_once_with_its_own_parts(tmp_path):
    write(tmp_path)
    found = {record.video_id: record for split in SPLITS for record in read(tmp_path, split)}
    assert sorted(found) == [entry["video_id"] for entry in ROWS]
    for number, entry in enumerate(ROWS):
        record = found[entry["video_id"]]
        assert (record.split, record.captions, record.label) == (entry["split"], (f"caption {number}",), "x")
        assert np.all(record.frames == number) and record.frames.shape == (3, 4)
        assert set(np.flatnonzero(record.topics)) == {number % 5, 4}


def test_the_order_of_the_inputs_does_not_change_a_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(transform, "RECORDS_PER_FILE", 3)
    write(tmp_path / "one")
    write(tmp_path / "other", ROWS[::-1], FEATURES[::-1], LABELS[5:] + LABELS[:5])
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.gz"))
    assert len(files) > 2
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_a_video_whose_features_were_set_aside_makes_no_record(tmp_path):
    write(tmp_path, features=FEATURES[1:])
    assert [r.video_id for split in SPLITS for r in read(tmp_path, split) if r.video_id == "v00"] == []


def test_a_video_without_topics_stops_the_join_and_is_named(tmp_path):
    with pytest.raises(Exception, match="'v11' has features but no topics"):
        write(tmp_path, labels=LABELS[:-1])


def test_a_file_is_chosen_by_the_id_alone_and_evenly():
    chosen = [transform.file_of(f"video {number}", 4) for number in range(2000)]
    assert chosen == [transform.file_of(f"video {number}", 4) for number in range(2000)]
    counts = np.bincount(chosen, minlength=4)
    assert counts.min() > 400, "a fair hash puts about 500 of 2,000 in each of four files"
