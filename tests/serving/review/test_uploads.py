"""Clips of strangers: what they are is read from their bytes, and what they cost is bounded."""

import hashlib
import io
import struct
import time

import av
import numpy as np
import pytest
from PIL import Image

from tests.components.videos.conftest import number_shown, write_clip, write_sound, write_turned
from tests.serving.review.conftest import opened
from topiclens.components.videos.reader import sample_frames
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.serving.review.limits import PageLimits
from topiclens.serving.review.uploads import UnreadableClip, wanted_frames


def clip_of(count: int, size: tuple[int, int] = (64, 48), container: str = "mp4", codec: str = "mpeg4") -> bytes:
    """A film of `count` grey frames, each a little brighter than the one before."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(count):
            grey = np.full((size[1], size[0], 3), 10 + 200 * index // count, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return file.getvalue()


def covered(film: bytes, jpeg: bytes) -> bytes:
    """An MP4 whose header, which is its end, begins with a cover, as music programs write it."""
    picture = box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 13, 0) + jpeg)))
    cover = box(b"udta", box(b"meta", bytes(4) + box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9)) + picture))
    start = film.rindex(b"moov") - 4
    return film[:start] + box(b"moov", cover + film[start + 8 :])


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def brightness(jpeg: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).mean())


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_the_wanted_frames_come_back_in_order(container):
    pictures = wanted_frames(clip_of(20, container=container), lambda count: [0, count // 2, count - 1, 0]).pictures
    values = [brightness(picture) for picture in pictures]
    assert values[:3] == pytest.approx([10, 110, 200], abs=8) and values[3] == values[0]


def test_large_frames_are_shrunk_as_the_client_does():
    (picture,) = wanted_frames(clip_of(1, size=(1280, 720)), lambda _: [0]).pictures
    assert Image.open(io.BytesIO(picture)).size == (640, 360)


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_clip_that_a_phone_filmed_on_its_side_is_turned_upright_as_for_training(quarter_turns, tmp_path):
    path = write_turned(tmp_path / "phone.mp4", quarter_turns)
    decoded, trained_on = wanted_frames(path.read_bytes(), range), sample_frames(path, 12)
    pictures = [np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in decoded.pictures]
    assert [number_shown(picture) for picture in pictures] == list(range(12))
    assert decoded.pictures == encode_frames(trained_on.frames) and pictures[0].shape == (64, 160, 3)
    assert decoded.seconds == list(trained_on.seconds)


def test_large_frames_are_those_of_training_byte_for_byte(tmp_path):
    film = tmp_path / "large.mp4"
    film.write_bytes(clip_of(9, size=(1280, 720)))
    sampled = sample_frames(film, 4)
    decoded = wanted_frames(film.read_bytes(), lambda _: sampled.indices)
    assert decoded.pictures == encode_frames(sampled.frames) and decoded.seconds == list(sampled.seconds)


def test_a_cover_before_the_film_is_not_taken_for_it(tmp_path):
    cover = write_clip(tmp_path / "cover.mjpeg", 1, "mjpeg", "yuvj420p").read_bytes()
    film = covered(clip_of(20), cover)
    with av.open(io.BytesIO(film)) as file:
        assert [stream.codec_context.name for stream in file.streams.video] == ["mjpeg", "mpeg4"]
    pictures = wanted_frames(film, lambda count: [0, count - 1]).pictures
    assert list(map(brightness, pictures)) == pytest.approx([10, 200], abs=8)
    with pytest.raises(UnreadableClip, match="only: audio"):
        wanted_frames(covered(write_sound(tmp_path / "song.mp4").read_bytes(), cover), range)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"<svg/>",
     b"%PDF-1.7", b"MZ" + bytes(64), b"\xff\xd8\xff\xe0JFIF"],
)  # fmt: skip
def test_what_is_no_film_is_refused(data):
    with pytest.raises(UnreadableClip, match="no video that is read here|cut short|None of its frames|no video stream"):
        wanted_frames(data, lambda count: [0])


def test_what_only_looks_like_a_film_is_refused():
    with pytest.raises(UnreadableClip, match="cut short|None of its frames"):
        wanted_frames(b"\0\0\0\x18ftypmp42" + bytes(4096), lambda count: [0])
    with pytest.raises(UnreadableClip):
        wanted_frames(clip_of(20)[:600], lambda count: [0])


def test_costs_are_bounded():
    film = clip_of(30)
    with pytest.raises(UnreadableClip, match="more than 10 frames"):
        wanted_frames(film, lambda count: [0], PageLimits(max_frames=10))
    with pytest.raises(UnreadableClip, match="too large"):
        wanted_frames(film, lambda count: [0], PageLimits(max_pixels=64 * 48 - 1))
    with pytest.raises(UnreadableClip, match="memory"):
        wanted_frames(film, lambda count: [0], PageLimits(decode_bytes=48 * 2**20))


def test_a_clip_that_takes_too_long_is_stopped(monkeypatch, tmp_path):
    from topiclens.serving.review import uploads

    stuck = tmp_path / "decoder.py"
    stuck.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(uploads, "_DECODER", stuck)
    monkeypatch.setattr(uploads, "_CLOCK", 0.2)
    began = time.monotonic()
    with pytest.raises(UnreadableClip, match="within the time"):
        wanted_frames(clip_of(3), lambda count: [0], PageLimits(decode_seconds=2))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "answer",
    ["nonsense", '{"frames": "x"}', '{"sizes": []}', "[]", '{"frames": 3}',
     '{"frames": 1}\\n{"sizes": [1], "seconds": [NaN]}', '{"frames": 1}\\n{"sizes": [1], "seconds": []}'],
)  # fmt: skip
def test_a_decoder_that_a_clip_has_won_is_not_believed(monkeypatch, tmp_path, answer):
    from topiclens.serving.review import uploads

    won = tmp_path / "decoder.py"
    won.write_text(f'print({answer!r})\nprint(\'{{"sizes": [99999999999], "seconds": [0]}}\')\n')
    monkeypatch.setattr(uploads, "_DECODER", won)
    with pytest.raises(UnreadableClip):
        wanted_frames(clip_of(3), lambda count: [0])


def test_an_uploaded_clip_gets_a_caption(backend):
    browser = opened(backend)
    film = ("../../<b>.mp4", clip_of(12), "text/html")
    page = browser.post("/new", data={"csrf": browser.csrf}, files={"clip": film})
    assert page.status_code == 200 and "a clip of 8 frames" in page.text and "<b>" not in page.text
    assert browser.post("/api/new", files={"clip": film}).json()["caption"] == "a clip of 8 frames"
    assert len(browser.get("/api/queue").json()["items"]) == 3 and not backend.kept, "it was not to be kept"


def test_a_clip_that_is_kept_is_looked_at_and_corrected_like_others(backend):
    browser = opened(backend)
    data, film = clip_of(12), ("../../<b>.mp4", clip_of(12), "text/html")
    page = browser.post("/new", data={"csrf": browser.csrf, "keep": "yes"}, files={"clip": film})
    assert page.url.path == "/clip" and "The clip is kept" in page.text and "<b>" not in page.text
    (kept,) = backend.kept.values()
    assert (kept.name, kept.content) == ("../../<b>.mp4", hashlib.sha256(data).hexdigest())
    assert len(kept.frames) == 8 == len(kept.seconds) and kept.seconds[1] == pytest.approx(0.1)
    video_id = browser.post("/api/new", data={"keep": "yes"}, files={"clip": film}).json()["video_id"]
    assert page.url.params["id"] == video_id and len(backend.kept) == 1, "the same file is the same clip"
    assert browser.post("/api/corrections", json={"video_id": video_id, "topics": [1]}).status_code == 201
    assert browser.get("/api/clip", params={"video_id": video_id}).json()["corrections"]


def test_uploads_that_cannot_be_used_are_told_why(backend):
    browser = opened(backend, limits=PageLimits(max_upload_bytes=30_000))
    assert "at most 29 KiB" in browser.get("/new").text
    for path, data in (("/new", {"csrf": browser.csrf}), ("/api/new", {})):
        answer = browser.post(path, data=data, files={"clip": ("a.mp4", b"no film", "video/mp4")})
        assert answer.status_code == 422 and "no video that is read here" in answer.text
        answer = browser.post(path, data=data, files={"clip": ("a.mp4", bytes(40_000), "video/mp4")})
        assert answer.status_code == 413 and "29 KiB" in answer.text
        answer = browser.post(path, data={**data, "clip": "text"}, files={"other": b"x"})
        assert answer.status_code == 422 and "Expected a file" in answer.text


def test_a_model_without_a_frame_network_says_so(backend, monkeypatch):
    monkeypatch.setattr(backend, "accepts_clips", lambda: False)
    browser = opened(backend)
    assert "takes features alone" in browser.get("/new").text
    assert browser.post("/api/new", files={"clip": clip_of(2)}).status_code == 409
