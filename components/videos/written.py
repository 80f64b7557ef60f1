"""Captions that people wrote on the review page, taken among those of training videos."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from topiclens.components.videos.ingest import SUMMARY, VIDEOS
from topiclens.schemas.corrections import TRAINING
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.json_lines import read_rows, write_rows
from topiclens.trainer.vocabulary import tokenize


def add_written(source: str, target: str, written: Iterable[Mapping[str, str]]) -> int:
    """Copies a dataset (`ingest.dataset_files`) with further captions of its training videos; returns how many.

    Captions of held-out videos are left out, or models would be judged on what they were told; and so are those of
    videos that have changed since, and captions that are there already.

    Args:
        written: `video_id`, `content` and `text` of each, as `list_written_captions` in `pipeline.repair.corrections`
            gives them.
    """
    of_video: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in written:
        of_video[one["video_id"], one["content"]].append(one["text"])
    shutil.copytree(source, target, dirs_exist_ok=True)
    rows, added = [], 0
    for row in read_rows(os.path.join(source, VIDEOS)):
        more = _new(row, of_video.get((row["video_id"], row["content"]), ()))
        rows.append({**row, "captions": [*row["captions"], *more]})
        added += len(more)
    write_rows(os.path.join(target, VIDEOS), rows)
    summary = read_json(os.path.join(source, SUMMARY))
    write_json(os.path.join(target, SUMMARY), {**summary, "captions": summary["captions"] + added})
    return added


def _new(row: Mapping[str, Any], texts: Iterable[str]) -> list[str]:
    """Those of a training video that it lacks, each once."""
    if row["split"] != TRAINING:
        return []
    return [text for text in dict.fromkeys(texts) if text not in row["captions"] and tokenize(text)]
