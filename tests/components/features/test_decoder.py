"""Clips that crash, hang or fail cost themselves alone."""

import time

import numpy as np
import pytest

from topiclens.components.features.decoder import ClipRequest, DecoderFailed, DecoderPool, DecoderProcess
from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling

UNRULY = "tests.components.features.unruly_reader:sample_video"


@pytest.fixture
def decoder():
    process = DecoderProcess(Sampling(n_frames=3), timeout=30.0, reader=UNRULY)
    yield process
    process.close()


def test_frames_arrive_as_the_reader_gave_them(clip_folder):
    sampling = Sampling("random_clip", n_frames=4, seed=1)
    process = DecoderProcess(sampling)
    try:
        clip = ClipRequest(str(clip_folder / "03.mp4"), start=0.2, video_id="other")
        expected = sample_video(clip.path, sampling, "other", start=0.2).frames
        assert sampling.indices(6, "other") != sampling.indices(6, "03"), "so that the id is seen to arrive"
        np.testing.assert_array_equal(process.sample(clip), expected)
        tight = DecoderProcess(sampling, limits=DecodingLimits(max_frames=2))
        with pytest.raises(UnreadableVideo, match="max_frames"):
            tight.sample(clip)
    finally:
        process.close()
        tight.close()


def test_a_crash_costs_one_clip_and_says_so(decoder):
    before = decoder.sample(ClipRequest("fine-1"))
    with pytest.raises(DecoderFailed, match=r"'crash-2' made its decoder crash \(signal 11\)"):
        decoder.sample(ClipRequest("crash-2"))
    after = decoder.sample(ClipRequest("fine-3"))
    assert [frame.shape for frame in before] == [(4, 6, 3), (5, 6, 3), (6, 6, 3)]  # sizes may change within a clip
    assert before[0].max() == 1 and after[2].min() == 3  # whatever the child prints is not taken for pixels


def test_a_decoder_that_cannot_start_stops_the_job_and_blames_no_clip():
    with pytest.raises(RuntimeError, match="does not start(.|\n)*exit status 1") as caught:
        DecoderProcess(reader="components.no_such_module:sample_video").sample(ClipRequest("fine-1"))
    assert not isinstance(caught.value, UnreadableVideo)


def test_a_hanging_clip_is_given_up(decoder):
    decoder.sample(ClipRequest("fine-1"))
    decoder._timeout = 0.5
    with pytest.raises(DecoderFailed, match="not decoded within 0.5 s"):
        decoder.sample(ClipRequest("hang-2"))
    decoder._timeout = 30.0
    assert decoder.sample(ClipRequest("fine-3"))[0].max() == 3


@pytest.mark.parametrize(
    "path, error", [("damaged-1", UnreadableVideo), ("gone-1", DecoderFailed), ("bug-1", DecoderFailed)]
)
def test_only_what_lies_in_the_clip_itself_is_lasting(path, error, decoder):
    with pytest.raises(UnreadableVideo, match=path) as caught:
        decoder.sample(ClipRequest(path))
    assert type(caught.value) is error


def test_a_pool_answers_in_order_and_works_no_further_ahead_than_it_has_decoders():
    asked = []

    def clips():
        for number in range(6):
            asked.append(number)
            yield ClipRequest(f"{'slow' if number == 0 else 'damaged' if number == 3 else 'fine'}-{number}")

    pool = DecoderPool(2, sampling=Sampling(n_frames=1), reader=UNRULY)
    try:
        outcomes = []
        for outcome in pool.sample(clips()):
            assert len(asked) <= len(outcomes) + 3  # the one in hand and one a decoder
            outcomes.append("damaged" if isinstance(outcome, UnreadableVideo) else int(outcome[0].max()))
        assert outcomes == [0, 1, 2, "damaged", 4, 5]
    finally:
        pool.close()


def test_closing_ends_the_child(decoder):
    decoder.sample(ClipRequest("fine-1"))
    child = decoder._child
    decoder.close()
    deadline = time.monotonic() + 5
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert child.poll() is not None
