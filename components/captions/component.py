"""The evaluation of captions as a TFX component."""

import os

import tensorflow as tf
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing
from tfx.utils import path_utils

from topiclens.components.captions import report
from topiclens.components.captions.blessing import bless
from topiclens.components.captions.generate import evaluate_examples
from topiclens.components.captions.settings import EvaluationSettings
from topiclens.components.common.artifacts import CaptionMetricsArtifact, TopicModelArtifact
from topiclens.components.common.blessing import mark, write_blessing
from topiclens.components.topics.model import TopicModel
from topiclens.schemas.files import read_json, read_text, readable, writable, write_text
from topiclens.schemas.plain import from_json

_dsl = tfx.dsl.components


@_dsl.component
def CaptionEvaluator(
    model: _dsl.InputArtifact[Model],
    examples: _dsl.InputArtifact[Examples],
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    metrics: _dsl.OutputArtifact[CaptionMetricsArtifact],
    blessing: _dsl.OutputArtifact[ModelBlessing],
    baseline_dir: _dsl.Parameter[str],
    config_json: _dsl.Parameter[str],
):
    """Judges the exported model's captions, and blesses it or says why not.

    ``baseline_dir`` keeps the figures of the last blessed model, against which a fall is measured.
    """
    settings = from_json(EvaluationSettings, config_json, "CaptionEvaluator")
    asked, present = (settings.split, *settings.report_splits), artifact_utils.decode_split_names(examples.split_names)
    judged = [split for split in dict.fromkeys(asked) if split in present]
    with (
        readable(topic_model.uri) as topics,
        writable(metrics.uri) as metrics_folder,
        writable(blessing.uri) as blessing_folder,
    ):
        evaluations = evaluate_examples(
            path_utils.serving_model_path(model.uri),
            {split: artifact_utils.get_split_uri([examples], split) for split in judged},
            topic_names={topic.id: topic.name for topic in TopicModel.load(topics).topics},
        )
        report.write_report(metrics_folder, evaluations)
        baseline = os.path.join(baseline_dir, report.METRICS_FILE)
        previous = read_json(baseline)["splits"] if tf.io.gfile.exists(baseline) else None
        verdict = bless(report.read_figures(metrics_folder), settings, split=settings.split, previous=previous)
        write_blessing(blessing_folder, verdict)
    if verdict.blessed:
        write_text(baseline, read_text(os.path.join(metrics.uri, report.METRICS_FILE)))
    mark(blessing, verdict)
