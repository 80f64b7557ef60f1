"""Why captions are what they are: pages of video files or of a run's videos, by a model in this process or a server."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.relevance.explanation import DeletionCheck, Explanation, OtherModel, explanation
from topiclens.components.relevance.heat_maps import heat_maps
from topiclens.components.relevance.pixels import PixelRelevance, UnsupportedBackbone
from topiclens.components.relevance.reading import ModelReader, Reading
from topiclens.components.relevance.report import ExplanationWriter, Film, film_of, thumbnails
from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.pipeline import run_metadata
from topiclens.pipeline.exports import backbone_of, frame_features, names_of, sampling_of
from topiclens.pipeline.settings import SettingError
from topiclens.pipeline.stored import stored_videos
from topiclens.serving.saved_model import resolve_version
from topiclens.serving.videos import encode_frames

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class Extras:
    """What is told beyond the usual; both need the model's weights, which a server does not hand out.

    Attributes:
        pixels: heat maps on the frames.
        check: what becomes of the caption without its most relevant frames.
    """

    pixels: bool = False
    check: bool = False


def explain_files(
    videos: Sequence[str],
    output: str,
    *,
    root: str,
    model: str | None = None,
    server: str | None = None,
    extras: Extras = Extras(),
    **sampling,
) -> Iterator[Explained]:
    """Explains video files one by one; one that cannot be read does not stop the others.

    Writes of each video a page (.html), a picture (.png) and the numbers (.json), and in the end `index.html` of all.

    Args:
        videos: paths of video files.
        output: the folder for the pages.
        root: the run whose links name the neurons; they are left out where they are another model's.
        model: an exported model, or a folder of versions; None is what was pushed from `root`.
        server: the address of a model server, asked in place of `model`.
        extras: what to tell beyond the usual.
        sampling: the `changes` of `exports.sampling_of`.
    """
    report = ExplanationWriter(output)
    directory = None if server else str(resolve_version(model or os.path.join(root, "serving", "topiclens")))
    chosen = sampling_of(directory, **sampling)
    with _opened(directory, server) as opened:
        links, notes = names_of(root, directory)
        for video in videos:
            name = os.path.basename(video)
            try:
                sampled = sample_video(video, chosen)
            except (UnreadableVideo, OSError) as error:
                report.add_fault(name, str(error))
                yield Explained(video, fault=str(error))
                continue
            film = Film(thumbnails(sampled.frames), sampled.seconds, frames=sampled.frames)
            clip = encode_frames(sampled.frames)
            explained, heat = _explain(name, opened, clip, film, links, notes, extras)
            page = report.add(os.path.splitext(name)[0], explained, film.pictures, heat_pictures=heat)
            yield Explained(video, explained, page)
    report.write_index()


def explain_stored(
    video_ids: Sequence[str],
    output: str,
    *,
    root: str,
    model: str | None = None,
    server: str | None = None,
    extras: Extras = Extras(),
) -> Iterator[Explained]:
    """Explains videos of a run's dataset by the features that the run stored, where no film is left or ever was, too.

    Args:
        video_ids: of the run's dataset.
        output, root, model, server, extras: see `explain_files`; `model` is the run's own by default.
    """
    outcome = run_metadata.newest(root)
    rows, stored = stored_videos(outcome, set(video_ids))
    report = ExplanationWriter(output)
    directory = None if server else str(resolve_version(model or outcome.model))
    sampling = sampling_of(outcome.model)
    with _opened(directory, server) as opened:
        links, notes = names_of(root, directory)
        for video_id in video_ids:
            if video_id not in stored:
                fault = f"The run at {root} stored no features of a video {video_id!r}."
                report.add_fault(video_id, fault)
                yield Explained(video_id, fault=fault)
                continue
            record = stored[video_id]
            film = film_of(rows[video_id], sampling, len(record.frames), whole=extras.pixels)
            explained, heat = _explain(video_id, opened, record.frames, film, links, notes, extras, record.captions)
            yield Explained(video_id, explained, report.add(video_id, explained, film.pictures, heat_pictures=heat))
    report.write_index()


class _ServedModel:
    """A model on a server, asked for explanations."""

    def __init__(self, client: CaptionClient):
        self._client = client

    def read(self, clip: np.ndarray | Sequence[bytes]) -> tuple[np.ndarray | None, Reading]:
        (told,) = self._client.explain_all([clip], relevance=True)
        return None, Reading(
            told.words,
            told.log_prob,
            told.attention,
            told.activations,
            told.topic_scores,
            frames=told.frame_relevance,
            neurons=told.neuron_relevance,
            scores=told.logits,
            previous=None if told.word_relevance is None else told.word_relevance.sum(axis=1),
        )

    def add_extras(self, explained: Explanation, *_) -> tuple[Explanation, Sequence[bytes]]:
        return explained, ()


class _LocalModel:
    """An exported model of a folder; its backbone is loaded for the first clip of pictures."""

    def __init__(self, directory: str):
        self._reader, self._directory = ModelReader(directory), directory
        self._features = functools.cache(lambda: frame_features(self._reader.meta, directory))
        self._pixels = functools.cache(lambda: PixelRelevance(backbone_of(self._reader.meta, directory)))

    def read(self, clip: np.ndarray | Sequence[bytes]) -> tuple[np.ndarray | None, Reading]:
        """The clip's features and what the model makes of them; `clip` holds features (time, dim) or JPEG frames."""
        frames = clip if isinstance(clip, np.ndarray) else self._features()(clip)
        return frames, self._reader(frames)

    def add_extras(
        self, explained: Explanation, features: np.ndarray, reading: Reading, film: Film, extras: Extras
    ) -> tuple[Explanation, Sequence[bytes]]:
        """The explanation with what was asked for beyond the usual, or with the reason why it is missing; and the
        pictures of its heat maps."""
        if not reading.words:
            return explained, ()
        if extras.check:
            curves = self._reader.deletion_curves(features, reading)
            explained = dataclasses.replace(explained, check=DeletionCheck.of(curves))
        if not extras.pixels:
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
    video: str,
    model: _ServedModel | _LocalModel,
    clip: np.ndarray | Sequence[bytes],
    film: Film,
    links: TopicLinks | None,
    notes: Sequence[str],
    extras: Extras,
    references: Sequence[str] = (),
) -> tuple[Explanation, Sequence[bytes]]:
    """The explanation of a clip, and the pictures of its heat maps."""
    features, reading = model.read(clip)
    notes = (*notes, *film.notes)
    if reading.frames is None and reading.words:
        notes = (*notes, NO_RELEVANCE)
    try:
        explained = explanation(video, reading, film.seconds, links, notes, references)
    except OtherModel:
        notes = (*notes, "The neurons have no names here: the links of the run are another model's.")
        explained = explanation(video, reading, film.seconds, None, notes, references)
    return model.add_extras(explained, features, reading, film, extras)


@contextlib.contextmanager
def _opened(directory: str | None, server: str | None) -> Iterator[_ServedModel | _LocalModel]:
    """The exported model of a folder, or that of a server."""
    if not server:
        yield _LocalModel(directory)
        return
    from topiclens.serving.client import CaptionClient

    with CaptionClient(server) as client:
        yield _ServedModel(client)
