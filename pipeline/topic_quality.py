"""The quality of a run's topics: `topiclens topics --quality`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from topiclens.components.topics.model import LABELS, TopicModel
from topiclens.components.topics.quality import TopicQuality, measure_quality
from topiclens.pipeline.run_metadata import Outcome, newest
from topiclens.pipeline.stored import dataset_rows
from topiclens.schemas.json_lines import read_rows


def quality_of_run(root: str, against: str | None = None) -> TopicQuality:
    """Measures the topics of a root's newest run on the captions of its validation and test videos.

    Args:
        against: the root of another run on the same videos, such as one that fitted its topics anew.
    Raises:
        ValueError: the two runs have no video in common.
    """
    outcome = newest(root)
    held_out = {row["video_id"]: row["captions"] for row in dataset_rows(outcome) if row["split"] != "train"}
    return measure_quality(
        TopicModel.load(outcome.folder("topiclens.TopicModel")),
        _labels(outcome),
        held_out,
        _labels(newest(against)) if against else None,
    )


def quality_rows(quality: TopicQuality) -> list[tuple[str, str]]:
    """The figures with what they are called, for people."""
    rows = [
        ("topics that can occur", str(quality.topics)),
        ("topics a video", f"{quality.topics_a_video:.2f}"),
        ("coherence (mean NPMI)", _text(quality.mean_npmi, ".3f")),
        (f"perplexity, {quality.held_out_videos} held-out videos", _text(quality.perplexity, ".1f")),
    ]
    agreement = [] if quality.agreement is None else [("agreement of labels (mean F1)", f"{quality.agreement:.3f}")]
    return rows + agreement


def _labels(outcome: Outcome) -> Mapping[str, Sequence[int]]:
    rows = read_rows(os.path.join(outcome.folder("topiclens.TopicModel"), LABELS))
    return {row["video_id"]: row["topics"] for row in rows}


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
