"""Captions of video files, by a server or by a model in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.videos.decoding import UnreadableVideo
from components.videos.reader import sample_frames
from serving.captioning import Caption, Captioning
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


def _captioner(model: str, server: str | None, beam: int | None) -> Captioning:
    if server:
        if beam:
            raise ValueError("--beam goes with --model: a server's beam is fixed when its model is exported.")
        from serving.client import CaptionClient

        return CaptionClient(server)
    from serving.captioner import LocalCaptioner

    return LocalCaptioner(model, beam=beam) if beam else LocalCaptioner(model)
