"""Captions of video files, by a server or by a model in this process."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.pipeline.exports import sampling_of
from topiclens.pipeline.settings import cache_folder
from topiclens.schemas.topic_lookup import NamedTopic
from topiclens.serving.answers import Caption
from topiclens.serving.captioning import Captioning
from topiclens.serving.saved_model import resolve_version
from topiclens.serving.videos import encode_frames
from topiclens.trainer.exported import read_meta


def caption_files(
    videos: Sequence[str],
    model: str,
    server: str | None = None,
    beam: int | None = None,
    strengths: Mapping[str, float] = {},
    topics: Sequence[NamedTopic] = (),
    **sampling,
) -> Iterator[tuple[str, Caption | None, str | None]]:
    """Captions videos one by one; a video that cannot be read does not stop the others.

    Args:
        videos: paths of video files.
        model: an exported model, or a folder of versions.
        server: the address of a model server, asked in place of ``model``.
        beam: another beam width than the exported one; only with ``model``.
        strengths: of topics, by id or name: the captions are what would be said if the videos showed these.
        topics: of the model, so that they can be named.
        sampling: the `changes` of `sampling_of`.
    Yields:
        (video, caption, None), or (video, None, what is wrong with it).
    """
    directory = None if server else resolve_version(model)
    chosen = sampling_of(directory, **sampling)
    with _captioner(directory, server, beam, topics) as captioner:
        deltas = captioner.strengths(strengths) if strengths else None
        for video in videos:
            try:
                frames = sample_video(video, chosen).frames
            except (UnreadableVideo, OSError) as error:
                yield video, None, str(error)
                continue
            clips = [encode_frames(frames)]
            if deltas is None:
                yield video, captioner.caption_all(clips)[0], None
            else:
                (changed,) = captioner.what_if_all(clips, deltas[None])
                yield video, Caption(changed.text, changed.log_prob), None


@contextlib.contextmanager
def _captioner(
    model: str | os.PathLike | None, server: str | None, beam: int | None, topics: Sequence[NamedTopic]
) -> Iterator[Captioning]:
    if server:
        from topiclens.serving.client import CaptionClient

        with CaptionClient(server, topics=topics) as client:
            yield client
        return
    from topiclens.serving.captioner import LocalCaptioner

    with contextlib.ExitStack() as stack:
        if beam:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="topiclens-"))
            model = _with_beam(model, os.path.join(folder, "model"), beam)
        yield stack.enter_context(LocalCaptioner(model, topics=topics))


def _with_beam(model: str | os.PathLike, directory: str, beam: int) -> str:
    from topiclens.components.features.backbones import registry
    from topiclens.serving.saved_model import resolve_version
    from topiclens.trainer.export import export_again

    backbone = registry.of_features(read_meta(model)["features"], cache_folder())
    export_again(resolve_version(model), directory, backbone=backbone, beam=beam)
    return directory
