"""Captions of video files, by a server or by a model in this process."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence

from components.videos.decoding import UnreadableVideo
from components.videos.reader import sample_frames
from pipeline.configs import SettingError, cache_folder
from serving.answers import Caption
from serving.captioning import Captioning
from serving.frames import encode_frames


def caption_files(
    videos: Sequence[str], model: str, server: str | None = None, beam: int | None = None
) -> Iterator[tuple[str, Caption | None, str | None]]:
    """Captions videos one by one; a video that cannot be read does not stop the others.

    Args:
        videos: paths of video files.
        model: an exported model, or a folder of versions.
        server: the address of a model server, asked in place of ``model``.
        beam: another beam width than the exported one; only with ``model``.
    Yields:
        (video, caption, None), or (video, None, what is wrong with it).
    """
    with _captioner(model, server, beam) as captioner:
        for video in videos:
            try:
                frames = sample_frames(video).frames
            except (UnreadableVideo, OSError) as error:
                yield video, None, str(error)
                continue
            yield video, captioner.caption_videos([encode_frames(frames)])[0], None


@contextlib.contextmanager
def _captioner(model: str, server: str | None, beam: int | None) -> Iterator[Captioning]:
    if server:
        if beam:
            raise SettingError("--beam goes with --model: a server's beam was fixed when its model was exported.")
        from serving.client import CaptionClient

        with CaptionClient(server) as client:
            yield client
        return
    from serving.captioner import LocalCaptioner

    with contextlib.ExitStack() as stack:
        if beam:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="topiclens-"))
            model = _with_beam(model, os.path.join(folder, "model"), beam)
        yield stack.enter_context(LocalCaptioner(model))


def _with_beam(model: str, directory: str, beam: int) -> str:
    from components.features.backbones import registry
    from serving.beams import export_with_beam
    from serving.saved_model import resolve_version
    from trainer.export import load_captioner

    features = load_captioner(resolve_version(model))[2]["features"]
    backbone = registry.load(features["backbone"], features.get("weights"), cache_folder())
    return str(export_with_beam(model, directory, beam=beam, backbone=backbone))
