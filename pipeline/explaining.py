"""Why captions are what they are: pages of video files or of a run's videos, by a model in this process or a server."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.relevance.explanation import DeletionCheck, Explanation, OtherModel, explanation
from topiclens.components.relevance.heat_maps import heat_maps
from topiclens.components.relevance.pixels import PixelRelevance, UnsupportedBackbone
from topiclens.components.relevance.reading import ModelReader, Reading
from topiclens.components.relevance.report import ExplanationWriter, Film, film_of, thumbnails
from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline import run_metadata
from topiclens.pipeline.exports import atlas_of, backbone_of, frame_features, names_of, sampling_of
from topiclens.pipeline.run_metadata import serving_folder, stored_videos
from topiclens.pipeline.settings import SettingError
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.schemas.timelines import HeatMap
from topiclens.serving.answers import ExplainedCaption
from topiclens.serving.client import CaptionClient
from topiclens.serving.saved_model import resolve_version

NO_RELEVANCE = (
    "The model on the server was exported by an older version of TopicLens and cannot give relevance. Export it again, "
    "or explain the model's folder with --model."
)


def explain_videos(
    videos: Sequence[str],
    output: str,
    *,
    root: str,
    stored: bool = False,
    model: str | None = None,
    server: str | None = None,
    pixels: bool = False,
    check: bool = False,
    **sampling: Any,
) -> Iterator[tuple[str, Explanation | str, str | None]]:
    """Explains videos one by one; one that cannot be read does not stop the others.

    Writes of each video a page (.html), a picture (.png) and the numbers (.json), and in the end `index.html` of all.

    Args:
        videos: paths of files; or, if `stored`, ids of the run's dataset. These are explained by the features that the
            run stored, also where there is no film.
        output: the folder for the pages.
        root: the run whose links name the neurons; they are left out where they are another model's.
        model: an exported model, or a folder of versions; None is what was pushed from `root`, or if `stored` the run's
            own.
        server: the address of a model server, asked in place of `model`, and without `pixels` and `check`.
        pixels: whether to draw heat maps on the frames.
        check: whether to tell what becomes of the caption without its most relevant frames.
        sampling: the `changes` of `exports.sampling_of`, for files.
    Yields:
        (video, explanation, path of its page), or (video, what is wrong with it, None).
    """
    directory = None
    if not server:
        directory = str(resolve_version(model or (run_metadata.newest(root).model if stored else serving_folder(root))))
    with contextlib.ExitStack() as stack:
        opened = ExplainableModel(directory) if directory else stack.enter_context(CaptionClient(server))
        if stored:
            clips = _read_stored(videos, root, whole=pixels)
        else:
            clips = _read_files(videos, sampling_of(opened.about(), **sampling))
        links, notes = names_of(root, directory)
        atlas = atlas_of(root, links) if directory else None  # what a server's neurons are called is not sure
        report = ExplanationWriter(output, atlas and os.path.relpath(atlas, output))
        for clip in clips:
            if clip.fault is not None:
                report.add_fault(clip.name, clip.fault)
                yield clip.video, clip.fault, None
                continue
            heat: Sequence[bytes] = ()
            if isinstance(opened, ExplainableModel):
                features, reading = opened.read(clip.frames)
                explained = _explain(clip, reading, links, notes)
                if check and reading.words:
                    explained = dataclasses.replace(explained, check=opened.check(features, reading))
                if pixels and reading.words:
                    explained, heat = _with_heat_maps(explained, opened, clip.film.frames, features)
            else:
                (told,) = opened.explain_all([clip.frames], relevance=True)
                explained = _explain(clip, reading_of(told), links, notes)
            yield clip.video, explained, report.add(clip.page, explained, clip.film.pictures, heat_pictures=heat)
        report.write_index()


@dataclass(frozen=True)
class _Clip:
    """What is to be explained: features (time, dim) or JPEG frames, and what can be shown of them; or why it cannot."""

    video: str
    name: str
    page: str = ""
    frames: np.ndarray | Sequence[bytes] = ()
    film: Film = Film()
    references: Sequence[str] = ()
    fault: str | None = None


def _read_files(videos: Sequence[str], sampling: Sampling) -> Iterator[_Clip]:
    for video in videos:
        name = os.path.basename(video)
        try:
            sampled = sample_video(video, sampling)
        except (UnreadableVideo, OSError) as error:
            yield _Clip(video, name, fault=str(error))
            continue
        film = Film(thumbnails(sampled.frames), sampled.seconds, frames=sampled.frames)
        yield _Clip(video, name, os.path.splitext(name)[0], encode_frames(sampled.frames), film)


def _read_stored(video_ids: Sequence[str], root: str, *, whole: bool) -> Iterator[_Clip]:
    outcome = run_metadata.newest(root)
    rows, stored = stored_videos(outcome, set(video_ids))
    sampling = sampling_of(outcome.model)
    for name in video_ids:
        if name not in stored:
            yield _Clip(name, name, fault=f"The run at {root} stored no features of a video {name!r}.")
            continue
        record = stored[name]
        film = film_of(rows[name], sampling, len(record.frames), whole=whole)
        yield _Clip(name, name, name, record.frames, film, record.captions)


def reading_of(told: ExplainedCaption) -> Reading:
    """What a server told of a clip, as a model in this process would."""
    previous = None if told.word_relevance is None else told.word_relevance.sum(axis=1)
    return Reading(
        told.words, told.log_prob, told.attention, told.activations, told.topic_scores,
        frames=told.frame_relevance, neurons=told.neuron_relevance, scores=told.logits, previous=previous,
        topic_timeline=told.topic_timeline,
    )  # fmt: skip


class ExplainableModel:
    """An exported model of a folder; its backbone is loaded for the first clip of pictures."""

    def __init__(self, directory: str):
        self._reader = ModelReader(directory)
        self._features = functools.cache(lambda: frame_features(self._reader.meta, directory))
        self._pixels = functools.cache(lambda: PixelRelevance(backbone_of(self._reader.meta, directory)))

    def about(self) -> Mapping:
        return self._reader.meta

    def features(self, jpegs: Sequence[bytes]) -> np.ndarray:
        """(time, feature_dim), what the model reads of a clip's frames."""
        return self._features()(jpegs)

    def read(self, clip: np.ndarray | Sequence[bytes]) -> tuple[np.ndarray, Reading]:
        """The clip's features and what the model makes of them; `clip` holds features (time, dim) or JPEG frames."""
        features = clip if isinstance(clip, np.ndarray) else self.features(clip)
        return features, self._reader(features)

    def check(self, features: np.ndarray, reading: Reading) -> DeletionCheck:
        return DeletionCheck.of(*self._reader.deletion_curves(features, reading))

    def heat_maps(
        self, frames: Sequence[np.ndarray], features: np.ndarray, words: Sequence[str]
    ) -> tuple[list[HeatMap], list[bytes]]:
        """The heat maps of a clip for a caption's words, and their pictures: see `relevance.heat_maps`.

        Raises:
            UnsupportedBackbone: relevance cannot be taken through a layer of the backbone.
            SettingError: the model reads features that its dataset brought.
        """
        return heat_maps(frames, words, self._reader.relevance(features, words), self._pixels())

    def draw(self, jpegs: Sequence[bytes], words: Sequence[str]) -> tuple[list[HeatMap], list[bytes]]:
        """`heat_maps` of a clip that is given as JPEG frames."""
        frames = [np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs]
        return self.heat_maps(frames, self.features(jpegs), words)


def _explain(clip: _Clip, reading: Reading, links: TopicLinks | None, notes: Sequence[str]) -> Explanation:
    notes = (*notes, *clip.film.notes)
    if reading.frames is None and reading.words:
        notes = (*notes, NO_RELEVANCE)
    try:
        return explanation(clip.name, reading, clip.film.seconds, links, notes, clip.references)
    except OtherModel:
        notes = (*notes, "The neurons have no names here: the links of the run are another model's.")
        return explanation(clip.name, reading, clip.film.seconds, None, notes, clip.references)


def _with_heat_maps(
    explained: Explanation, model: ExplainableModel, frames: Sequence[np.ndarray], features: np.ndarray
) -> tuple[Explanation, Sequence[bytes]]:
    """The explanation with heat maps and their pictures, or with the reason why there are none."""
    why = "there are no pictures of its frames."
    if len(frames):
        try:
            maps, pictures = model.heat_maps(frames, features, [word.text for word in explained.words])
            return dataclasses.replace(explained, heat_maps=tuple(maps)), pictures
        except (UnsupportedBackbone, SettingError) as error:
            why = str(error)
    return dataclasses.replace(explained, notes=(*explained.notes, f"There are no heat maps: {why}")), ()
