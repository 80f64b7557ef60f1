"""Features of files that were corrected or uploaded, and are no videos of the dataset: ROOT/corrected_videos."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from topiclens.components.features.backbones import registry
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas.files import replacing

FILES = "corrected_videos"


def keep_features(
    root: str, content: str, features: Mapping, frames: np.ndarray, seconds: Sequence[float] | None = None
) -> None:
    """Keeps the features (time, feature_dim) of a file with this SHA-256, and when its frames are shown; `features`
    tells how they were made."""
    path = _kept(root, content, features)
    kept = {path: frames} if seconds is None else {_seconds_beside(path): np.asarray(seconds), path: frames}
    for place, array in kept.items():
        with replacing(place) as aside, open(aside, "wb") as file:
            np.save(file, array)


def load_kept_features(root: str, content: str, features: Mapping) -> np.ndarray | None:
    """(time, feature_dim) float32 of a file; None if none of that content was kept with such features.

    Features of another network, or of other frames, would mean nothing to a model, whatever their width.
    """
    path = _kept(root, content, features)
    return np.load(path, allow_pickle=False) if path.exists() else None


def load_kept_seconds(root: str, content: str, features: Mapping) -> np.ndarray | None:
    """(time,), when the frames of `load_kept_features` are shown; None where it was not kept."""
    path = _seconds_beside(_kept(root, content, features))
    return np.load(path, allow_pickle=False) if path.exists() else None


def _seconds_beside(path: Path) -> Path:
    return path.with_suffix(".seconds.npy")


def _kept(root: str, content: str, features: Mapping) -> Path:
    network = registry.identity(features.get("backbone") or registry.NONE, features.get("weights"))
    how = json.dumps([network, dataclasses.asdict(Sampling.of(features))], sort_keys=True)
    return Path(root, FILES, f"{content}-{hashlib.sha256(how.encode()).hexdigest()[:16]}.npy")
