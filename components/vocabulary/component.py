"""The vocabulary as a TFX component."""

import os

import apache_beam as beam
from tfx import v1 as tfx
from tfx.types.standard_artifacts import TransformGraph

from topiclens.components.common.artifacts import DatasetArtifact, TopicModelArtifact
from topiclens.components.common.read_rows import read_rows
from topiclens.components.topics.model import TopicModel
from topiclens.components.vocabulary.transform import CountWords
from topiclens.schemas.files import readable, write_json, write_text
from topiclens.schemas.plain import from_json
from topiclens.trainer.settings import VocabularySettings
from topiclens.trainer.vocabulary import Vocabulary as Words

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def Vocabulary(
    dataset: _dsl.InputArtifact[DatasetArtifact],
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    vocabulary: _dsl.OutputArtifact[TransformGraph],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Writes ``vocabulary.txt``, the words that training captions hold at least ``min_count`` times, and
    ``topic_words.json``, the words of each topic (`TopicModel.word_lifts`).

    It is a TransformGraph, the only input of TFX's Trainer for what was learnt before training.
    """
    min_count = from_json(VocabularySettings, config_json, "Vocabulary").min_count
    path = os.path.join(vocabulary.uri, "vocabulary.txt")
    with beam_pipeline as p:
        (
            p
            | read_rows(os.path.join(dataset.uri, "videos.jsonl"))
            | CountWords()
            | beam.combiners.ToDict()
            | beam.Map(lambda counts: write_text(path, Words.from_counts(counts, min_count).to_text()))
        )
    with readable(topic_model.uri) as folder:
        write_json(os.path.join(vocabulary.uri, "topic_words.json"), TopicModel.load(folder).word_lifts())
