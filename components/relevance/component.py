"""The report of explanations as a TFX component."""

import logging
import os

from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils import path_utils

from topiclens.components import atlas
from topiclens.components.captions.report import CAPTIONS_FILE
from topiclens.components.common.artifacts import (
    CaptionMetricsArtifact,
    DatasetArtifact,
    ExplanationsArtifact,
    NeuronFiguresArtifact,
    NeuronLinksArtifact,
)
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.relevance.reading import ModelReader
from topiclens.components.relevance.report import choose, write_report
from topiclens.components.relevance.settings import ExplanationConfig
from topiclens.schemas import records
from topiclens.schemas.files import readable
from topiclens.schemas.json_lines import read_rows
from topiclens.schemas.plain import from_json

_dsl = tfx.dsl.components
_log = logging.getLogger(__name__)


@_dsl.component
def ExplanationReport(
    model: _dsl.InputArtifact[Model],
    dataset: _dsl.InputArtifact[DatasetArtifact],
    examples: _dsl.InputArtifact[Examples],
    metrics: _dsl.InputArtifact[CaptionMetricsArtifact],
    explanations: _dsl.OutputArtifact[ExplanationsArtifact],
    config_json: _dsl.Parameter[str],
    links: _dsl.InputArtifact[NeuronLinksArtifact] = None,
    figures: _dsl.InputArtifact[NeuronFiguresArtifact] = None,
):
    """Explains some held-out videos, a page each, evenly from the best judged caption to the worst.

    ``links`` names the neurons, and ``figures`` have their atlas; there are none where the model learnt no topics.
    """
    config = from_json(ExplanationConfig, config_json, "ExplanationReport")
    split = config.split
    rows = {
        row["video_id"]: row for row in read_rows(os.path.join(dataset.uri, "videos.jsonl")) if row["split"] == split
    }
    scores = {
        row["video_id"]: row["scores"].get("CIDEr", 0.0)
        for row in read_rows(os.path.join(metrics.uri, CAPTIONS_FILE))
        if row["split"] == split
    }
    chosen = choose(scores or dict.fromkeys(rows, 0.0), config.videos)  # a split may not be judged
    files = records.files_of(artifact_utils.get_split_uri([examples], split)) if chosen else []
    with readable(path_utils.serving_model_path(model.uri)) as folder:
        reader = ModelReader(folder)
    index = write_report(
        explanations.uri,
        f"Captions of {split}, {'from the best to the worst' if scores else 'explained'}",
        [rows[video_id] for video_id in chosen],
        {record.video_id: record for record in records.read(files, only=chosen)},
        reader,
        links=TopicLinks.load(links.uri) if links else None,
        scores=scores,
        limits=config.limits,
        # Both lie below one root, so that the way from one to the other stays where the root is moved.
        atlas=os.path.relpath(os.path.join(figures.uri, atlas.FOLDER), explanations.uri) if figures else None,
    )
    _log.info("explanations: %d videos of %s, %s", len(chosen), split, index)
