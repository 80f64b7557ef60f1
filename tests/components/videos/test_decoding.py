"""Clips that cannot be used are told from those that can, each with its own message, and within limits."""

import os

import av
import numpy as np
import pytest

from topiclens.components.videos.decoding import Decoding, DecodingLimits, UnreadableVideo
from topiclens.components.videos.reader import sample_frames


def numbers(clips, path) -> list[int]:
    return [clips.number_shown(frame.to_ndarray(format="rgb24")) for _, frame in Decoding(path)]


def cut(path, share: float):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def id3_picture(jpeg: bytes) -> bytes:
    """An ID3v2.3 tag with a cover picture, which containers show as a stream of video."""
    body = b"\0image/jpeg\0\x03\0" + jpeg
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame


def test_a_truncated_mp4_is_told_with_ffmpegs_own_words(clips, tmp_path):
    path = cut(clips.write(tmp_path / "cut.mp4", 30), 0.5)
    for _ in range(2):  # FFmpeg holds back a message it gave before
        with pytest.raises(UnreadableVideo, match=r"'cut.mp4' cannot be opened .*moov atom not found.*cut short"):
            sample_frames(path)


@pytest.mark.parametrize(
    "name,codec,pixels", [("a.webm", "libvpx-vp9", "yuv420p"), ("a.gif", "gif", "rgb8"), ("a.mkv", "ffv1", "yuv444p")]
)
def test_what_a_truncated_clip_still_holds_is_used(name, codec, pixels, clips, tmp_path):
    shown = numbers(clips, cut(clips.write(tmp_path / name, 60, codec, pixels), 0.6))
    assert 20 < len(shown) < 60
    assert shown[:-1] == list(range(len(shown) - 1))  # the last may be torn


def test_stand_ins_for_missing_frames_are_no_frames(clips, tmp_path):
    """The last packet is torn; FFmpeg gives the frame before it once more and marks that as corrupt."""
    path = cut(clips.write(tmp_path / "torn.flv", 60, "flv"), 0.9)
    with av.open(str(path)) as file:
        assert any(frame.is_corrupt for frame in file.decode(video=0))
    shown = numbers(clips, path)
    assert shown == list(range(len(shown)))


def test_a_clip_without_a_frame_says_so(clips, tmp_path):
    path = clips.write(tmp_path / "empty.avi", 0, "mpeg4")
    with pytest.raises(UnreadableVideo, match="'empty.avi' has 0 decodable frames"):
        sample_frames(path)


def test_one_frame_is_enough(clips, tmp_path):
    assert numbers(clips, clips.write(tmp_path / "one.mp4", 1)) == [0]


@pytest.mark.parametrize("name,codec", [("sound.m4a", "aac"), ("sound.wav", "pcm_s16le")])
def test_sound_alone_is_told(name, codec, clips, tmp_path):
    with pytest.raises(UnreadableVideo, match=f"'{name}' has no video stream, only: audio"):
        sample_frames(clips.write_sound(tmp_path / name, codec))


def test_a_songs_cover_picture_is_no_video(clips, tmp_path):
    picture = clips.write(tmp_path / "cover.mjpeg", 1, "mjpeg", "yuvj420p").read_bytes()
    song = clips.write_sound(tmp_path / "song.mp3", "mp3")
    song.write_bytes(id3_picture(picture) + song.read_bytes())
    with av.open(str(song)) as file:
        assert len(file.streams.video) == 1
    with pytest.raises(UnreadableVideo, match="'song.mp3' has no video stream"):
        sample_frames(song)


@pytest.mark.parametrize(
    "name,content,message",
    [
        ("empty.mp4", b"", "is an empty file"),
        ("noise.mp4", np.random.default_rng(0).bytes(4000), "cannot be opened as a video"),
        ("text.avi", b"this is no video\n" * 50, "cannot be opened as a video"),
    ],
)
def test_files_that_are_no_videos_are_told(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableVideo, match=f"'{name}' {message}"):
        sample_frames(tmp_path / name)


@pytest.mark.parametrize(
    "name,content",
    [
        ("list.avi", "ffconcat version 1.0\nfile 'secret.mp4'\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_playlist_cannot_name_other_files(name, content, clips, tmp_path):
    clips.write(tmp_path / "secret.mp4", 5)
    (tmp_path / name).write_text(content)
    with pytest.raises(UnreadableVideo, match=f"'{name}' cannot be opened as a video.*is not a video container"):
        sample_frames(tmp_path / name)


def test_pipes_folders_and_missing_files_do_not_hang_or_crash(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name, message in [
        ("pipe.mp4", "is not a plain file"),
        ("folder.mp4", "is not a plain file"),
        ("gone.mp4", "cannot be opened: No such file or directory"),
    ]:
        with pytest.raises(UnreadableVideo, match=f"'{name}' {message}"):
            sample_frames(tmp_path / name)


@pytest.mark.parametrize(
    "limits,message",
    [
        (DecodingLimits(max_pixels=160 * 64 - 1), r"frames of 160 x 64 pixels; at most 10239 .*`limits.max_pixels`"),
        (DecodingLimits(max_frames=29), r"more than 29 frames \(`limits.max_frames`\)"),
        (DecodingLimits(max_decode_seconds=0.0), r"more than 0 s of processor time .*`limits.max_decode_seconds`"),
        (DecodingLimits(max_file_bytes=100), r"bytes; at most 100 are read \(`limits.max_file_bytes`\)"),
    ],
)
def test_a_clip_past_a_limit_is_told_which(limits, message, clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 30)
    with pytest.raises(UnreadableVideo, match=f"'clip.mp4' .*{message}"):
        sample_frames(path, limits=limits)


def test_a_clip_at_its_limits_is_read(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 30)
    limits = DecodingLimits(max_pixels=160 * 64, max_frames=30, max_file_bytes=path.stat().st_size)
    assert sample_frames(path, limits=limits).total == 30


@pytest.mark.parametrize("damaged", [8, 22])
def test_a_clip_is_given_up_once_most_of_it_is_damaged(damaged, clips, tmp_path):
    """Every frame of motion JPEG is a packet of its own; some are overwritten."""
    path = clips.write(tmp_path / "clip.avi", 30, "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"movi")
    for _ in range(damaged):
        at = data.index(b"00dc", at) + 8
        size = int.from_bytes(data[at - 4 : at], "little")
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    if damaged <= 15:
        assert numbers(clips, path) == list(range(damaged, 30))
    else:
        with pytest.raises(UnreadableVideo, match=r"'clip.avi' is damaged: 22 of its 3[01] packets do not decode"):
            sample_frames(path)
