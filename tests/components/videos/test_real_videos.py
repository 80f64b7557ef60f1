"""The corpora that the importers are for, where the folder of real data is at hand."""

import collections

import pytest

from topiclens.components.videos import importers, ingest
from topiclens.components.videos.reader import sample_frames
from topiclens.schemas.json_lines import read_rows

pytestmark = pytest.mark.data


def ingested(folder, tmp_path) -> dict:
    path = importers.manifest_of(folder, tmp_path / "imported.jsonl")
    return ingest.ingest(path, folder, tmp_path / "out")


def test_all_58_msvd_clips_are_ingested_and_decode(data_folder, tmp_path):
    summary = ingested(data_folder / "msvd", tmp_path)
    assert summary["videos_by_split"] == {"train": 54, "val": 4}
    assert summary["texts_by_split"] == {"train": 1146, "val": 96}
    assert summary["rejected_videos"] == summary["rejected_captions"] == 0
    for row in read_rows(tmp_path / "out" / ingest.VIDEOS):
        sampled = sample_frames(row["path"], 28)
        assert len(sampled.frames) == 28 and sampled.total >= 28, row["video_id"]
        # The id holds the seconds it was cut at.
        first, last = (int(part) for part in row["video_id"].rsplit("_", 2)[1:])
        assert abs((last - first) / sampled.seconds[-1] - 1) < 0.35, row["video_id"]


@pytest.mark.parametrize(
    "corpus,splits,captions", [("msrvtt", {"train": 800}, 16_000), ("flickr8k", {"train": 6000, "val": 1000}, 35_000)]
)
def test_all_precomputed_features_are_ingested(corpus, splits, captions, data_folder, tmp_path):
    summary = ingested(data_folder / corpus, tmp_path)
    assert summary["videos_by_split"] == splits and summary["captions"] == captions
    assert summary["rejected_videos"] == 0
    rows = list(read_rows(tmp_path / "out" / ingest.VIDEOS))
    assert collections.Counter(row["split"] for row in rows) == splits
