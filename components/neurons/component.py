"""PDM as a TFX component."""

import apache_beam as beam
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils import path_utils

from components import staging
from components.artifacts import NeuronLinks, TopicModel
from components.neurons.links import link
from components.neurons.transform import TallyNeurons
from components.topics.model import TopicModel as Topics
from schemas.records import files_of

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def NeuronNaming(
    model: _dsl.InputArtifact[Model],
    examples: _dsl.InputArtifact[Examples],
    topic_model: _dsl.InputArtifact[TopicModel],
    links: _dsl.OutputArtifact[NeuronLinks],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Names each neuron of the encoder by a topic, on the training videos."""
    files = files_of(artifact_utils.get_split_uri([examples], "train"))
    with staging.readable(topic_model.uri) as folder:
        topics = Topics.load(folder).topics
    with beam_pipeline as p:
        (
            p
            | beam.Create(files)
            | beam.Reshuffle()
            | beam.io.ReadAllFromTFRecord()
            | TallyNeurons(path_utils.serving_model_path(model.uri))
            | beam.Map(lambda tally, uri: link(tally, topics).save(uri), links.uri)
        )
