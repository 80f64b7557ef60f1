"""A second encoder, of the test's own: everything that is done with a captioner works with it too, untouched."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.components.neurons.conftest import DIM, TOPICS, WORDS, small_captioner
from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons import activations
from topiclens.components.neurons.pdm import tally
from topiclens.components.refinement.nearness import nearness_of
from topiclens.components.refinement.propagation import CorrectedVideo, propagate
from topiclens.components.relevance.reading import explain
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.edits import Edit
from topiclens.trainer.encoders import BILSTM, JOINED, Encoder, register_encoder
from topiclens.trainer.export import export, load_captioner
from topiclens.trainer.vocabulary import EOS, Vocabulary

UNITS = 7


class RunningMean(Encoder):
    """tanh of a linear map of the mean of all frames so far."""

    def __init__(self, linear: bool = False, **options):
        super().__init__(UNITS, **options)
        self.linear = linear
        self.dense = keras.layers.Dense(UNITS, activation="linear" if linear else "tanh", use_bias=not linear)

    def build(self, frames_shape):
        super().build(frames_shape)
        self.dense.build((None, self.feature_dim))

    def running_mean(self, frames, mask):
        real = ops.cast(mask, frames.dtype)[:, :, None]
        return ops.cumsum(frames * real, axis=1) / ops.maximum(ops.cumsum(real, axis=1), 1)

    def read(self, frames, mask):
        return self.dense(self.running_mean(frames, mask))


class TellingRunningMean(RunningMean):
    """The same, which says what its kernel reads."""

    def kernel_inputs(self, frames, mask):
        means = self.running_mean(frames, mask)
        return [([self.dense.kernel, self.dense.bias], ops.concatenate([means, ops.ones_like(means[:, :, :1])], -1))]


def make_running_mean(config):
    return RunningMean(skip=config.skip, name="encoder")


def make_telling(config):
    return TellingRunningMean(skip=config.skip, name="encoder")


def make_linear(config):
    return RunningMean(linear=True, skip=config.skip, name="encoder")


register_encoder("running mean", make_running_mean)
register_encoder("telling running mean", make_telling)
register_encoder("linear running mean", make_linear)


@pytest.fixture(scope="module")
def captioner():
    return small_captioner(encoder="running mean", skip=True)


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(2)
    topics = (rng.random((9, TOPICS)) < 0.4).astype(np.int64)
    clips = [rng.normal(size=(1 + i % 4, DIM)).astype(np.float32) for i in range(9)]
    return [VideoRecord(f"video{i}", "train", clip, ("a man runs",), topics[i]) for i, clip in enumerate(clips)]


@pytest.fixture(scope="module")
def folder(captioner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy") / "model"
    enhancement = np.random.default_rng(0).normal(size=(TOPICS, UNITS)).astype(np.float32)
    export(captioner, Vocabulary(WORDS), folder, features={"backbone": None, "dim": DIM}, enhancement=enhancement)
    return folder


def test_its_export_answers_and_loads_as_the_captioner_it_was(captioner, videos, folder):
    loaded, _, meta = load_captioner(folder)
    assert type(loaded.encoder) is RunningMean and meta["model"]["encoder"] == "running mean"
    for one, other in zip(loaded.get_weights(), captioner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    explained = tf.saved_model.load(str(folder)).signatures["explain"](frames=tf.constant(pad_videos(videos)))
    np.testing.assert_allclose(explained["activations"], captioner.encode(pad_videos(videos))["v"], atol=1e-5)
    words = captioner.run(pad_videos(videos), beam=5, max_words=20)["words"]
    expected = [Vocabulary(WORDS).decode(row.tolist()) for row in np.asarray(words)]
    assert [caption.decode() for caption in explained["caption"].numpy()] == expected


def test_its_padding_changes_nothing(captioner, videos):
    together = captioner.encode(pad_videos(videos))
    for row, video in enumerate(videos):
        alone = captioner.encode(video.frames[None])
        np.testing.assert_allclose(together["v"][row, : len(video.frames)], alone["v"][0], atol=1e-6)
        np.testing.assert_allclose(together["memory_mean"][row], alone["memory_mean"][0], atol=1e-6)


def test_its_neurons_are_named_by_prediction_differences(captioner, videos, folder):
    model = activations.load(folder)
    found = activations.mean_activations(videos, model.encode)
    votes = tally(found.mean, found.topics, model.f).votes
    scores = [
        np.asarray(
            captioner.run(pad_videos(videos), [[EOS]] * 9, edits=edits, record=["topics.scores"])["topics.scores"]
        )
        for edits in ([], *([Edit("encoder.v", scale=0.0, at=np.arange(UNITS) == j)] for j in range(UNITS)))
    ]
    expected = np.zeros((TOPICS, UNITS), int)
    for video, topic in np.argwhere(found.topics):
        expected[topic, np.argmax([scores[0][video, topic] - without[video, topic] for without in scores[1:]])] += 1
    np.testing.assert_array_equal(votes, expected)


@pytest.mark.parametrize("kind", ["running mean", "telling running mean"])
@pytest.mark.parametrize("nearness", ["weights", "gates"])
def test_it_is_refined_towards_what_corrections_ask_for(videos, kind, nearness):
    parent = small_captioner(encoder=kind)
    enhancement = 0.3 * np.eye(TOPICS, UNITS, dtype=np.float32)
    corrections = [CorrectedVideo(videos[3], {0: 1.0}), CorrectedVideo(videos[6], {1: -1.0})]
    near = nearness_of(nearness, parent, videos)
    found = propagate(parent, enhancement, corrections, nearness=near, mu=0.01, steps=40)
    assert (found.after - found.least < 0.5 * (found.before - found.least)).all() and np.all(np.diff(found.losses) < 0)
    child = small_captioner(encoder=kind)
    child.encoder.set_weights(found.encoder)
    after, before = (np.asarray(one.encode(videos[3].frames[None])["v"]) for one in (child, parent))
    assert np.mean(np.sum((after - before - enhancement[0]) ** 2, axis=-1)) == pytest.approx(found.after[0], rel=1e-3)


def test_what_its_kernel_reads_changes_how_its_nearness_is_measured(videos):
    silent, telling = (
        nearness_of("gates", small_captioner(encoder=kind), videos) for kind in ("running mean", "telling running mean")
    )
    assert silent.size == telling.size == (DIM + 1) * UNITS
    phi = np.ones(silent.size, np.float32)
    assert all((move == 1).all() for move in silent.moves(phi))
    assert not any(np.allclose(move, 1) for move in telling.moves(phi))


@pytest.mark.parametrize("skip", [False, True])
def test_its_relevance_is_divided_among_the_frames_without_a_rest(videos, skip):
    model, words = small_captioner(encoder="linear running mean", skip=skip), [5, 6, 7, EOS]
    found = explain(model, videos[3].frames, words)
    np.testing.assert_allclose(found.unexplained, 0, atol=1e-4)
    np.testing.assert_allclose(found.encoder_bias, 0, atol=1e-4)  # the encoder is linear: it keeps nothing
    logits = np.asarray(model.run(videos[3].frames[None], [words], record=["decoder.logits"])["decoder.logits"])
    np.testing.assert_allclose(found.scores, logits[0, range(4), words], rtol=1e-4, atol=1e-5)
    if not skip:  # frame k is part of the means of all frames from k on
        kernel, frames = np.array(model.encoder.dense.kernel), videos[3].frames
        v = np.cumsum(frames, axis=0) / np.arange(1, 5)[:, None] @ kernel
        for word, frame in itertools.product(range(4), range(4)):
            parts = frames[frame] @ kernel / np.arange(1, 5)[:, None]
            expected = np.sum((found.neurons[word] * parts / v)[frame:])
            assert found.frames[word, frame] == pytest.approx(expected, abs=1e-3)


def test_an_encoder_that_nobody_registered_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="encoder 'conv'; known are bilstm.*register_encoder before the model is"):
        small_captioner(encoder="conv")
    with pytest.raises(ValueError, match="an encoder 'bilstm' already"):
        register_encoder("bilstm", make_linear)


def test_the_released_v_is_the_states_and_then_the_features_which_no_correction_moves(videos, tmp_path):
    joined, plain = small_captioner(encoder=JOINED), small_captioner(encoder=BILSTM)
    plain.encoder.set_weights(joined.encoder.get_weights())
    frames, states = pad_videos(videos), plain.encoder.n_neurons
    v = np.asarray(joined.encode(frames)["v"])
    np.testing.assert_array_equal(v[:, :, :states], plain.encode(frames)["v"])
    np.testing.assert_array_equal(v[:, :, states:], frames)

    enhancement = np.random.default_rng(0).normal(size=(TOPICS, states + DIM)).astype(np.float32)
    nearness = nearness_of("gates", joined, videos[3:])
    taught = propagate(joined, enhancement, [CorrectedVideo(videos[0], {0: 1.0})], nearness=nearness, mu=0.1)
    assert taught.losses[-1] < taught.losses[0]
    assert taught.after[0] >= np.sum(np.square(enhancement[0, states:])) - 1e-4  # what the features are asked for
    export(joined, Vocabulary(WORDS), tmp_path / "model", features={"backbone": None, "dim": DIM})
    loaded, *_ = load_captioner(tmp_path / "model")
    np.testing.assert_array_equal(loaded.encode(frames)["v"], v)
