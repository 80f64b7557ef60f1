"""Files whose film, shape or clock was once mistaken; both the reader and the page's decoder read them alike."""

import pathlib

import numpy as np
import pytest

from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import sample_frames
from topiclens.serving.review.uploads import UnreadableClip, wanted_frames

FILMS = pathlib.Path(__file__).with_name("films")
NUMBERED = {"two_streams.mp4": 60, "anim.avif": 20, "cat.ts": 120, "seg.ts": 60, "h264b.avi": 60, "wide_first.mov": 60}
FIRST = 40  # the number that the first frame shows


def number(frame: np.ndarray) -> int:
    """Eight bars from left to right, the highest bit first, white for 1."""
    height, width, _ = frame.shape
    bars = (frame[height // 4, int((bit + 0.5) * width / 8)].mean() > 127 for bit in range(8))
    return sum(white << 7 - bit for bit, white in enumerate(bars))


@pytest.mark.parametrize("name", NUMBERED)
def test_every_frame_of_the_film_is_shown_in_its_time(name):
    sampled = sample_frames(FILMS / name, 1000)
    assert [number(frame) for frame in sampled.frames] == list(range(FIRST, FIRST + NUMBERED[name]))
    np.testing.assert_allclose(sampled.seconds, np.arange(NUMBERED[name]) / 25, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["cat.ts", "wide_first.mov", "two_streams.mp4"])
def test_the_page_takes_the_same_frames_at_the_same_times(name):
    decoded, sampled = wanted_frames((FILMS / name).read_bytes(), range), sample_frames(FILMS / name, 1000)
    assert len(decoded.pictures) == sampled.total
    np.testing.assert_array_equal(decoded.seconds, sampled.seconds)


@pytest.mark.parametrize("name,last", [("seg.ts", 56), ("wide_first.mov", 56), ("cat.ts", 116)])
def test_segments_on_the_times_of_frames_hold_those_frames(name, last):
    for k in range(0, last, 5):
        shown = [number(frame) for frame in sample_frames(FILMS / name, 99, start=k / 25, end=(k + 5) / 25).frames]
        assert shown == list(range(FIRST + k, FIRST + k + 5))


def test_segments_hold_their_frames_where_the_file_rounds_times(clips, tmp_path):
    """Matroska rounds to milliseconds, which frames of a thirtieth of a second are not."""
    path = clips.write(tmp_path / "clip.mkv", 40, rate=30)
    for k in range(36):
        sampled = sample_frames(path, 99, start=k / 30, end=(k + 4) / 30)
        assert [clips.number_shown(frame) for frame in sampled.frames] == list(range(k, k + 4))


def test_a_circle_is_as_wide_as_high():
    (frame,) = sample_frames(FILMS / "anamorphic.mp4", 1, short_side=None).frames
    circle = (frame.mean(axis=-1) > 128) != (frame[0, 0].mean() > 128)
    wide, high = (np.ptp(np.flatnonzero(circle.any(axis=axis))) for axis in (0, 1))
    assert wide == pytest.approx(high, rel=0.02)


def test_a_mirrored_film_is_mirrored_back():
    (frame,) = sample_frames(FILMS / "m_hflip.mp4", 1).frames
    height, width = frame.shape[0] // 2, frame.shape[1] // 2
    assert frame[:height, width:].mean() > 200 > 50 > frame[:height, :width].mean()
    assert frame[height:].mean() < 50


@pytest.mark.parametrize("name,message", [("song.m4a", "only: audio\\."), ("encrypted.mp4", "is encrypted")])
def test_the_true_cause_is_told(name, message):
    with pytest.raises(UnreadableVideo, match=message):
        sample_frames(FILMS / name)
    with pytest.raises(UnreadableClip, match=message):
        wanted_frames((FILMS / name).read_bytes(), range)
