"""Training as a step of the pipeline: what TFX's Trainer calls. Here the trainer meets the components it is given."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import tensorflow as tf

from topiclens.components.captions.evaluator import EpochScores
from topiclens.components.features.backbones import registry
from topiclens.components.neurons.links import name_neurons
from topiclens.components.training.settings import TrainerConfig
from topiclens.schemas import records
from topiclens.schemas.files import copy_tree, is_remote, read_json, writable
from topiclens.schemas.plain import ConfigError, from_json
from topiclens.trainer.export import export
from topiclens.trainer.exported import EXTRA
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.training import train
from topiclens.trainer.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tfx.components import FnArgs

VOCABULARY_FILE, TOPIC_WORDS_FILE = "vocabulary.txt", "topic_words.json"


def run_fn(fn_args: FnArgs) -> None:
    """Trains, and exports the best epoch.

    Args:
        fn_args: `train_files` and `eval_files`; `transform_graph_path`, a folder with vocabulary.txt and
            topic_words.json; `base_model`, an exported model to start from, or None; `serving_model_dir` and
            `model_run_dir`, where the SavedModel and the TensorBoard logs go; and `custom_config`, whose `config_json`
            is a TrainerConfig.
    """
    custom = fn_args.custom_config or {}
    if "config_json" not in custom:
        raise ConfigError(f"The Trainer's custom_config is {custom!r}; expected a dict with the key 'config_json'.")
    config = from_json(TrainerConfig, custom["config_json"], "the Trainer")
    first = _first_record(fn_args.train_files)
    features = {
        "backbone": config.backbone, "weights": config.weights, "dim": first.frames.shape[1],
        **config.sampling.to_json(),
    }  # fmt: skip
    vocabulary = Vocabulary.load(os.path.join(fn_args.transform_graph_path, VOCABULARY_FILE))
    with tempfile.TemporaryDirectory() as scratch:
        result = train(
            fn_args.train_files,
            fn_args.eval_files,
            vocabulary=vocabulary,
            model=CaptionerConfig(
                vocabulary_size=len(vocabulary),
                feature_dim=first.frames.shape[1],
                n_topics=len(first.topics),
                **asdict(config.model),
            ),
            training=config.training,
            work_dir=config.work_dir,
            folder_per_run=True,
            score_captions=EpochScores(),
            name_neurons=name_neurons,
            topic_words=read_json(os.path.join(fn_args.transform_graph_path, TOPIC_WORDS_FILE)),
            init_from=_exported(fn_args.base_model, scratch),
        )
        summary = {
            "settings": asdict(config.training),
            "best_epoch": result.best_epoch,
            "figures": result.history[result.best_epoch - 1],
            "finished": result.finished,
        }
        copy_tree(result.log_dir, fn_args.model_run_dir)
        with writable(fn_args.serving_model_dir) as directory:
            export(
                result.captioner,
                vocabulary,
                directory,
                features=features,
                backbone=registry.of_features(features, config.cache_dir),
                extra={"training": summary},
                **asdict(config.decoding),
            )


def _first_record(patterns: Sequence[str]) -> records.VideoRecord:
    """A record of training; the check of the records saw that all have its sizes."""
    return next(records.read([file for pattern in patterns for file in records.files_of(pattern)]))


def _exported(base_model: str | None, scratch: str) -> str | None:
    """The folder of an export as a local path.

    TFX names the SavedModel's folder within a Model artifact; a version that was pushed is that folder itself.
    """
    if not base_model:
        return None
    folders = base_model, os.path.dirname(base_model)
    found = next((path for path in folders if tf.io.gfile.isdir(os.path.join(path, EXTRA))), None)
    if found is None:
        raise ValueError(f"{base_model} holds no {EXTRA}; expected a model that this pipeline exported.")
    if not is_remote(found):
        return found
    local = os.path.join(scratch, "base_model")
    copy_tree(os.path.join(found, EXTRA), os.path.join(local, EXTRA))
    return local
