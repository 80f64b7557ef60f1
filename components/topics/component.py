"""The topics as a TFX component."""

import json
import os

import apache_beam as beam
from tfx import v1 as tfx

from topiclens.components.common.artifacts import DatasetArtifact, TopicModelArtifact
from topiclens.components.common.read_rows import read_rows
from topiclens.components.topics.apply_governance import write_renamed
from topiclens.components.topics.governance import Governance
from topiclens.components.topics.settings import TopicModellingConfig
from topiclens.components.topics.transform import ModelTopics
from topiclens.components.videos import ingest
from topiclens.schemas.files import readable, writable
from topiclens.schemas.plain import from_json

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def TopicModelling(
    dataset: _dsl.InputArtifact[DatasetArtifact],
    topic_model: _dsl.OutputArtifact[TopicModelArtifact],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Finds topics in the captions of training videos, texts without a clip among them, and labels every video."""
    config = from_json(TopicModellingConfig, config_json, "TopicModelling")
    with beam_pipeline as p:
        rows = [
            p | name >> read_rows(os.path.join(dataset.uri, name)) for name in (ingest.VIDEOS, ingest.TEXTS)
        ] | beam.Flatten()
        _ = rows | ModelTopics(topic_model.uri, config)


@_dsl.component
def TopicNaming(
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    named_topics: _dsl.OutputArtifact[TopicModelArtifact],
    governance_json: _dsl.Parameter[str],
):
    """Gives topics the names that people chose. It is a step of its own so that a name never trains a model anew."""
    with readable(topic_model.uri) as source, writable(named_topics.uri) as folder:
        write_renamed(source, folder, Governance.from_json(json.loads(governance_json)))
