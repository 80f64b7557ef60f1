"""Frames → JPEGs, for the ``caption_frames`` signature and its JPEG input."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

# Pixels. The largest crop of a backbone here is 299 from a short side of 342: more would be thrown away again.
SHORT_SIDE = 360
QUALITY = 95


def encode_frames(frames: Iterable[np.ndarray], *, short_side: int = SHORT_SIDE, quality: int = QUALITY) -> list[bytes]:
    """Encodes a clip's frames as JPEG.

    Args:
        frames: (height, width, 3) uint8 arrays, RGB, in order of time.
        short_side: pixels; a frame whose short side is longer is shrunk to it, aspect kept. None is enlarged.
        quality: JPEG quality, 1 to 95.
    Returns:
        JPEG bytes, one a frame.
    """
    return [_encode(index, frame, short_side, quality) for index, frame in enumerate(frames)]


def _encode(index: int, frame: np.ndarray, short_side: int, quality: int) -> bytes:
    frame = np.asarray(frame)
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
        raise ValueError(
            f"Expected frame {index} as (height, width, 3) uint8 RGB, got {frame.dtype} {frame.shape}. "
            "Likely cause: a grey or floating-point image. Convert it to RGB bytes first."
        )
    image = Image.fromarray(frame)
    scale = short_side / min(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    # Full colour resolution: halving it, JPEG's habit, moves the features more than the quality does.
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
