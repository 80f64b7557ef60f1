"""How clips become batches, without a model."""

import numpy as np
import pytest

from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.serving.captioning import Captioning
from topiclens.serving.errors import InvalidClip, RequestTooLarge


class Recorder(Captioning):
    """Keeps the batches, and answers each clip with its number of real frames."""

    signatures = {}

    def __init__(self, **options):
        super().__init__(**options)
        self.batches = []

    def predict(self, signature, inputs):
        ((name, batch),) = inputs.items()
        self.batches.append((signature, name, batch))
        real = batch != b"" if batch.dtype == object else np.any(batch != 0, axis=-1)
        return {"caption": np.array([str(n).encode() for n in real.sum(1)], object), "log_prob": -real.sum(1) * 1.0}


JPEG = b"\xff\xd8\xff\xe0 as far as anyone looks"


def test_padding_is_zero_rows_after_the_clip():
    recorder = Recorder(n_frames=6)
    clips = [np.full((2, 3), 1.0, np.float16), np.full((4, 3), 2)]
    assert [caption.text for caption in recorder.caption_all(clips)] == ["2", "4"]
    ((signature, name, batch),) = recorder.batches
    assert (signature, name, batch.shape, batch.dtype) == ("serving_default", "frames", (2, 6, 3), np.float32)
    assert (batch[0, :2] == 1).all() and (batch[0, 2:] == 0).all()
    assert (batch[1, :4] == 2).all() and (batch[1, 4:] == 0).all()


def test_padding_of_jpegs_is_the_empty_string():
    recorder = Recorder(n_frames=3)
    assert [caption.text for caption in recorder.caption_all([[JPEG], [JPEG] * 4])] == ["1", "4"]
    ((signature, name, batch),) = recorder.batches
    assert (signature, name, batch.shape) == ("caption_frames", "frames_jpeg", (2, 4))
    assert batch[0].tolist() == [JPEG, b"", b"", b""]


def test_without_a_fixed_length_a_batch_is_as_long_as_its_longest_clip():
    recorder = Recorder(n_frames=None)
    recorder.caption_all([np.ones((2, 3)), np.ones((5, 3))])
    assert recorder.batches[0][2].shape == (2, 5, 3)


@pytest.mark.parametrize("max_batch", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("max_message_bytes", [96, 250, 10_000])
def test_batches_keep_both_bounds_and_lose_nothing(max_batch, max_message_bytes):
    recorder = Recorder(max_batch=max_batch, max_message_bytes=max_message_bytes, n_frames=None)
    clips = [np.ones((length, 4), np.float32) for length in (1, 2, 3, 6, 1, 1, 4, 5, 2, 6)]
    assert [int(caption.text) for caption in recorder.caption_all(clips)] == [len(clip) for clip in clips]
    assert sum(len(batch) for _, _, batch in recorder.batches) == len(clips)
    for _, _, batch in recorder.batches:
        real = np.any(batch != 0, axis=-1).sum() * 4 * 4
        assert len(batch) <= max_batch and real <= max_message_bytes


def test_jpeg_batches_are_cut_by_bytes():
    recorder = Recorder(max_message_bytes=2 * len(JPEG))
    recorder.caption_all([[JPEG], [JPEG], [JPEG, JPEG], [JPEG]])
    assert [len(batch) for _, _, batch in recorder.batches] == [2, 1, 1]
    with pytest.raises(RequestTooLarge, match="clip 1"):
        recorder.caption_all([[JPEG], [JPEG] * 3])


def test_clips_of_two_widths_are_refused():
    with pytest.raises(InvalidClip, match=r"\[3, 4\]"):
        Recorder().caption_all([np.ones((1, 3)), np.ones((1, 4))])


@pytest.mark.parametrize(
    "clip, words",
    [([], "at least one frame"), (JPEG, "sequence of JPEG"), ([b"PNG"], "starts with"), (["x"], "sequence")],
)
def test_a_clip_that_is_no_jpegs_is_refused(clip, words):
    with pytest.raises(InvalidClip, match=words):
        Recorder().caption_all([clip])


def test_a_batch_holds_at_least_one_clip():
    with pytest.raises(ValueError, match="max_batch"):
        Recorder(max_batch=0)


def rgb(*levels: int) -> np.ndarray:
    """(time, 4, 5, 3) uint8, each frame of one grey level."""
    return np.stack([np.full((4, 5, 3), level, np.uint8) for level in levels])


def test_a_video_may_be_a_path_features_frames_or_jpegs(tmp_path):
    features = np.ones((3, 4), np.float32)
    recorder = Recorder(reader=lambda path: features if str(path).endswith(".npy") else encode_frames(rgb(9, 8)))
    asked = ["clip.mp4", tmp_path / "clip.npy", features, rgb(1, 2, 3, 4), list(rgb(1, 2)), [JPEG]]
    assert [recorder.caption(video).text for video in asked] == ["2", "3", "3", "4", "2", "1"]
    frames, features = "caption_frames", "serving_default"
    assert [signature for signature, *_ in recorder.batches] == [frames, features, features, frames, frames, frames]


def test_videos_of_several_kinds_come_back_in_order():
    recorder = Recorder(max_batch=3)
    features = [np.ones((length, 4), np.float32) for length in (1, 2, 3, 4)]
    videos = [features[0], [JPEG], [JPEG] * 5, features[1], features[2], features[3], rgb(1, 2)]
    assert [caption.text for caption in recorder.caption_all(iter(videos))] == ["1", "1", "5", "2", "3", "4", "2"]
    assert [len(batch) for _, _, batch in recorder.batches] == [1, 2, 3, 1]


@pytest.mark.parametrize(
    "video, words",
    [
        ("clip.mp4", "path 'clip.mp4'.*topiclens.load"),
        (np.ones((2, 3, 4)), r"\(time, dim\).*\(time, height, width, 3\).*float64 \(2, 3, 4\)"),
        (np.ones((2, 4, 5, 3), np.float32), "Clip 0: .*uint8 RGB, got float32"),
        ([np.ones((4, 5), np.uint8)], "uint8 RGB"),
        ([], "at least one frame"),
    ],
)
def test_what_is_no_video_is_refused_with_what_is_taken(video, words):
    with pytest.raises(InvalidClip, match=words):
        Recorder().caption(video)
