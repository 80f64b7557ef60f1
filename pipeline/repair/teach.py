"""A refinement of a run's model, with the run's own videos, topics and links to teach and to judge it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from topiclens.components.refinement import refine as refining
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.model import TopicModel
from topiclens.pipeline import run_metadata
from topiclens.pipeline.repair.local_model import load_kept_features, load_version_links
from topiclens.pipeline.settings import cache_folder
from topiclens.pipeline.stored import split_videos, stored_videos
from topiclens.schemas.corrections import Correction
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.verdicts import Verdict
from topiclens.trainer.exported import read_meta


def teach(
    root: str,
    parent: str,
    output: str,
    batch: Sequence[Correction],
    live: Sequence[Correction],
    settings: RefinementSettings | None = None,
    progress: Progress = no_progress,
) -> Verdict:
    """Teaches corrections to an export of a run; a `topiclens.pipeline.repair.refinements.Teacher`.

    Raises:
        RefinementError: the newest run has other topics than the parent.
        NothingThere: the run has no validation videos or no topics.
    """
    outcome = run_metadata.newest(root)
    topics, links = TopicModel.load(outcome.folder("topiclens.TopicModel")).topics, load_version_links(root, parent)
    if len(topics) != len(links.topics):
        raise refining.RefinementError(
            f"The model that is to learn has {len(links.topics)} topics, and the newest run {len(topics)}: it was "
            "trained on others. Let a model of that run be pushed, and say of its captions what they miss."
        )
    evidence = refining.Evidence(
        train=split_videos(outcome, "train"),
        val=split_videos(outcome, "val"),
        topics=topics,
        links=links,
        live=live,
        corrected=_corrected(outcome, read_meta(parent)["features"], [*batch, *live], len(topics)),
    )
    return refining.refine(
        parent, output, batch, evidence, settings or RefinementSettings(), progress, cache_dir=cache_folder()
    )


def _corrected(
    outcome: run_metadata.Outcome, features: Mapping, corrections: Sequence[Correction], n_topics: int
) -> list[VideoRecord]:
    """The corrected videos, of whatever split, and the corrected files; one whose content has changed is left out, and
    so is a file whose features were made otherwise than those that the parent reads.
    """
    rows, stored = stored_videos(outcome, {correction.video_id for correction in corrections})
    found = {}
    for correction in corrections:
        video_id = correction.video_id
        if video_id in stored and rows[video_id]["content"] == correction.content:
            found[video_id] = stored[video_id]
        elif (frames := load_kept_features(outcome.root, correction.content, features)) is not None:
            found[video_id] = VideoRecord(video_id, "test", frames, (), np.zeros(n_topics, np.int64))
    return list(found.values())
