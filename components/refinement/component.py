"""Refinement as a TFX component."""

import logging
import os
from collections.abc import Sequence

from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing
from tfx.utils import path_utils

from topiclens.components.common.artifacts import DatasetArtifact, NeuronLinksArtifact, TopicModelArtifact
from topiclens.components.common.blessing import Blessing, mark, read_blessing, write_blessing
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement.refine import Evidence, refine
from topiclens.components.refinement.settings import RefineConfig
from topiclens.components.relevance.report import film_of
from topiclens.components.topics.model import TopicModel
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas import records
from topiclens.schemas.corrections import Correction
from topiclens.schemas.files import readable, writable
from topiclens.schemas.json_lines import read_rows
from topiclens.schemas.plain import from_json, from_plain
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.exported import read_meta

_dsl = tfx.dsl.components
_log = logging.getLogger(__name__)


@_dsl.component
def Refine(
    model: _dsl.InputArtifact[Model],
    dataset: _dsl.InputArtifact[DatasetArtifact],
    examples: _dsl.InputArtifact[Examples],
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    links: _dsl.InputArtifact[NeuronLinksArtifact],
    model_blessing: _dsl.InputArtifact[ModelBlessing],
    refined_model: _dsl.OutputArtifact[Model],
    blessing: _dsl.OutputArtifact[ModelBlessing],
    config_json: _dsl.Parameter[str],
):
    """Teaches the model what people corrected, and blesses it if it was blessed and lost nothing by that.

    Without corrections, or if the model itself is not blessed, ``refined_model`` is the model, byte for byte.
    Corrections of files outside the dataset (`topiclens refine` has their features) and of changed videos are left out.
    """
    config = from_json(RefineConfig, config_json, "Refine")
    with readable(model_blessing.uri) as folder:
        given = read_blessing(folder)
    corrections = [from_plain(Correction, row) for row in config.corrections] if given.blessed else []
    corrections = _of_the_dataset(corrections, dataset.uri)
    ids, splits = {one.video_id for one in corrections}, {"train": [], "val": [], "test": []}
    for split in artifact_utils.decode_split_names(examples.split_names) if corrections else ():
        files = records.files_of(artifact_utils.get_split_uri([examples], split))
        splits[split] = list(records.read(files, only=ids if split == "test" else None))
    with readable(topic_model.uri) as folder:
        topics = TopicModel.load(folder).topics
    videos = [video for videos in splits.values() for video in videos]
    with (
        readable(path_utils.serving_model_path(model.uri)) as parent,
        writable(refined_model.uri) as refined,
    ):
        corrected = _timed(videos, corrections, dataset.uri, parent)
        evidence = Evidence(splits["train"], splits["val"], topics, TopicLinks.load(links.uri), corrected=corrected)
        verdict = refine(
            parent, path_utils.serving_model_path(refined), corrections, evidence, config.refinement,
            cache_dir=config.cache_dir,
        )  # fmt: skip
    found = Blessing(given.split, (*given.reasons, *verdict.all_reasons))
    with writable(blessing.uri) as folder:
        write_blessing(folder, found)
    mark(blessing, found)


def _timed(videos: list[VideoRecord], corrections: Sequence[Correction], uri: str, parent: str) -> list[VideoRecord]:
    """The videos; those of which a stretch was corrected know when their frames are shown."""
    stretched = {one.video_id for one in corrections if one.stretch is not None}
    if not stretched:
        return videos
    rows = {row["video_id"]: row for row in read_rows(os.path.join(uri, "videos.jsonl"))}
    sampling = Sampling.of(read_meta(parent)["features"])

    def seen(video: VideoRecord) -> VideoRecord:
        return video.timed(film_of(rows[video.video_id], sampling, len(video.frames)).seconds)

    return [seen(video) if video.video_id in stretched else video for video in videos]


def _of_the_dataset(corrections: Sequence[Correction], uri: str) -> list[Correction]:
    """Those that were said of a video of the dataset as it is now; the others are named in the log."""
    rows = read_rows(os.path.join(uri, "videos.jsonl")) if corrections else ()
    contents = {row["video_id"]: row["content"] for row in rows}
    if elsewhere := [one.id for one in corrections if contents.get(one.video_id) != one.content]:
        _log.warning(
            "Of no video of the dataset as it is, and so not taught by the run: corrections %s.", ", ".join(elsewhere)
        )
    return [one for one in corrections if one.id not in elsewhere]
