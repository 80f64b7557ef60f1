"""Frame features as a TFX component."""

import os

import apache_beam as beam
from tfx import v1 as tfx

from topiclens.components.common.artifacts import DatasetArtifact, FrameFeaturesArtifact
from topiclens.components.features import store
from topiclens.components.features.settings import ExtractionConfig
from topiclens.components.features.transform import ExtractFeatures
from topiclens.components.videos import ingest
from topiclens.schemas.plain import from_json

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def FeatureExtraction(
    dataset: _dsl.InputArtifact[DatasetArtifact],
    features: _dsl.OutputArtifact[FrameFeaturesArtifact],
    store_dir: _dsl.Parameter[str],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Computes the shards of frame features that ``store_dir`` does not hold yet, and indexes all of them."""
    config = from_json(ExtractionConfig, config_json, "FeatureExtraction")
    videos = os.path.join(dataset.uri, ingest.VIDEOS)
    with beam_pipeline as p:
        _ = p | ExtractFeatures(videos, features.uri, store_dir, config)
    store.demand_enough(features.uri, config.max_rejected_fraction)
