"""Frames as JPEGs: small enough to send, true enough to caption."""

import io

import numpy as np
import pytest
from PIL import Image

from topiclens.schemas.jpeg_frames import encode_frames


def decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def photo(height, width):
    """A smooth picture with colour edges: a gradient, and a red square on blue."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([rows * 255 / height, columns * 255 / width, np.full((height, width), 128)], -1)
    image[height // 4 : height // 2, width // 4 : width // 2] = (200, 30, 30)
    return image.astype(np.uint8)


def test_a_small_frame_keeps_its_size_and_its_colours():
    frame = photo(120, 160)
    back = decode(encode_frames([frame])[0]).astype(float)
    assert back.shape == frame.shape
    assert np.abs(back - frame).mean() < 2


@pytest.mark.parametrize(
    "height, width, expected", [(720, 1280, (360, 640)), (1280, 720, (640, 360)), (4000, 361, (3989, 360))]
)
def test_a_large_frame_is_shrunk_to_the_short_side_with_its_aspect(height, width, expected):
    assert decode(encode_frames([photo(height, width)])[0]).shape[:2] == expected


def test_frames_keep_their_order():
    jpegs = encode_frames(np.full((20, 20, 3), level, np.uint8) for level in (10, 100, 200))
    np.testing.assert_allclose([decode(jpeg).mean() for jpeg in jpegs], [10, 100, 200], atol=1)


@pytest.mark.parametrize(
    "frame",
    [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)],
)
def test_what_is_no_rgb_frame_is_refused(frame):
    with pytest.raises(ValueError, match="frame 0 as .* uint8 RGB"):
        encode_frames([frame])
