"""What a person sees of a clip, beside what a captioner makes of it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling

# Pixels of the short side, and JPEG quality.
_SHORT_SIDE, _QUALITY = 144, 75

BROUGHT_FEATURES = (
    "There are no pictures: the dataset brought features of this video, no film. Its frames are told by their numbers."
)


@dataclass(frozen=True)
class Film:
    """What can be shown of a clip.

    Attributes:
        pictures: its frames, small, as JPEG; none where there is no film to see.
        seconds: when each is shown; None where that is not known.
        notes: why there are no pictures.
        frames: the frames themselves, (height, width, 3) uint8 RGB each, where they were asked for.
    """

    pictures: tuple[bytes, ...] = ()
    seconds: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()
    frames: Sequence[np.ndarray] = ()


def film_of(
    row: Mapping,
    sampling: Sampling,
    time: int,
    *,
    limits: DecodingLimits = DecodingLimits(),
    whole: bool = False,
) -> Film:
    """The frames that the features of a dataset's video were made of; what is wrong with its film is told, not raised.

    Args:
        row: of the dataset's `videos.jsonl`.
        sampling: how the features step chose the frames.
        time: how many frames the features tell of.
        limits: what the clip may cost.
        whole: whether to keep the frames themselves, some MB a video.
    """
    if "path" not in row:
        return Film(notes=(BROUGHT_FEATURES,))
    try:
        sampled = sample_video(
            row["path"], sampling, row["video_id"], start=row.get("start"), end=row.get("end"), limits=limits
        )
    except (UnreadableVideo, OSError) as error:
        return Film(notes=(f"There are no pictures: the film cannot be read. {error}",))
    if len(sampled.frames) != time:
        told = f"the film has {len(sampled.frames)} frames to show where the stored features tell of {time}"
        return Film(notes=(f"There are no pictures: {told}. Has it changed since the features were made?",))
    return Film(thumbnails(sampled.frames), sampled.seconds, frames=sampled.frames if whole else ())


def thumbnails(frames: Iterable[np.ndarray]) -> tuple[bytes, ...]:
    """Frames, (height, width, 3) uint8 RGB each, as small JPEGs."""
    return tuple(_thumbnail(Image.fromarray(frame)) for frame in frames)


def _thumbnail(image: Image.Image) -> bytes:
    scale = _SHORT_SIDE / min(image.size)
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
