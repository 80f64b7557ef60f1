"""Captions of video files, by a server or by a model in this process."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
    **sampling: Any,
) -> Iterator[tuple[str, Caption | None, str | None]]:
    """Captions videos one by one; a video that cannot be read does not stop the others.

    Args:
        model: an exported model, or a folder of versions.
        server: the address of a model server, asked in place of `model`.
        beam: another beam width than the exported one; only with `model`.
        strengths: of topics, by id or name: the captions are what would be said if the videos showed these.
        topics: of the model, so that they can be named.
        sampling: the `changes` of `sampling_of`.
    Yields:
        (video, caption, None), or (video, None, what is wrong with it).
    """
    with contextlib.ExitStack() as stack:
        directory = None if server else str(resolve_version(model))
        captioner = _open(stack, directory, server, beam, topics)
        chosen = sampling_of(captioner.about() if server else directory, **sampling)
        deltas = captioner.strengths(strengths) if strengths else None
        for video in videos:
            try:
                clip = encode_frames(sample_video(video, chosen).frames)
            except (UnreadableVideo, OSError) as error:
                yield video, None, str(error)
                continue
            if deltas is None:
                yield video, captioner.caption_all([clip])[0], None
            else:
                (changed,) = captioner.what_if_all([clip], deltas[None])
                yield video, Caption(changed.text, changed.log_prob), None


def _open(
    stack: contextlib.ExitStack, model: str | None, server: str | None, beam: int | None, topics: Sequence[NamedTopic]
) -> Captioning:
    if server:
        from topiclens.serving.client import CaptionClient

        return stack.enter_context(CaptionClient(server, topics=topics))
    from topiclens.serving.captioner import LocalCaptioner

    if beam:
        from topiclens.components.features.backbones import registry
        from topiclens.trainer.export import export_again

        copy = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="topiclens-")), "model")
        backbone = registry.of_features(read_meta(model)["features"], cache_folder())
        export_again(model, copy, backbone=backbone, beam=beam)
        model = copy
    return stack.enter_context(LocalCaptioner(model, topics=topics))
