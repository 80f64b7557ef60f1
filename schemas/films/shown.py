"""A frame as a viewer sees it: deinterlaced, in square pixels, turned and mirrored, in an SDR display's colours."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np

SHORT_SIDE = 512  # pixels that a frame is shrunk to before a model sees it
_PQ, _HLG = 16, 18  # ITU-T H.273, transfer characteristics
_WIDEST = 32  # pixels that are wider or higher than that are a mistake
_WHITE, _PEAK, _KNEE = 203.0, 1000.0, 0.5  # nits of white (ITU-R BT.2408), of the brightest; where rolling off begins
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # ITU-R BT.2087


def as_shown(frame: Any, short_side: int | None = None, aspect: Fraction | None = None) -> np.ndarray:
    """(height, width, 3) uint8 RGB of a frame as it is shown.

    Args:
        short_side: pixels to which a longer short side is shrunk.
        aspect: width of a stored pixel by its height.
    """
    if frame.interlaced_frame:
        frame = _filtered(frame, "estdif", "mode=frame:deint=interlaced")
    aspect = aspect if aspect and max(aspect, 1 / aspect) <= _WIDEST else Fraction(1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    scale = 1.0 if short_side is None else min(1.0, short_side / min(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    matrix = _display_matrix(frame)
    if frame.color_trc in (_PQ, _HLG):
        pixels = _tone_mapped(_converted(frame, "rgb48le", size), frame.color_trc)
    else:
        pixels = _converted(frame, "rgb24", size)
    return turned(pixels, matrix) if matrix else pixels


def turned(pixels: np.ndarray, matrix: tuple[float, float, float, float]) -> np.ndarray:
    """Turns and mirrors a picture (height, width, 3) by the a, b, c, d of a display matrix, as ffmpeg does.

    A point (x, y), y downwards, comes to (a x + c y, b x + d y). Angles other than quarter turns leave black corners.
    """
    a, b, c, d = matrix
    lengths = math.hypot(a, c), math.hypot(b, d)
    if not all(lengths):
        return pixels
    a, c, b, d = a / lengths[0], c / lengths[0], b / lengths[1], d / lengths[1]
    angle = math.degrees(math.atan2(b, a))  # clockwise
    if abs(angle - 90 * round(angle / 90)) > 1 and a * d - b * c > 0:
        rotated = _filtered(av.VideoFrame.from_ndarray(pixels, "rgb24"), "rotate", f"{math.radians(angle)}")
        return rotated.to_ndarray(format="rgb24")
    if abs(b) > abs(d):  # columns become rows
        pixels, down, right = pixels.swapaxes(0, 1), b > 0, c > 0
    else:
        down, right = d > 0, a > 0
    return np.ascontiguousarray(pixels[:: 1 if down else -1, :: 1 if right else -1])


def _display_matrix(frame: Any) -> tuple[float, float, float, float] | None:
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    values = np.frombuffer(bytes(data), np.int32).astype(float)
    return values[0], values[1], values[3], values[4]


def _converted(frame: Any, pixels: str, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    exact = width >= frame.width and height >= frame.height
    how = "BILINEAR" if exact else "AREA"
    return frame.to_ndarray(format=pixels, width=width, height=height, interpolation=how, threads=1)


def _filtered(frame: Any, name: str, arguments: str) -> Any:
    """A frame through one of FFmpeg's filters."""
    frame.pts = 0
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add(name, arguments), graph.add("buffersink")).configure()
    graph.push(frame)
    graph.push(None)
    return graph.pull()


def _tone_mapped(pixels: np.ndarray, transfer: int) -> np.ndarray:
    """(height, width, 3) uint8 for an SDR display, from 16 bits of PQ or HLG in BT.2020.

    Light in units of white, 203 nits, brought to BT.709, is kept up to half of white; above, the brightest of the three
    is rolled off so that 1000 nits become white (the curve of Mobius). The display's gamma is 2.2.
    """
    light = _light(transfer)[pixels]
    if transfer == _HLG:  # the display's own gamma, 1.2 at 1000 nits (ITU-R BT.2100)
        luma = light @ np.array([0.2627, 0.678, 0.0593], np.float32)
        light = light * (np.maximum(luma, 1e-6) ** 0.2)[..., None] * np.float32(_PEAK / _WHITE)
    light = np.maximum(light @ _BT2020_TO_BT709.T, 0)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    peak, knee = _PEAK / _WHITE, _KNEE
    a = -(knee**2) * (peak - 1) / (knee**2 - 2 * knee + peak)
    b = (knee**2 - 2 * knee * peak + peak) / (peak - 1)
    rolled = (b**2 + 2 * b * knee + knee**2) / (b - a) * (brightest + a) / (brightest + b)
    light *= np.where(brightest <= knee, 1.0, rolled / brightest)
    return np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)


@functools.cache
def _light(transfer: int) -> np.ndarray:
    """(65536,) float32: the light of each code; of PQ in units of white, of HLG as a share of the scene's most."""
    code = np.arange(65536) / 65535
    if transfer == _PQ:  # SMPTE ST 2084
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = code ** (1 / m2)
        light = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) * 10_000 / _WHITE
    else:  # ARIB STD-B67
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return light.astype(np.float32)
