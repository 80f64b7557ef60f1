"""What each step of the DAG is told of the settings. What is not here is told one section as it is."""

import dataclasses
from collections.abc import Mapping, Sequence

from topiclens.components.features.settings import ExtractionConfig
from topiclens.components.neurons.settings import NamingConfig, NeuronEvaluationConfig
from topiclens.components.refinement.settings import RefineConfig
from topiclens.components.relevance.settings import ExplanationConfig
from topiclens.components.topics.settings import SamplerSettings, TopicModellingConfig
from topiclens.components.training.settings import TrainerConfig
from topiclens.components.videos.settings import IngestConfig
from topiclens.pipeline.settings import Settings
from topiclens.schemas.plain import from_plain


def ingest(settings: Settings) -> IngestConfig:
    """For VideoIngest."""
    return IngestConfig(settings.data, settings.limits)


def feature_extraction(settings: Settings, cache_dir: str | None) -> ExtractionConfig:
    """For FeatureExtraction."""
    features = settings.features
    return ExtractionConfig(
        backbone=features.backbone,
        weights=features.weights,
        sampling=settings.sampling(),
        videos_per_shard=features.videos_per_shard,
        batch_size=features.batch_size,
        limits=settings.limits,
        max_rejected_fraction=settings.data.max_rejected_fraction,
        cache_dir=cache_dir,
    )


def topic_modelling(settings: Settings, governance: Mapping | None, previous: str | None) -> TopicModellingConfig:
    """For TopicModelling, with people's decisions that change labels and the folder of the earlier model."""
    sampler = from_plain(SamplerSettings, vars(settings.topics))
    return TopicModellingConfig(sampler, settings.run.seed, governance or {}, previous)


def trainer(settings: Settings, work_dir: str, cache_dir: str | None) -> TrainerConfig:
    """For TFX's Trainer."""
    return TrainerConfig(
        model=settings.model,
        training=settings.training_config(),
        decoding=settings.decoding,
        backbone=None if settings.features.backbone == "none" else settings.features.backbone,
        weights=settings.features.weights,
        sampling=settings.sampling(),
        work_dir=work_dir,
        cache_dir=cache_dir,
    )


def naming(settings: Settings, cache_dir: str | None) -> NamingConfig:
    """For NeuronNaming."""
    return NamingConfig(settings.neurons.naming, settings.refinement.neurons, cache_dir)


def neuron_evaluation(settings: Settings) -> NeuronEvaluationConfig:
    """For NeuronEvaluator."""
    return NeuronEvaluationConfig(settings.neurons, settings.evaluation.split, settings.run.seed)


def refinement(settings: Settings, corrections: Sequence[Mapping], cache_dir: str | None) -> RefineConfig:
    """For Refine. Where the ledger is stays here."""
    return RefineConfig(dataclasses.replace(settings.refinement, ledger=None), tuple(corrections), cache_dir)


def explanations(settings: Settings) -> ExplanationConfig:
    """For ExplanationReport."""
    return ExplanationConfig(settings.explanations.videos, settings.evaluation.split, settings.limits)
