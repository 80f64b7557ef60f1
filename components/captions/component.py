"""The judge of captions as a TFX component."""

import json
import os

import tensorflow as tf
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing
from tfx.utils import path_utils

from components import staging
from components.artifacts import CaptionMetrics, TopicModel
from components.blessing import mark, write_blessing
from components.captions import blessing as blessings
from components.captions import report
from components.captions.examine import examine
from components.topics.model import TopicModel as Topics

_dsl = tfx.dsl.components


@_dsl.component
def CaptionJudge(
    model: _dsl.InputArtifact[Model],
    examples: _dsl.InputArtifact[Examples],
    topic_model: _dsl.InputArtifact[TopicModel],
    metrics: _dsl.OutputArtifact[CaptionMetrics],
    blessing: _dsl.OutputArtifact[ModelBlessing],
    baseline_dir: _dsl.Parameter[str],
    config_json: _dsl.Parameter[str],
):
    """Judges the exported model's captions, and blesses it or says why not.

    ``baseline_dir`` keeps the figures of the last blessed model, against which
    a fall is measured.
    """
    config = json.loads(config_json)
    judged = [split for split in config["splits"] if split in artifact_utils.decode_split_names(examples.split_names)]
    thresholds = blessings.Thresholds(config["minimum"], config["max_drop"], config["allow_unmeasured"])
    with (
        staging.readable(topic_model.uri) as topics,
        staging.writable(metrics.uri) as metrics_folder,
        staging.writable(blessing.uri) as blessing_folder,
    ):
        judgements = examine(
            path_utils.serving_model_path(model.uri),
            {split: artifact_utils.get_split_uri([examples], split) for split in judged},
            topic_names={topic.id: topic.name for topic in Topics.load(topics).topics},
        )
        report.write_report(metrics_folder, judgements, examples=config["examples"])
        baseline = os.path.join(baseline_dir, report.METRICS_FILE)
        previous = json.loads(staging.read_text(baseline))["splits"] if tf.io.gfile.exists(baseline) else None
        verdict = blessings.bless(
            report.read_figures(metrics_folder), thresholds, split=config["decisive_split"], previous=previous
        )
        write_blessing(blessing_folder, verdict)
    if verdict.blessed:
        staging.write_text(baseline, staging.read_text(os.path.join(metrics.uri, report.METRICS_FILE)))
    mark(blessing, verdict)
