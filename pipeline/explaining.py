"""Why captions are what they are: pages of video files or of a run's videos, by a model in this process or a server."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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
from topiclens.pipeline.exports import backbone_of, frame_features, names_of, sampling_of
from topiclens.pipeline.run_metadata import serving_folder
from topiclens.pipeline.settings import SettingError
from topiclens.pipeline.stored import stored_videos
from topiclens.serving.saved_model import resolve_version
from topiclens.serving.videos import encode_frames

if TYPE_CHECKING:
    from topiclens.serving.answers import ExplainedCaption
    from topiclens.serving.client import CaptionClient
NO_RELEVANCE = (
    "The model on the server was exported by an older version of TopicLens and cannot give relevance. Export it again, "
    "or explain the model's folder with --model."
)


@dataclass(frozen=True)
class Explained:
    """A video with its explanation and the pages of it, or with what is wrong with it."""

    video: str
    explanation: Explanation | None = None
    page: str | None = None
    fault: str | None = None


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
) -> Iterator[Explained]:
    """Explains videos one by one; one that cannot be read does not stop the others.

    Writes of each video a page (.html), a picture (.png) and the numbers (.json), and in the end `index.html` of all.

    Args:
        videos: paths of files; or, if `stored`, ids of the run's dataset, which are explained by the features that the
            run stored, also where no film is left or ever was.
        output: the folder for the pages.
        root: the run whose links name the neurons; they are left out where they are another model's.
        model: an exported model, or a folder of versions; None is what was pushed from `root`, or if `stored` the run's
            own.
        server: the address of a model server, asked in place of `model`.
        pixels: whether to draw heat maps on the frames. This and `check` need the weights, which a server does not
            hand out.
        check: whether to tell what becomes of the caption without its most relevant frames.
        sampling: the `changes` of `exports.sampling_of`, for files.
    """
    directory = None
    if not server:
        directory = str(resolve_version(model or (run_metadata.newest(root).model if stored else serving_folder(root))))
    with contextlib.ExitStack() as stack:
        opened: _ServedModel | _LocalModel
        if server:
            from topiclens.serving.client import CaptionClient

            opened = _ServedModel(stack.enter_context(CaptionClient(server)))
        else:
            opened = _LocalModel(directory, pixels, check)
        if stored:
            clips = _read_stored(videos, root, whole=pixels)
        else:
            clips = _read_files(videos, sampling_of(opened.about(), **sampling))
        links, notes = names_of(root, directory)
        report = ExplanationWriter(output)
        for clip in clips:
            if clip.fault is not None:
                report.add_fault(clip.name, clip.fault)
                yield Explained(clip.video, fault=clip.fault)
                continue
            explained, heat = _explain(clip, opened, links, notes)
            page = report.add(clip.page, explained, clip.film.pictures, heat_pictures=heat)
            yield Explained(clip.video, explained, page)
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
    )  # fmt: skip


class _ServedModel:
    """A model on a server, asked for explanations."""

    def __init__(self, client: CaptionClient):
        self._client, self.about = client, client.about

    def read(self, clip: np.ndarray | Sequence[bytes]) -> tuple[np.ndarray | None, Reading]:
        return None, reading_of(self._client.explain_all([clip], relevance=True)[0])

    def add_extras(self, explained: Explanation, *_: object) -> tuple[Explanation, Sequence[bytes]]:
        return explained, ()


class _LocalModel:
    """An exported model of a folder; its backbone is loaded for the first clip of pictures."""

    def __init__(self, directory: str, pixels: bool, check: bool):
        self._reader, self._wants_pixels, self._wants_check = ModelReader(directory), pixels, check
        self._features = functools.cache(lambda: frame_features(self._reader.meta, directory))
        self._pixels = functools.cache(lambda: PixelRelevance(backbone_of(self._reader.meta, directory)))

    def about(self) -> Mapping:
        return self._reader.meta

    def read(self, clip: np.ndarray | Sequence[bytes]) -> tuple[np.ndarray | None, Reading]:
        """The clip's features and what the model makes of them; `clip` holds features (time, dim) or JPEG frames."""
        frames = clip if isinstance(clip, np.ndarray) else self._features()(clip)
        return frames, self._reader(frames)

    def add_extras(
        self, explained: Explanation, features: np.ndarray, reading: Reading, film: Film
    ) -> tuple[Explanation, Sequence[bytes]]:
        """The explanation with what was asked for beyond the usual, or with the reason why it is missing; and the
        pictures of its heat maps."""
        if not reading.words:
            return explained, ()
        if self._wants_check:
            curves = self._reader.deletion_curves(features, reading)
            explained = dataclasses.replace(explained, check=DeletionCheck.of(curves))
        if not self._wants_pixels:
            return explained, ()
        try:
            if not len(film.frames):
                raise NoHeatMaps("there are no pictures of its frames.")
            relevance = self._reader.relevance(features, reading.words)
            maps, pictures = heat_maps(film.frames, reading.words, relevance, self._pixels())
        except (NoHeatMaps, UnsupportedBackbone, SettingError) as error:
            return dataclasses.replace(explained, notes=(*explained.notes, f"There are no heat maps: {error}")), ()
        return dataclasses.replace(explained, heat_maps=tuple(maps)), pictures


class NoHeatMaps(ValueError):
    """A clip that has nothing to draw heat maps on."""


def _explain(
    clip: _Clip, model: _ServedModel | _LocalModel, links: TopicLinks | None, notes: Sequence[str]
) -> tuple[Explanation, Sequence[bytes]]:
    """The explanation of a clip, and the pictures of its heat maps."""
    features, reading = model.read(clip.frames)
    notes = (*notes, *clip.film.notes)
    if reading.frames is None and reading.words:
        notes = (*notes, NO_RELEVANCE)
    try:
        explained = explanation(clip.name, reading, clip.film.seconds, links, notes, clip.references)
    except OtherModel:
        notes = (*notes, "The neurons have no names here: the links of the run are another model's.")
        explained = explanation(clip.name, reading, clip.film.seconds, None, notes, clip.references)
    return model.add_extras(explained, features, reading, clip.film)
