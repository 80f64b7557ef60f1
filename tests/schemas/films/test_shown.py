"""A frame is shown as ffmpeg and a viewer's display show it."""

import math
from fractions import Fraction

import av
import av.filter
import numpy as np
import pytest

from topiclens.schemas.films.shown import as_shown, turned

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
given = hypothesis.given

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def by_points(pixels: np.ndarray, matrix) -> np.ndarray:
    """The same by what the matrix means: each point comes to (a x + c y, b x + d y), and the result begins at 0."""
    a, b, c, d = matrix
    height, width, _ = pixels.shape
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    column, row = a * x + c * y, b * x + d * y
    column, row = column - column.min(), row - row.min()
    out = np.zeros((row.max() + 1, column.max() + 1, 3), np.uint8)
    out[row, column] = pixels
    return out


MATRICES = [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]


@given(st.sampled_from(MATRICES), st.integers(1, 9), st.integers(1, 9), st.floats(0.01, 100))
def test_turns_and_mirrors_put_each_point_where_the_matrix_says(matrix, width, height, scale):
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    scaled = tuple(scale * 65536 * entry for entry in matrix)
    np.testing.assert_array_equal(turned(pixels, scaled), by_points(pixels, matrix))


def test_a_matrix_of_zeros_changes_nothing():
    np.testing.assert_array_equal(turned(PICTURE, (0, 0, 0, 0)), PICTURE)


@given(st.integers(5, 85))
def test_other_angles_turn_within_the_picture_as_ffmpeg_does(degrees):
    pixels = np.full((48, 64, 3), 200, np.uint8)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    shown = turned(pixels, (cosine, sine, -sine, cosine))
    assert shown.shape == pixels.shape and shown[24, 32].min() > 190 and min(shown[0, 0].max(), shown[0, -1].max()) < 60


@given(st.integers(1, 80), st.integers(1, 80))
def test_pixels_are_square_once_shown(wide, high):
    frame = av.VideoFrame.from_ndarray(np.zeros((36, 64, 3), np.uint8), "rgb24")
    aspect = Fraction(wide, high)
    height, width, _ = as_shown(frame, aspect=aspect).shape
    if Fraction(1, 32) <= min(aspect, 1 / aspect):
        assert height == 36 and abs(width - 64 * aspect) <= 1
    else:
        assert (height, width) == (36, 64)
    assert min(as_shown(frame, 16, aspect).shape[:2]) == min(16, height, width)


@pytest.mark.parametrize("colours", [1, 2, 5, 9])
@pytest.mark.parametrize("reach", [0, 1, 2])
def test_range_and_matrix_of_colours_are_those_that_ffmpeg_takes(colours, reach):
    frame = av.VideoFrame.from_ndarray(np.random.default_rng(0).integers(16, 235, (96, 64), np.uint8), "yuv420p")
    frame.colorspace, frame.color_range, frame.pts = colours, reach, 0
    graph = av.filter.Graph()
    source = graph.add_buffer(width=64, height=64, format=frame.format, time_base=Fraction(1, 25))
    scale, form = graph.add("scale", "flags=bilinear"), graph.add("format", "rgb24")
    graph.link_nodes(source, scale, form, graph.add("buffersink")).configure()
    graph.push(frame)
    graph.push(None)
    np.testing.assert_array_equal(as_shown(frame), graph.pull().to_ndarray())


def pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, from light to code."""
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hdr(codes: np.ndarray, transfer: int) -> av.VideoFrame:
    pixels = np.rint(65535 * codes).astype(np.uint16)[None, :, None].repeat(3, axis=2).repeat(8, axis=0)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb48le")
    frame.color_trc = transfer
    return frame


def test_pq_keeps_what_is_darker_than_half_of_white_and_rolls_off_the_rest():
    nits = np.array([0, 5, 20, 60, 100, 203, 500, 1000, 4000], float)
    shown = as_shown(hdr(pq(nits), 16))[0, :, 0].astype(int)
    exact = 255 * (nits / 203) ** (1 / 2.2)
    assert np.abs(shown[:5] - exact[:5]).max() <= 1
    assert list(shown) == sorted(shown) and 215 < shown[5] < 240 and shown[7] == shown[8] == 255 > shown[6]


def test_hlg_shows_grey_as_pq_of_the_same_light():
    scene = np.array([0.01, 0.05, 0.1, 0.2, 0.5, 1.0])
    codes = np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 0.1)) + 0.55991073
    )
    as_hlg, as_pq = as_shown(hdr(codes, 18)), as_shown(hdr(pq(1000 * scene**1.2), 16))
    assert np.abs(as_hlg[0].astype(int) - as_pq[0]).max() <= 1
