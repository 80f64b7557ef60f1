"""Ingest, and the captions that people wrote, as TFX components."""

import json
import logging
import os

import apache_beam as beam
from tfx import v1 as tfx

from topiclens.components.common.artifacts import DatasetArtifact
from topiclens.components.videos import ingest
from topiclens.components.videos.importers import manifest_of
from topiclens.components.videos.settings import IngestConfig
from topiclens.components.videos.transform import IngestVideos
from topiclens.components.videos.written import add_written
from topiclens.schemas.files import readable, writable
from topiclens.schemas.plain import from_json

_dsl = tfx.dsl.components
_log = logging.getLogger(__name__)


@_dsl.component(use_beam=True)
def VideoIngest(
    dataset: _dsl.OutputArtifact[DatasetArtifact],
    data: _dsl.Parameter[str],
    content: _dsl.Parameter[str],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Turns the folder ``data`` into accepted rows; what cannot be used is set aside with its reason.

    ``content`` changes with the folder's files: a changed dataset is ingested anew, an unchanged one is not.
    """
    del content
    config = from_json(IngestConfig, config_json, "VideoIngest")
    how = config.data
    with writable(dataset.uri) as folder:
        manifest = manifest_of(
            data, os.path.join(folder, "manifest.jsonl"), layout=how.layout, captions_only=how.captions_only
        )
        with beam_pipeline as p:
            _ = p | IngestVideos(str(manifest), data, folder, limits=config.limits, held_out=how.held_out)
        with open(os.path.join(folder, ingest.SUMMARY), encoding="utf-8") as file:
            summary = json.load(file)
    _log.info("ingest: %s", ingest.describe(summary))
    ingest.demand_enough(summary, how.max_rejected_fraction)


@_dsl.component
def CaptionsJoin(
    dataset: _dsl.InputArtifact[DatasetArtifact],
    described: _dsl.OutputArtifact[DatasetArtifact],
    written_json: _dsl.Parameter[str],
):
    """Takes captions that people wrote among those of training videos. It is a step of its own so that a caption never
    reads the films again."""
    written = json.loads(written_json)
    with readable(dataset.uri) as source, writable(described.uri) as folder:
        added = add_written(source, folder, written)
    _log.info("captions that people wrote: %d of %d join the training captions", added, len(written))
