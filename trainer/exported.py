"""What an exported captioner tells of itself, read without building it: neither Keras nor TensorFlow is needed."""

import dataclasses
import os

import numpy as np

from topiclens.schemas.files import read_json
from topiclens.trainer.settings import MLP, CaptionerConfig

FORMAT = 1
EXTRA = "assets.extra"
JSON_FILE, WEIGHTS_FILE, ENHANCEMENT_FILE = "captioner.json", "captioner.weights.h5", "enhancement.npy"


class ExportError(RuntimeError):
    """A model that cannot be exported or an export that cannot be read, with the reason."""


def read_meta(directory: str | os.PathLike) -> dict:
    """The content of an export's captioner.json; ExportError where there is none, or one of another format."""
    path = os.path.join(os.fspath(directory), EXTRA, JSON_FILE)
    if not os.path.exists(path):
        raise ExportError(
            f"{os.fspath(directory)} holds no {EXTRA}/{JSON_FILE}; expected a folder that `topiclens run` "
            "exported, such as a pushed version of the model."
        )
    meta = read_json(path)
    if meta.get("format") != FORMAT:
        raise ExportError(f"{path} has format {meta.get('format')}; this program reads {FORMAT}. Export it again.")
    return meta


def read_config(directory: str | os.PathLike) -> CaptionerConfig:
    """What an exported captioner is made of; ExportError where it was exported by a version with other settings."""
    model = read_meta(directory)["model"]
    known = {field.name for field in dataclasses.fields(CaptionerConfig)}
    if unknown := sorted(model.keys() - known):
        raise ExportError(
            f"The model in {os.fspath(directory)} was exported by another version of TopicLens: it has the setting "
            f"{unknown[0]}, which this version does not know. Run `topiclens run` again, or use the version that "
            "exported it."
        )
    return CaptionerConfig(**{"topics": MLP} | model)  # before there were topic neurons, nobody said so


def weights_path(directory: str | os.PathLike) -> str:
    """Where an export keeps the weights for Keras."""
    return os.path.join(os.fspath(directory), EXTRA, WEIGHTS_FILE)


def read_enhancement(directory: str | os.PathLike) -> np.ndarray | None:
    """What strength 1 of each topic adds to the neurons: (n_topics, neurons) float32; None where the neurons have no
    names, so that the export has no signature `what_if`."""
    path = os.path.join(os.fspath(directory), EXTRA, ENHANCEMENT_FILE)
    return np.load(path, allow_pickle=False) if os.path.exists(path) else None
