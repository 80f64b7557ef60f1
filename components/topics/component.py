"""The topics as a TFX component."""

import json
import os

import apache_beam as beam
from tfx import v1 as tfx

from components import staging
from components.artifacts import Dataset, TopicModel
from components.jsonl import ReadRows
from components.topics.governance import Governance
from components.topics.governed import write_renamed
from components.topics.transform import ModelTopics
from components.videos import ingest

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def TopicModelling(
    dataset: _dsl.InputArtifact[Dataset],
    topic_model: _dsl.OutputArtifact[TopicModel],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Finds topics in the captions of training videos, texts without a clip among them, and labels every video."""
    with beam_pipeline as p:
        rows = [
            p | name >> ReadRows(os.path.join(dataset.uri, name)) for name in (ingest.VIDEOS, ingest.TEXTS)
        ] | beam.Flatten()
        _ = rows | ModelTopics(topic_model.uri, **json.loads(config_json))


@_dsl.component
def TopicNaming(
    topic_model: _dsl.InputArtifact[TopicModel],
    named_topics: _dsl.OutputArtifact[TopicModel],
    governance_json: _dsl.Parameter[str],
):
    """Gives topics the names that people chose. It is a step of its own so that a name never trains a model anew."""
    with staging.readable(topic_model.uri) as source, staging.writable(named_topics.uri) as folder:
        write_renamed(source, folder, Governance.from_json(json.loads(governance_json)))
