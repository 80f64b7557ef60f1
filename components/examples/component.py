"""The join of features, captions and topics as a TFX component."""

import os

import apache_beam as beam
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from topiclens.components.common.artifacts import DatasetArtifact, FrameFeaturesArtifact, TopicModelArtifact
from topiclens.components.common.read_rows import read_rows
from topiclens.components.examples.transform import WriteRecords
from topiclens.components.features.transform import ReadFeatures
from topiclens.components.topics.model import TABLE
from topiclens.schemas.features import SPLITS
from topiclens.schemas.files import read_json

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def ExamplesJoin(
    dataset: _dsl.InputArtifact[DatasetArtifact],
    features: _dsl.InputArtifact[FrameFeaturesArtifact],
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    examples: _dsl.OutputArtifact[Examples],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Writes one SequenceExample a video, gzip TFRecords by split.

    The topic vector is as long as the topics' table, which has more topics than were sampled if some kept earlier ids.
    """
    n_topics = len(read_json(os.path.join(topic_model.uri, TABLE))["topics"])
    summary = read_json(os.path.join(dataset.uri, "summary.json"))
    videos = summary["videos_by_split"]
    with beam_pipeline as p:
        (
            {
                "rows": p | "Rows" >> read_rows(os.path.join(dataset.uri, "videos.jsonl")),
                "features": p | "Features" >> ReadFeatures(features.uri),
                "labels": p
                | "Labels" >> read_rows(os.path.join(topic_model.uri, "labels.jsonl"))
                | beam.Map(lambda row: (row["video_id"], row["topics"])),
            }
            | WriteRecords(examples.uri, n_topics=n_topics, videos=sum(videos.values()))
        )
    examples.split_names = artifact_utils.encode_split_names([split for split in SPLITS if videos.get(split)])
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
