"""A version of a run's model, asked in this process."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from topiclens.components.features.backbones import registry
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.enhancement import enhancement_in
from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.refinement.strength_sweep import StrengthSweep, sweep_strengths
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline import run_metadata
from topiclens.pipeline.exports import frame_features, names_of, sampling_of
from topiclens.pipeline.repair.asked_model import VideoFeatures
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.stored import stored_videos
from topiclens.schemas.files import replacing
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.topic_lookup import find_topic
from topiclens.serving.videos import encode_frames
from topiclens.trainer.export import load_captioner

FILES = "corrected_videos"  # features of corrected files that are no videos of the dataset


class UnknownVideo(ValueError):
    """Neither a video of the run's dataset nor a file."""


class LocalModel:
    """One version of a run's model; an `AskedModel`.

    Args:
        root: of the run.
        version: which is served.
        limits: what a video file may cost.
    Attributes:
        version: as given.
        links: of its neurons.
    """

    def __init__(self, root: str, version: str, limits: DecodingLimits = DecodingLimits()):
        self.version, self._root, self._limits = version, root, limits
        self._folder = str(ModelStore(root).version(version))
        captioner, self._vocabulary, self._meta = load_captioner(self._folder)
        self._model = BatchedCaptioner(captioner, **self._meta["decoding"])
        self.links = load_version_links(root, self._folder)
        self._enhancement = enhancement_in(self._folder, self.links)

    def topic(self, wanted: int | str) -> TopicLink:
        """A topic, as `topiclens.schemas.topic_lookup.find_topic` finds it."""
        return find_topic(wanted, self.links.topics)

    def video(self, wanted: str) -> VideoFeatures:
        """A video of the run's dataset by its id, or else a file, whose features are kept for the refinement.

        Raises:
            UnknownVideo: it is neither.
            topiclens.components.videos.decoding.UnreadableVideo: the file cannot be decoded, or costs more than it may.
            SettingError: it is a file, and the model reads features that its dataset brought.
        """
        rows, stored = stored_videos(run_metadata.newest(self._root), {wanted})
        if wanted in stored:
            return VideoFeatures(wanted, rows[wanted]["content"], stored[wanted].frames)
        if not os.path.isfile(wanted):
            raise UnknownVideo(
                f"{wanted!r} is no video of the dataset of {self._root!r}, and there is no such file. Check the path, "
                "or take an id of the dataset's manifest; videos that were set aside have no features."
            )
        return self._file(wanted)

    def sweep(self, video: VideoFeatures, topic: int, strengths: Sequence[float] | None = None) -> StrengthSweep:
        """What the model says of a video at each strength of a topic."""
        nothing = np.zeros(len(self.links.topics), np.int64)
        record = VideoRecord(video.video_id, "test", video.frames, (), nothing)
        return sweep_strengths(self._model, self._vocabulary, self.links, self._enhancement, record, topic, strengths)

    def _file(self, path: str) -> VideoFeatures:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        extract = frame_features(self._meta, self._folder)  # before a long film is decoded for a model that sees none
        frames = extract(encode_frames(sample_video(path, sampling_of(self._folder), limits=self._limits).frames))
        keep_features(self._root, content, self._meta["features"], frames)
        return VideoFeatures(f"{content[:8]}-{os.path.basename(path)}", content, frames)


def load_version_links(root: str, folder: str) -> TopicLinks:
    """The links of a version: those that it brings, or those of the run that trained it.

    Raises:
        run_metadata.NothingThere: its neurons have no names.
    """
    links, notes = names_of(root, folder)
    if links is None:
        raise run_metadata.NothingThere(
            f"The version in {folder} cannot be corrected: {' '.join(notes)} A correction needs neurons that carry its "
            "topic. Train with model.interpretive_weight above 0 (LSTM-I)."
        )
    return links


def keep_features(root: str, content: str, features: Mapping, frames: np.ndarray) -> None:
    """Keeps the features of a corrected file.

    Args:
        content: SHA-256 of the file.
        features: how they were made, as `captioner.json` of a version tells it.
        frames: (time, feature_dim) float32.
    """
    with replacing(_kept(root, content, features)) as aside, open(aside, "wb") as file:
        np.save(file, frames)


def load_kept_features(root: str, content: str, features: Mapping) -> np.ndarray | None:
    """(time, feature_dim) float32 of a corrected file; None if none of that content was corrected with such features.

    Features of another network, or of other frames, would mean nothing to a model, whatever their width.
    """
    path = _kept(root, content, features)
    return np.load(path, allow_pickle=False) if path.exists() else None


def _kept(root: str, content: str, features: Mapping) -> Path:
    network = registry.identity(features.get("backbone") or registry.NONE, features.get("weights"))
    how = json.dumps([network, dataclasses.asdict(Sampling.of(features))], sort_keys=True)
    return Path(root, FILES, f"{content}-{hashlib.sha256(how.encode()).hexdigest()[:16]}.npy")
