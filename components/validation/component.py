"""The check of the records as a TFX component."""

import json
import os
from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies, Examples

from topiclens.components.common.artifacts import ExamplesReportArtifact
from topiclens.components.validation.check import demand_sound, problems_of
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas import records
from topiclens.schemas.files import read_bytes, write_json
from topiclens.schemas.json_lines import read_rows
from topiclens.schemas.plain import from_json

_dsl = tfx.dsl.components


def anomalies_of(uri: str) -> dict[str, str]:
    """What ExampleValidator found: {"split/feature": description}."""
    found = {}
    for path in sorted(tf.io.gfile.glob(os.path.join(uri, "Split-*", "SchemaDiff.pb"))):
        split = os.path.basename(os.path.dirname(path)).removeprefix("Split-")
        for feature, info in anomalies_pb2.Anomalies.FromString(read_bytes(path)).anomaly_info.items():
            found[f"{split}/{feature}"] = info.description
    return found


def _sizes(files: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """The width of a feature and the number of topics of the first record, which all others must have too."""
    first = next(records.read([path for _, path in files]), None)
    return (0, 0) if first is None else (first.frames.shape[1], len(first.topics))


def _problem_lines(file, feature_dim, n_topics, max_frames):
    """What is wrong with the records of one file, (split, path): a line of JSON each."""
    split, path = file
    for record in records.read([path]):
        for problem in problems_of(record, split, feature_dim, n_topics, max_frames):
            yield json.dumps({"video_id": record.video_id, "problem": problem})


@_dsl.component(use_beam=True)
def ExamplesCheck(
    examples: _dsl.InputArtifact[Examples],
    anomalies: _dsl.InputArtifact[ExampleAnomalies],
    report: _dsl.OutputArtifact[ExamplesReportArtifact],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Stops the run, naming the videos, if a record or its statistics do not follow the schema."""
    sampling = from_json(Sampling, config_json, "ExamplesCheck")
    files = [
        (split, path)
        for split in artifact_utils.decode_split_names(examples.split_names)
        for path in records.files_of(artifact_utils.get_split_uri([examples], split))
    ]
    found = os.path.join(report.uri, "problems")
    with beam_pipeline as p:
        (
            p
            | beam.Create(files)
            | beam.Reshuffle()
            | beam.FlatMap(_problem_lines, *_sizes(files), sampling.n_frames)
            | beam.io.WriteToText(found, num_shards=1, shard_name_template="", file_name_suffix=".jsonl")
        )
    problems = [(row["video_id"], row["problem"]) for row in read_rows(f"{found}.jsonl")]
    against_schema = anomalies_of(anomalies.uri)
    summary = {"anomalies": against_schema, "videos_with_problems": len({video_id for video_id, _ in problems})}
    write_json(os.path.join(report.uri, "report.json"), summary)
    demand_sound(problems, against_schema)
