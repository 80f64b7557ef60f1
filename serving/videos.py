"""What a captioner takes as a video, brought into what a model takes: features, or JPEG frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np

from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.serving.errors import InvalidClip

# Features (time, dim) of real numbers; or frames in order of time: JPEG bytes, or RGB (height, width, 3) uint8, which
# may also be one array (time, height, width, 3).
Clip: TypeAlias = np.ndarray | Sequence[bytes] | Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class TimedClip:
    """A clip with the seconds at which its frames are shown, from the film's first frame on."""

    frames: Clip
    seconds: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.frames):
            raise InvalidClip(
                f"Expected a time for each of a clip's {len(self.frames)} frames, got {len(self.seconds)}. Give the "
                "seconds of those frames that are passed."
            )


Video: TypeAlias = str | os.PathLike[str] | Clip | TimedClip  # or the path of a clip
Reader: TypeAlias = Callable[[str | os.PathLike[str]], Clip | TimedClip]  # reads the clip at a path


def open_clip(index: int, video: Video, reader: Reader | None = None) -> Clip | TimedClip:
    """The clip at a path, or the video itself; `index` numbers it in messages.

    InvalidClip: it is a path, and there is no reader.
    """
    if not isinstance(video, (str, os.PathLike)):
        return video
    if reader is None:
        raise InvalidClip(
            f"Expected clip {index} as features or frames, got the path {os.fspath(video)!r}. Open the model with "
            "topiclens.load or topiclens.connect, which read video files, or pass the frames."
        )
    return reader(video)


def seconds_of(video: Video) -> tuple[float, ...] | None:
    """When each frame of a clip is shown; None where only the frames are known."""
    return tuple(float(second) for second in video.seconds) if isinstance(video, TimedClip) else None


def prepare_clip(index: int, video: Video, reader: Reader | None = None) -> np.ndarray | list[bytes]:
    """Checks a video and brings it into the form that a model takes; `index` numbers it in messages.

    Returns:
        (time, dim) float32 features, or JPEG bytes in order of time.
    Raises:
        InvalidClip: it is not a `Video`, it is empty, or it is a path and there is no reader.
    """
    clip = open_clip(index, video, reader)
    video = clip.frames if isinstance(clip, TimedClip) else clip
    if isinstance(video, np.ndarray) and video.ndim != 4:
        return _checked_features(index, video)
    if len(video) and isinstance(video[0], np.ndarray):
        try:
            return encode_frames(cast("Sequence[np.ndarray]", video))
        except ValueError as error:
            raise InvalidClip(f"Clip {index}: {error}") from error
    return _checked_jpegs(index, cast("Sequence[bytes]", video))


def _checked_features(index: int, clip: np.ndarray) -> np.ndarray:
    if clip.ndim != 2 or clip.shape[0] == 0 or clip.dtype.kind not in "fiu":
        raise InvalidClip(
            f"Expected clip {index} as (time, dim) numbers with at least one frame, or as (time, height, width, 3) "
            f"uint8 RGB frames, got {clip.dtype} {clip.shape}. Likely cause: a batch was passed where a list of clips "
            "is wanted, or a video gave no frames."
        )
    clip = clip.astype(np.float32, copy=False)
    if not np.isfinite(clip).all():
        raise InvalidClip(
            f"Expected finite features, got NaN or infinity in clip {index}. Likely cause: a feature file that was "
            "written half, or half precision that overflowed. Extract its features again."
        )
    if not clip.any():
        raise InvalidClip(
            f"Expected at least one frame that is not all zero, got none in clip {index}. All-zero frames mean "
            "padding, so nothing would be left to caption. Extract its features again."
        )
    return clip


def _checked_jpegs(index: int, clip: Sequence[bytes]) -> list[bytes]:
    if isinstance(clip, bytes) or not all(isinstance(frame, bytes) for frame in clip):
        raise InvalidClip(
            f"Expected clip {index} as a sequence of JPEG bytes, got {type(clip).__name__}. Likely cause: one image, "
            "or frames of several kinds, where a list of encoded frames is wanted: see "
            "topiclens.schemas.jpeg_frames.encode_frames."
        )
    frames = [bytes(frame) for frame in clip if len(frame)]
    if not frames:
        raise InvalidClip(f"Expected at least one frame in clip {index}, got none. Check that the video decodes.")
    for number, frame in enumerate(frames):
        if not frame.startswith(b"\xff\xd8\xff"):
            raise InvalidClip(
                f"Expected JPEG bytes in clip {index}, got something else in frame {number} (it starts with "
                f"{frame[:4]!r}). Encode the frames with topiclens.schemas.jpeg_frames.encode_frames."
            )
    return frames
