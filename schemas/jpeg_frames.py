"""How the frames of a clip are sent to a model, and how its features are made: as JPEG of a bounded size.

What a captioner is trained and judged on is what it is asked with once it is served.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

# Pixels. The largest crop of a backbone here is 299 from a short side of 342: more would be thrown away again.
SHORT_SIDE = 360
QUALITY = 95


def encode_frames(frames: Iterable[np.ndarray]) -> list[bytes]:
    """Encodes a clip's frames, (height, width, 3) uint8 RGB, as JPEG; a longer short side is shrunk to `SHORT_SIDE`."""
    return [_encode(index, frame) for index, frame in enumerate(frames)]


def _encode(index: int, frame: np.ndarray) -> bytes:
    frame = np.asarray(frame)
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
        raise ValueError(
            f"Expected frame {index} as (height, width, 3) uint8 RGB, got {frame.dtype} {frame.shape}. "
            "Likely cause: a grey or floating-point image. Convert it to RGB bytes first."
        )
    image = Image.fromarray(frame)
    scale = SHORT_SIDE / min(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    # Full colour resolution: halving it, JPEG's habit, moves the features more than the quality does.
    image.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
