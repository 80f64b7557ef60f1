"""Sampling takes exactly the frames it says, whatever the format, the timestamps and the header."""

import struct
import types
import weakref

import av
import numpy as np
import pytest

from topiclens.components.videos import reader
from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import probe, sample_frames, sample_video
from topiclens.components.videos.sampling import POLICIES, Sampling, equally_spaced

UNEVEN = np.cumsum([30, 10, 200, 5, 40] * 12).tolist()  # milliseconds

FORMATS = {
    "mp4 with B-frames": ("clip.mp4", "libx264", "yuv420p", {"options": {"bf": "3", "g": "12"}}),
    "mp4 fragmented": ("clip.mp4", "libx264", "yuv420p", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
    "mp4 of variable rate": ("clip.mp4", "libx264", "yuv420p", {"milliseconds": UNEVEN, "options": {"bf": "2"}}),
    "avi": ("clip.avi", "mpeg4", "yuv420p", {}),
    "avi with H.264": ("clip.avi", "libx264", "yuv420p", {"options": {"bf": "0"}}),
    "avi with B-frames": ("clip.avi", "mpeg4", "yuv420p", {"options": {"bf": "2"}}),
    "webm vp8": ("clip.webm", "libvpx", "yuv420p", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    "webm vp9": ("clip.webm", "libvpx-vp9", "yuv420p", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    "webm of variable rate": (
        "clip.webm", "libvpx-vp9", "yuv420p", {"milliseconds": UNEVEN, "options": {"deadline": "realtime"}},
    ),
    "gif": ("clip.gif", "gif", "rgb8", {}),
    "odd size": ("clip.mkv", "ffv1", "yuv444p", {"size": (163, 67)}),
    "odd size with halved colour": ("clip.webm", "libvpx-vp9", "yuv420p", {"size": (163, 67)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_the_frames_taken_are_the_frames_named(kind, clips, tmp_path):
    name, codec, pixels, options = FORMATS[kind]
    path = clips.write(tmp_path / name, 60, codec, pixels, **options)

    sampled = sample_frames(path, 28)

    assert sampled.total == 60
    assert [clips.number_shown(frame) for frame in sampled.frames] == list(sampled.indices)
    assert sampled.indices == equally_spaced(60, 28)
    width, height = options.get("size", (160, 64))
    assert all(frame.shape == (height, width, 3) and frame.dtype == np.uint8 for frame in sampled.frames)


def test_b_frames_are_counted_in_the_order_shown(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 30, options={"bf": "3", "g": "30"})
    with av.open(str(path)) as file:
        times = [packet.pts for packet in file.demux(video=0) if packet.pts is not None]
    assert times != sorted(times), "the clip should store its frames in another order than it shows them"
    assert [clips.number_shown(frame) for frame in sample_frames(path, 30).frames] == list(range(30))


@pytest.mark.parametrize("claimed", [7, 5000])
def test_a_frame_count_that_lies_changes_nothing(claimed, clips, tmp_path):
    path = clips.write(tmp_path / "clip.avi", 50, "mpeg4")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"avih") + 8 + 16, claimed)  # dwTotalFrames
    struct.pack_into("<I", data, data.index(b"strh") + 8 + 32, claimed)  # dwLength
    path.write_bytes(data)
    with av.open(str(path)) as file:
        assert file.streams.video[0].frames == claimed

    sampled = sample_frames(path, 10)

    assert sampled.total == 50
    assert [clips.number_shown(frame) for frame in sampled.frames] == list(range(0, 50, 5))


def test_a_duration_that_lies_changes_nothing(clips, tmp_path):
    path = clips.write(tmp_path / "clip.webm", 50, "libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"})
    data = bytearray(path.read_bytes())
    struct.pack_into(">d", data, data.index(b"\x44\x89\x88") + 3, 3_600_000.0)  # Matroska's Duration, milliseconds
    path.write_bytes(data)
    with av.open(str(path)) as file:
        assert file.duration == 3600 * av.time_base

    assert [clips.number_shown(frame) for frame in sample_frames(path, 5).frames] == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("total", [1, 5, 27, 28])
def test_a_clip_with_no_more_than_n_frames_gives_all_of_them(total, clips, tmp_path):
    sampled = sample_frames(clips.write(tmp_path / "clip.mp4", total), 28)
    assert [clips.number_shown(frame) for frame in sampled.frames] == list(range(total)) == list(sampled.indices)


@pytest.mark.parametrize("held_bytes", [0, reader.HELD_BYTES])
@pytest.mark.parametrize("start", [None, 1.0])
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_takes_the_frames_that_it_names(policy, start, held_bytes, clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 60, options={"bf": "3", "g": "12"})
    sampling = Sampling(policy, n_frames=7, step=3, seed=1)
    before = 0 if start is None else 10  # frames a second

    sampled = sample_video(path, sampling, start=start, held_bytes=held_bytes)

    assert sampled.total == 60 - before and sampled.indices == sampling.indices(60 - before, "clip")
    assert [clips.number_shown(frame) - before for frame in sampled.frames] == list(sampled.indices)


def test_a_random_clip_is_that_of_the_video_s_id_or_else_of_its_file_s_name(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 60)
    sampling = Sampling("random_clip", n_frames=2)
    taken = {video_id: sample_video(path, sampling, video_id).indices for video_id in (None, "clip", "one", "other")}
    assert taken[None] == taken["clip"] and len(set(taken.values())) == 3


@pytest.mark.parametrize("name,codec,pixels", [("a.mp4", "libx264", "yuv420p"), ("a.gif", "gif", "rgb8")])
def test_two_passes_over_a_long_clip_take_the_same_frames_as_one(name, codec, pixels, clips, tmp_path):
    path = clips.write(tmp_path / name, 60, codec, pixels)
    once, twice = sample_frames(path, 9, start=1, end=5), sample_frames(path, 9, start=1, end=5, held_bytes=0)
    assert once.indices == twice.indices and once.seconds == twice.seconds and once.total == twice.total == 40
    np.testing.assert_array_equal(once.frames, twice.frames)


def test_memory_is_bounded_however_long_the_clip(monkeypatch):
    """Stands frames of 1 MB in for a clip and counts how many are alive at once."""
    alive, most = weakref.WeakSet(), 0

    class Frame:
        width = height = 8
        interlaced_frame, side_data, color_trc = False, {}, 1
        planes = (types.SimpleNamespace(buffer_size=2**20),)

        def __init__(self):
            nonlocal most
            alive.add(self)
            most = max(most, len(alive))

        def to_ndarray(self, **_):
            return np.zeros((8, 8, 3), np.uint8)

    class Decoding:
        name, aspect, rounding = "long.mp4", None, 1e-6

        def __init__(self, path, limits): ...

        def __iter__(self):
            for number in range(5000):
                yield number / 25, Frame()

    monkeypatch.setattr(reader, "Decoding", Decoding)
    sampled = sample_frames("long.mp4", 28, held_bytes=50 * 2**20)
    assert sampled.total == 5000 and len(sampled.frames) == 28
    assert most <= 55


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_rotated_clip_is_shown_upright(quarter_turns, clips, tmp_path):
    sampled = sample_frames(clips.write_turned(tmp_path / "phone.mp4", quarter_turns), 12)

    assert all(frame.shape == (64, 160, 3) for frame in sampled.frames)
    assert [clips.number_shown(frame) for frame in sampled.frames] == list(range(12))


def test_large_frames_are_shrunk_to_the_short_side_and_small_ones_left_exact(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mkv", 4, "ffv1", "yuv444p", size=(400, 200))
    exact = sample_frames(path, 4, short_side=None).frames
    np.testing.assert_array_equal(sample_frames(path, 4, short_side=200).frames, exact)
    shrunk = sample_frames(path, 4, short_side=100)
    assert [frame.shape for frame in shrunk.frames] == [(100, 200, 3)] * 4
    assert [clips.number_shown(frame) for frame in shrunk.frames] == [0, 1, 2, 3]
    by_hand = np.asarray(exact, float).reshape(4, 100, 2, 200, 2, 3).mean(axis=(2, 4))
    assert np.abs(by_hand - np.asarray(shrunk.frames)).mean() < 3


def test_colours_come_out_as_red_green_blue(clips, tmp_path):
    red = lambda *_: np.full((64, 160, 3), (220, 30, 40), np.uint8)  # noqa: E731
    path = clips.write(tmp_path / "red.mp4", 3, draw=red)
    assert np.abs(sample_frames(path, 1).frames[0].mean(axis=(0, 1)) - (220, 30, 40)).max() < 12


def test_a_segment_holds_the_frames_from_its_start_up_to_its_end(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 40, rate=10)
    sampled = sample_frames(path, 4, start=1, end=2)
    assert sampled.total == 10
    assert [clips.number_shown(frame) for frame in sampled.frames] == [10, 13, 16, 18]
    np.testing.assert_allclose(sampled.seconds, [1.0, 1.3, 1.6, 1.8], atol=1e-6)


def test_adjoining_segments_share_no_frame_and_lose_none(clips, tmp_path):
    path = clips.write(tmp_path / "clip.webm", 60, "libvpx-vp9", milliseconds=UNEVEN, options={"deadline": "realtime"})
    cuts = [None, 0.5, 1.003, 2.5, None]
    shown = [
        [clips.number_shown(frame) for frame in sample_frames(path, 100, start=start, end=end).frames]
        for start, end in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    assert sum(shown, []) == list(range(60))
    assert all(shown)


def test_time_begins_at_the_first_frame(clips, tmp_path):
    late = [5000 + 100 * number for number in range(30)]
    path = clips.write(tmp_path / "late.mkv", 30, milliseconds=late)
    sampled = sample_frames(path, 30, start=1)
    assert [clips.number_shown(frame) for frame in sampled.frames] == list(range(10, 30))


def test_a_segment_past_the_end_is_an_error_that_says_where_the_clip_ends(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 20, rate=10)
    with pytest.raises(
        UnreadableVideo, match=r"'clip.mp4' has no frame from 30 s to 40 s: the last one seen is at 1.90 s"
    ):
        sample_frames(path, start=30, end=40)


def test_asking_for_no_frames_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least 1 frame to sample, got n=0"):
        sample_frames(tmp_path / "any.mp4", 0)


def test_a_probe_tells_the_size_of_the_first_frame(clips, tmp_path):
    assert probe(clips.write(tmp_path / "clip.mp4", 3)) == (160, 64)
