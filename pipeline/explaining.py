"""Why captions are what they are: pages of video files or of a run's videos, by a model in this process or a server."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.relevance.explanation import Explanation, OtherModel, explanation
from topiclens.components.relevance.frame_pictures import Film, film_of, thumbnails
from topiclens.components.relevance.reading import ModelReader, Reading
from topiclens.components.relevance.report import ExplanationWriter
from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.pipeline import run_metadata
from topiclens.pipeline.exports import frame_features, names_of, sampling_of
from topiclens.pipeline.stored import stored_videos
from topiclens.serving.frames import encode_frames
from topiclens.serving.saved_model import resolve_version

if TYPE_CHECKING:
    from topiclens.serving.client import CaptionClient
    from topiclens.serving.videos import Video
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
class _Model:
    """What is explained, here or on a server.

    Attributes:
        frames: reads a clip's frames as JPEG.
        features: reads a clip's features (time, feature_dim).
    """

    frames: Callable[[Sequence[bytes]], Reading]
    features: Callable[[np.ndarray], Reading]


def explain_files(
    videos: Sequence[str], output: str, *, root: str, model: str | None = None, server: str | None = None, **sampling
) -> Iterator[Explained]:
    """Explains video files one by one; one that cannot be read does not stop the others.

    Writes of each video a page (.html), a picture (.png) and the numbers (.json), and in the end `index.html` of all.

    Args:
        videos: paths of video files.
        output: the folder for the pages.
        root: the run whose links name the neurons; they are left out where they are another model's.
        model: an exported model, or a folder of versions; None is what was pushed from `root`.
        server: the address of a model server, asked in place of `model`.
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
            film = Film(thumbnails(sampled.frames), sampled.seconds)
            explained = _explain(name, opened.frames(encode_frames(sampled.frames)), film, links, notes)
            yield Explained(video, explained, report.add(os.path.splitext(name)[0], explained, film.pictures))
    report.write_index()


def explain_stored(
    video_ids: Sequence[str], output: str, *, root: str, model: str | None = None, server: str | None = None
) -> Iterator[Explained]:
    """Explains videos of a run's dataset by the features that the run stored, where no film is left or ever was, too.

    Args:
        video_ids: of the run's dataset.
        output, root, model, server: see `explain_files`; `model` is the run's own by default.
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
            film = film_of(rows[video_id], sampling, len(record.frames))
            explained = _explain(video_id, opened.features(record.frames), film, links, notes, record.captions)
            yield Explained(video_id, explained, report.add(video_id, explained, film.pictures))
    report.write_index()


def _explain(
    video: str,
    reading: Reading,
    film: Film,
    links: TopicLinks | None,
    notes: Sequence[str],
    references: Sequence[str] = (),
) -> Explanation:
    notes = (*notes, *film.notes)
    if reading.frames is None and reading.words:
        notes = (*notes, NO_RELEVANCE)
    try:
        return explanation(video, reading, film.seconds, links, notes, references)
    except OtherModel:
        notes = (*notes, "The neurons have no names here: the links of the run are another model's.")
        return explanation(video, reading, film.seconds, None, notes, references)


@contextlib.contextmanager
def _opened(directory: str | None, server: str | None) -> Iterator[_Model]:
    """The exported model of a folder, or that of a server."""
    if server:
        from topiclens.serving.client import CaptionClient

        with CaptionClient(server) as client:
            yield _Model(lambda jpegs: _asked(client, jpegs), lambda frames: _asked(client, frames))
        return
    reader = ModelReader(directory)
    yield _Model(_through_network(reader, directory), reader)


def _through_network(reader: ModelReader, directory: str) -> Callable[[Sequence[bytes]], Reading]:
    """Reads clips through the model's own network, which is loaded for the first of them."""

    @functools.cache
    def network():
        return frame_features(reader.meta, directory)

    return lambda jpegs: reader(network()(jpegs))


def _asked(client: CaptionClient, video: Video) -> Reading:
    (told,) = client.explain_all([video], relevance=True)
    return Reading(
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
