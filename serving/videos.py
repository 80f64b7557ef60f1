"""What a captioner takes as a video, and the one form of two that it is asked with: features, or JPEG frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import numpy as np

from topiclens.serving.errors import InvalidClip
from topiclens.serving.frames import encode_frames

# Features (time, dim) of real numbers; or frames in order of time: JPEG bytes, or RGB (height, width, 3) uint8, which
# may also be one array (time, height, width, 3).
Clip: TypeAlias = np.ndarray | Sequence[bytes] | Sequence[np.ndarray]
# A clip, or the path of one.
Video: TypeAlias = str | os.PathLike[str] | Clip
# From a path to the clip that lies there.
Reader: TypeAlias = Callable[[str | os.PathLike[str]], Clip]


def prepare_clip(index: int, video: Video, reader: Reader | None = None) -> np.ndarray | list[bytes]:
    """Checks a video and brings it into the form that a model is asked with.

    Args:
        index: of the video among those asked for, for the message of an error.
        video: see `Video`.
        reader: reads a path; None where only clips are taken.
    Returns:
        (time, dim) float32 features, or JPEG bytes in order of time.
    Raises:
        InvalidClip: it is none of these.
    """
    if isinstance(video, (str, os.PathLike)):
        if reader is None:
            raise InvalidClip(
                f"Expected clip {index} as features or frames, got the path {os.fspath(video)!r}. Open the model with "
                "topiclens.load or topiclens.connect, which read video files, or pass the frames."
            )
        video = reader(video)
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
            "topiclens.serving.frames.encode_frames."
        )
    frames = [bytes(frame) for frame in clip if len(frame)]
    if not frames:
        raise InvalidClip(f"Expected at least one frame in clip {index}, got none. Check that the video decodes.")
    for number, frame in enumerate(frames):
        if not frame.startswith(b"\xff\xd8\xff"):
            raise InvalidClip(
                f"Expected JPEG bytes in clip {index}, got something else in frame {number} (it starts with "
                f"{frame[:4]!r}). Encode the frames with topiclens.serving.frames.encode_frames."
            )
    return frames
