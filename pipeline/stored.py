"""Videos as a run keeps them: their rows, and their records with the features that the model reads."""

import os
from collections.abc import Collection, Iterator, Mapping

from topiclens.pipeline.run_metadata import Outcome
from topiclens.schemas import records
from topiclens.schemas.json_lines import read_rows


def dataset_rows(outcome: Outcome) -> Iterator[dict]:
    """The rows of all videos of a run's dataset, in order."""
    return read_rows(os.path.join(outcome.folder("topiclens.Dataset"), "videos.jsonl"))


def split_files(outcome: Outcome, split: str) -> list[str]:
    """The files with the records of a split; FileNotFoundError where the run has no such split."""
    return records.files_of(os.path.join(outcome.folder("Examples"), f"Split-{split}"))


def split_videos(outcome: Outcome, split: str) -> list[records.VideoRecord]:
    """All videos of a split, in order."""
    return list(records.read(split_files(outcome, split)))


def stored_videos(
    outcome: Outcome, wanted: Collection[str]
) -> tuple[dict[str, Mapping], dict[str, records.VideoRecord]]:
    """The rows and the records of some of a run's videos, by id; of an id that it has not, there is neither."""
    rows = {row["video_id"]: row for row in dataset_rows(outcome) if row["video_id"] in wanted}
    stored = {}
    for split in sorted({row["split"] for row in rows.values()}):
        stored.update((one.video_id, one) for one in records.read(split_files(outcome, split), only=wanted))
    return rows, stored
