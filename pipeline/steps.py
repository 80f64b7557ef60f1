"""What each step of the DAG is told of the settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from topiclens.pipeline.settings import Settings


def json_of(settings: Settings, step: str, **more) -> str:
    """The settings that one step of the DAG reads, as JSON: the form that survives every orchestrator.

    Args:
        step: one of STEPS.
        more: places and the like, added as they are.
    """
    return json.dumps({**STEPS[step](settings), **more}, sort_keys=True)


def _ingest(settings: Settings) -> dict:
    return {
        **asdict(settings.data),
        "feature_dim": settings.features.feature_dim,
        "limits": asdict(settings.limits),
    }


def _feature_extraction(settings: Settings) -> dict:
    features, sampling = asdict(settings.features), settings.sampling_config().to_json()
    return {
        **{name: value for name, value in features.items() if name not in sampling},
        "sampling": sampling,
        "feature_dim": settings.feature_dim,
        "limits": asdict(settings.limits),
        "max_rejected_fraction": settings.data.max_rejected_fraction,
    }


def _topic_modelling(settings: Settings) -> dict:
    elsewhere = ("governance", "previous")  # files, whose content the step is told
    sampling = {name: value for name, value in asdict(settings.topics).items() if name not in elsewhere}
    return {**sampling, "seed": settings.run.seed}


def _examples_check(settings: Settings) -> dict:
    return {
        "feature_dim": settings.feature_dim,
        "n_topics": settings.topics.n_topics,
        "max_frames": settings.features.n_frames,
    }


def _trainer(settings: Settings) -> dict:
    return {
        "model": {**asdict(settings.model), "n_topics": settings.topics.n_topics},
        "training": asdict(settings.training_config()),
        "decoding": asdict(settings.decoding),
        "features": {
            "backbone": None if settings.features.backbone == "none" else settings.features.backbone,
            "weights": settings.features.weights,
            **settings.sampling_config().to_json(),
            "dim": settings.feature_dim,
        },
    }


def _judge(settings: Settings) -> dict:
    return asdict(settings.judge)


def _naming(settings: Settings) -> dict:
    return {"neurons": settings.refinement.neurons, "relative": settings.refinement.relative}


def _neurons(settings: Settings) -> dict:
    return {**asdict(settings.neurons), "seed": settings.run.seed}


def _refinement(settings: Settings) -> dict:
    return settings.refinement.told()


def _explanations(settings: Settings) -> dict:
    return {**asdict(settings.explanations), "limits": asdict(settings.limits)}


STEPS: dict[str, Callable[[Settings], dict]] = {
    "ingest": _ingest,
    "feature_extraction": _feature_extraction,
    "topic_modelling": _topic_modelling,
    "examples_check": _examples_check,
    "trainer": _trainer,
    "judge": _judge,
    "naming": _naming,
    "neurons": _neurons,
    "refinement": _refinement,
    "explanations": _explanations,
}
