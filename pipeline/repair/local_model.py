"""A version of a run's model in this process: asked what it says, and taught corrections by the run's own videos."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence

import numpy as np

from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.enhancement import enhancement_in
from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.refinement.gate import FineCaption
from topiclens.components.refinement.refine import Evidence, RefinementError, refine
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.refinement.strength_sweep import StrengthSweep, sweep_strengths
from topiclens.components.relevance.report import film_of
from topiclens.components.topics.model import TopicModel
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline import run_metadata
from topiclens.pipeline.exports import frame_features, names_of, sampling_of
from topiclens.pipeline.repair.corrections import open_ledger
from topiclens.pipeline.repair.kept_features import keep_features, load_kept_features, load_kept_seconds
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.repair.proposals import VideoFeatures
from topiclens.pipeline.run_metadata import split_videos, stored_videos
from topiclens.pipeline.settings import cache_folder
from topiclens.schemas.corrections import Correction, Look, Opinion
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.topic_lookup import find_topic
from topiclens.schemas.verdicts import Verdict
from topiclens.trainer.export import load_captioner
from topiclens.trainer.exported import read_meta


class UnknownVideo(ValueError):
    """Neither a video of the run's dataset nor a file."""


class LocalModel:
    """One version of a run's model; an `AskedModel`."""

    def __init__(self, root: str, version: str, limits: DecodingLimits = DecodingLimits()):
        self.version, self._root, self._limits = version, root, limits
        self._folder = str(ModelStore(root).version(version))
        captioner, self._vocabulary, self._meta = load_captioner(self._folder)
        self._model = BatchedCaptioner(captioner, **self._meta["decoding"])
        self.links = load_version_links(root, self._folder)
        self._enhancement = enhancement_in(self._folder, self.links)

    def topic(self, wanted: int | str) -> TopicLink:
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
            row, frames = rows[wanted], stored[wanted].frames
            return VideoFeatures(wanted, row["content"], frames, lambda: self._seconds_of(row, len(frames)))
        if not os.path.isfile(wanted):
            raise UnknownVideo(
                f"{wanted!r} is no video of the dataset of {self._root!r}, and there is no such file. Check the path, "
                "or take an id of the dataset's manifest; videos that were set aside have no features."
            )
        return self._file(wanted)

    def sweep(
        self,
        video: VideoFeatures,
        topic: int,
        strengths: Sequence[float] | np.ndarray | None = None,
        stretch: Stretch | None = None,
    ) -> StrengthSweep:
        nothing = np.zeros(len(self.links.topics), np.int64)
        record = VideoRecord(video.video_id, "test", video.frames, (), nothing)
        if stretch is not None:
            record = record.timed(video.seconds())
        asked = (self._model, self._vocabulary, self.links, self._enhancement)
        return sweep_strengths(*asked, record, topic, strengths, stretch)

    def _seconds_of(self, row: Mapping, time: int) -> Sequence[float] | None:
        return film_of(row, sampling_of(self._folder), time, limits=self._limits).seconds

    def _file(self, path: str) -> VideoFeatures:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        extract = frame_features(self._meta, self._folder)  # before a long film is decoded for a model that sees none
        sampled = sample_video(path, sampling_of(self._folder), limits=self._limits)
        frames = extract(encode_frames(sampled.frames))
        keep_features(self._root, content, self._meta["features"], frames, sampled.seconds)
        return VideoFeatures(f"{content[:8]}-{os.path.basename(path)}", content, frames, lambda: sampled.seconds)


def load_version_links(root: str, folder: str) -> TopicLinks:
    """The links of a version, or of the run that trained it; NothingThere if its neurons have no names."""
    links, notes = names_of(root, folder)
    if links is None:
        raise run_metadata.NothingThere(
            f"The version in {folder} cannot be corrected: {' '.join(notes)} A correction needs neurons that carry its "
            "topic. Train with model.interpretive_weight above 0 (LSTM-I)."
        )
    return links


def teach(
    root: str,
    parent: str,
    output: str,
    batch: Sequence[Correction],
    live: Sequence[Correction],
    settings: RefinementSettings | None = None,
    progress: Progress = no_progress,
) -> Verdict:
    """Teaches corrections to an export of a run; a `topiclens.pipeline.repair.refinements.Teacher`."""
    progress("Loading the model and the clips", 0.0)
    outcome, links = run_metadata.newest(root), load_version_links(root, parent)
    topics = TopicModel.load(outcome.folder("topiclens.TopicModel")).topics
    if len(topics) != len(links.topics):
        raise RefinementError(
            f"The model that is to learn has {len(links.topics)} topics, and the newest run {len(topics)}: it was "
            "trained on others. Let a model of that run be pushed, and say of its captions what they miss."
        )
    evidence = Evidence(
        train=split_videos(outcome, "train"),
        val=split_videos(outcome, "val"),
        topics=topics,
        links=links,
        live=live,
        corrected=_corrected(outcome, read_meta(parent)["features"], [*batch, *live], len(topics)),
        fine=_called_fine(outcome, read_meta(parent)["features"], open_ledger(root, settings).looks(), len(topics)),
    )
    return refine(parent, output, batch, evidence, settings or RefinementSettings(), progress, cache_dir=cache_folder())


def _called_fine(
    outcome: run_metadata.Outcome, features: Mapping, looks: Sequence[Look], n_topics: int
) -> list[FineCaption]:
    """What people called fine of the dataset's videos and of uploaded ones, each caption once; a video whose content
    changed is left out."""
    fine = sorted({(one.video_id, one.content, one.caption) for one in looks if one.opinion is Opinion.FINE})
    rows, stored = stored_videos(outcome, {video_id for video_id, _, _ in fine})
    found = []
    for video_id, content, caption in fine:
        if video_id in stored and rows[video_id]["content"] == content:
            found.append(FineCaption(stored[video_id], caption))
        elif (video := _kept_file(outcome.root, video_id, content, features, n_topics)) is not None:
            found.append(FineCaption(video, caption))
    return found


def _corrected(
    outcome: run_metadata.Outcome, features: Mapping, corrections: Sequence[Correction], n_topics: int
) -> list[VideoRecord]:
    """The corrected videos, of whatever split, and the corrected files; one whose content has changed is left out, and
    so is a file whose features were made otherwise than those that the parent reads. Those of which a stretch was
    corrected know when their frames are shown.
    """
    rows, stored = stored_videos(outcome, {correction.video_id for correction in corrections})
    stretched = {correction.video_id for correction in corrections if correction.stretch is not None}
    found: dict[str, VideoRecord] = {}
    for correction in corrections:
        video_id = correction.video_id
        if video_id in found:
            continue
        if video_id in stored and rows[video_id]["content"] == correction.content:
            found[video_id] = stored[video_id]
            if video_id in stretched:
                seconds = film_of(rows[video_id], Sampling.of(features), len(stored[video_id].frames)).seconds
                found[video_id] = stored[video_id].timed(seconds)
        elif (kept := _kept_file(outcome.root, video_id, correction.content, features, n_topics)) is not None:
            found[video_id] = kept.timed(load_kept_seconds(outcome.root, correction.content, features))
    return list(found.values())


def _kept_file(root: str, video_id: str, content: str, features: Mapping, n_topics: int) -> VideoRecord | None:
    """A corrected or uploaded file, which nobody described; None where there are no such features of it."""
    frames = load_kept_features(root, content, features)
    return None if frames is None else VideoRecord(video_id, "test", frames, (), np.zeros(n_topics, np.int64))
