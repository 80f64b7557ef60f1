"""The client against a server: by default the stand-in; the same tests against the real TensorFlow Serving:

    python -m tests.serving.toy_model /tmp/toy/1 1
    docker run --rm -p 127.0.0.1:8500:8500 -p 127.0.0.1:8501:8501 \
        --mount type=bind,source=/tmp/toy,target=/models/topiclens -e MODEL_NAME=topiclens tensorflow/serving:2.16.1
    TFS_ADDRESS=grpc://127.0.0.1:8500,http://127.0.0.1:8501 python -m pytest tests/serving/test_client.py
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.serving.toy_model import DIM
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.serving import captioning
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import InvalidClip, ModelNotLoaded, RequestTooLarge, WrongSignature
from topiclens.serving.signatures import TensorSpec


@pytest.fixture(params=["first address", "second address"])
def client(request, addresses):
    index = ["first address", "second address"].index(request.param)
    if index >= len(addresses):
        pytest.skip("TFS_ADDRESS names one address")
    with CaptionClient(addresses[index], timeout=30) as client:
        yield client


@pytest.fixture
def other(client, addresses):
    """A client of the same server with settings of its own."""
    made = []

    def other(**options) -> CaptionClient:
        made.append(CaptionClient(client.address, **{"timeout": 30, **options}))
        return made[-1]

    yield other
    for one in made:
        one.close()


def clips(*lengths, seed=0):
    random = np.random.default_rng(seed)
    return [random.uniform(0.1, 1.0, (length, DIM)).astype(np.float32) for length in lengths]


def grey(level: int, width=16, height=12):
    return np.full((height, width, 3), level, np.uint8)


def test_a_clip_of_features_gets_the_caption_of_its_frames(client):
    (clip,) = clips(5)
    (caption,) = client.caption_all([clip])
    assert caption.text == "v1: 5 frames"
    assert caption.log_prob == pytest.approx(-clip.sum(), rel=1e-5)


def test_clips_of_different_lengths_are_captioned_as_if_each_were_alone(client):
    ragged = clips(3, 28, 1, 40)
    together = client.caption_all(ragged)
    alone = [client.caption_all([clip])[0] for clip in ragged]
    assert [caption.text for caption in together] == [f"v1: {len(clip)} frames" for clip in ragged]
    assert [one.text for one in together] == [one.text for one in alone]
    np.testing.assert_allclose([c.log_prob for c in together], [c.log_prob for c in alone], rtol=1e-5)


def test_many_clips_come_back_in_order_through_small_batches(other):
    many = clips(*range(1, 12))
    captions = other(max_batch=4).caption_all(many)
    assert [caption.text for caption in captions] == [f"v1: {n} frames" for n in range(1, 12)]


def test_no_clips_give_no_captions(client):
    assert client.caption_all([]) == []
    assert client.caption_all([]) == []


def test_jpeg_frames_are_decoded_by_the_model(client):
    bright, dark = encode_frames([grey(255)] * 3), encode_frames([grey(51)] * 2)
    first, second = client.caption_all([bright, dark])
    assert (first.text, second.text) == ("v1: 3 frames", "v1: 2 frames")
    assert first.log_prob == pytest.approx(-3.0, abs=0.01)
    assert second.log_prob == pytest.approx(-2 * 0.2, abs=0.01)


def test_both_apis_give_the_same_captions(addresses):
    answers = []
    for address in addresses:
        with CaptionClient(address) as client:
            answers.append(client.caption_all(clips(2, 7)))
    for captions in answers[1:]:
        assert [caption.text for caption in captions] == [caption.text for caption in answers[0]]
        np.testing.assert_allclose([c.log_prob for c in captions], [c.log_prob for c in answers[0]], rtol=1e-6)


def test_status_and_metadata_tell_what_is_served(client):
    assert [(version.version, version.state, version.error_code) for version in client.status()] == [
        (1, "AVAILABLE", "OK")
    ]
    metadata = client.metadata()
    assert (metadata.name, metadata.version) == ("topiclens", 1)
    assert metadata.signatures["serving_default"].inputs == {"frames": TensorSpec("float32", (None, None, DIM))}
    assert metadata.signatures["caption_frames"].inputs == {"frames_jpeg": TensorSpec("string", (None, None))}
    assert set(metadata.signatures["serving_default"].outputs) == {"caption", "log_prob"}


def test_waiting_for_a_server_that_is_ready_returns_its_version(client):
    assert client.wait_until_ready(timeout=10) == 1


def test_a_pinned_version_answers_and_an_absent_one_is_named(other):
    assert other(version=1).caption_all(clips(2))[0].text == "v1: 2 frames"
    with pytest.raises(ModelNotLoaded, match=r"version 7.*Servable not found for request: Specific\(topiclens, 7\)"):
        other(version=7).caption_all(clips(2))
    with pytest.raises(ModelNotLoaded, match="Could not find version 7 of model topiclens"):
        other(version=7).status()


def test_an_unknown_model_is_named_with_the_servers_own_words(other):
    with pytest.raises(ModelNotLoaded, match=r"'nosuch'.*Servable not found for request: Latest\(nosuch\)"):
        other(model="nosuch").caption_all(clips(2))
    with pytest.raises(ModelNotLoaded, match="'nosuch'.*Could not find any versions of model nosuch"):
        other(model="nosuch").wait_until_ready(timeout=0.3)


def test_features_of_another_width_are_refused_with_both_widths(client):
    wrong = np.ones((3, DIM + 1), np.float32)
    with pytest.raises(InvalidClip, match=rf"\(\?, \?, {DIM}\).*\(1, 28, {DIM + 1}\).*another backbone"):
        client.caption_all([wrong])


def test_a_signature_that_is_missing_is_named_beside_those_that_exist(client):
    with pytest.raises(WrongSignature, match="'explain'.*'caption_frames'.*'serving_default'"):
        client.predict("explain", {"frames": np.ones((1, 1, DIM), np.float32)})


def test_a_model_that_is_no_captioner_is_found_out(client, monkeypatch):
    total = dataclasses.replace(captioning._CAPTION, of_features="total")
    monkeypatch.setattr(captioning, "_CAPTION", total)
    with pytest.raises(WrongSignature, match="Expected caption and log_prob"):
        client.caption_all(clips(2))


def test_a_broken_jpeg_is_refused_and_the_server_lives_on(client):
    broken = encode_frames([grey(9)])[0][:40]
    with pytest.raises(InvalidClip, match="not a readable JPEG"):
        client.caption_all([[broken]])
    assert client.caption_all(clips(1))[0].text == "v1: 1 frames"


@pytest.mark.parametrize(
    "clip, words",
    [
        (np.ones((2, 3, DIM), np.float32), "time, dim"),
        (np.ones((0, DIM), np.float32), "at least one frame"),
        (np.array([[1.0, np.nan, 0.0, 0.0]], np.float32), "NaN"),
        (np.zeros((3, DIM), np.float32), "all zero"),
        (np.array([["a"] * DIM]), "numbers"),
    ],
)
def test_a_clip_at_fault_is_refused_before_it_is_sent(client, clip, words):
    with pytest.raises(InvalidClip, match=f"clip 1.*|.*{words}") as refused:
        client.caption_all([clips(1)[0], clip])
    assert words in str(refused.value) and "clip 1" in str(refused.value)


def test_a_clip_larger_than_a_message_is_refused_before_it_is_sent(other):
    with pytest.raises(RequestTooLarge, match="at most 1,000 bytes, got 1,600 in clip 0"):
        other(max_message_bytes=1000).caption_all(clips(100))


def test_clients_at_the_same_time_each_get_their_own_answer(client):
    def run(index: int):
        (clip,) = clips(1 + index % 9, seed=index)
        (caption,) = client.caption_all([clip])
        return caption, clip

    with ThreadPoolExecutor(8) as pool:
        for caption, clip in pool.map(run, range(64)):
            assert caption.text == f"v1: {len(clip)} frames"
            assert caption.log_prob == pytest.approx(-clip.sum(), rel=1e-5)
