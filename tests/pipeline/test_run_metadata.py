"""What commands read of a run's videos, whatever characters the captions hold."""

import numpy as np
import pytest

from topiclens.pipeline.experiments import correct_halves
from topiclens.pipeline.run_metadata import dataset_rows, split_videos, stored_videos
from topiclens.schemas import records
from topiclens.schemas.json_lines import write_rows

CAPTIONS = ["a\u2028dog", "a\x85dog", "a\rdog", "a\r\ndog", "a\ndog", "a\x0cdog"]


class Outcome:
    """A run of which only the dataset and the examples are there."""

    def __init__(self, root):
        self.root = str(root)

    def folder(self, name):
        return f"{self.root}/{name}"


@pytest.fixture
def outcome(tmp_path):
    rows = [
        {"video_id": f"v{i}", "split": "train", "captions": [caption], "features": f"all.npz#{i}"}
        for i, caption in enumerate(CAPTIONS)
    ]
    write_rows(tmp_path / "topiclens.Dataset" / "videos.jsonl", rows)
    videos = [
        records.VideoRecord(row["video_id"], "train", np.ones((2, 3), "f4"), tuple(row["captions"]), np.zeros(1))
        for row in rows
    ]
    records.write(str(tmp_path / "Examples" / "Split-train" / "a.gz"), videos)
    return Outcome(tmp_path)


def test_captions_with_characters_that_end_lines_elsewhere_are_read_as_they_were_written(outcome):
    assert [row["captions"][0] for row in dataset_rows(outcome)] == CAPTIONS
    rows, stored = stored_videos(outcome, {"v0", "v3", "other"})
    assert {name: tuple(row["captions"]) for name, row in rows.items()} == {"v0": (CAPTIONS[0],), "v3": (CAPTIONS[3],)}
    assert {name: video.captions for name, video in stored.items()} == {"v0": (CAPTIONS[0],), "v3": (CAPTIONS[3],)}
    assert [video.captions[0] for video in split_videos(outcome, "train")] == CAPTIONS


def test_an_experiment_on_such_captions_knows_what_it_halves(outcome):
    assert "regions of each photo" in correct_halves._parts(outcome, "train", alternating=False)
