"""Topic neurons: what f reads off them, what they are told, and how long a topic is due."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.numpy_captioner import sigmoid, tiny_batch, tiny_captioner
from topiclens.components.neurons.pdm import Perceptron, tally
from topiclens.trainer.edits import Edit
from topiclens.trainer.encoders import edit_video
from topiclens.trainer.topic_neurons import WORDS_STRENGTH, TopicNeurons, TopicScores, put_in, topics_said


def topical(**changes):
    return tiny_captioner(topics="neurons", **changes)


@pytest.fixture
def f():
    f = TopicScores(3)
    f.build((None, 5))
    f.gain.assign([1.0, -2.0, 8.0])
    return f


def test_each_topic_is_read_off_its_own_neuron_alone(f):
    mean = np.random.default_rng(0).random((6, 5), np.float32)
    scores = f(mean).numpy()
    np.testing.assert_allclose(scores, np.log1p(np.exp([1, -2, 8])) * mean[:, :3] - 5, rtol=1e-5)
    for neuron in range(5):
        other = mean.copy()
        other[:, neuron] += 1
        changed = np.flatnonzero(np.any(f(other).numpy() != scores, axis=0))
        assert changed.tolist() == ([neuron] if neuron < 3 else [])


def test_its_loss_is_the_cross_entropy_of_the_topics(f):
    scores, topics = np.array([[0.5, -2, 40], [3, 0, -40]], np.float32), np.array([[1, 0, 1], [0, 1, 0]])
    chance = sigmoid(scores.astype(float))
    expected = -(topics * np.log(chance) + (1 - topics) * np.log1p(-np.minimum(chance, 1 - 1e-16))).sum(axis=1)
    np.testing.assert_allclose(f.loss(tf.constant(scores), topics), expected, rtol=1e-5)


def test_as_a_perceptron_it_scores_the_same_and_prediction_differences_find_the_planted_neurons(f):
    rng = np.random.default_rng(1)
    topics = rng.random((40, 3)) < 0.5
    mean = rng.random((40, 5), np.float32)
    mean[:, :3] = np.where(topics, 0.6 + 0.4 * mean[:, :3], 0.1 * mean[:, :3])
    two_layers = Perceptron.of(f)
    np.testing.assert_allclose(two_layers(mean), f(mean), rtol=1e-5)
    votes = tally(mean, topics, two_layers).votes
    np.testing.assert_array_equal(votes[:, :3], np.diag(topics.sum(axis=0)))
    assert not votes[:, 3:].any()


def test_a_topic_neuron_is_read_off_the_states_never_negative_and_absent_at_padding():
    model, batch = topical(), tiny_batch()
    v, mask = (model.encode(batch["frames"])[name].numpy() for name in ("v", "mask"))
    assert v.shape[2] == model.encoder.n_neurons == 4 + 6
    assert (v[:, :, :4][mask] > 0).all() and (v[:, :, 4:][mask] < 0).any() and not v[~mask].any()
    states = model.encoder.read(tf.constant(batch["frames"]), tf.constant(mask)).numpy()
    np.testing.assert_array_equal(v[mask][:, 4:], states[mask])
    rise = states[mask] @ np.array(model.encoder.topics.kernel) + np.array(model.encoder.topics.bias)
    np.testing.assert_allclose(v[mask][:, :4], np.log1p(np.exp(rise)), rtol=1e-5)


def test_a_new_topic_neuron_says_that_its_topic_is_absent_and_has_no_ceiling():
    layer = TopicNeurons(2)
    layer.build((None, None, 3))
    f = TopicScores(2)
    f.build((None, 2))
    began = layer(np.zeros((1, 1, 3), np.float32))
    np.testing.assert_allclose(sigmoid(np.array(f(began[:, 0]), float)), 0.0184, atol=1e-3)
    layer.kernel.assign(np.full((3, 2), 100.0))
    assert np.array(layer(np.ones((1, 1, 3), np.float32))).min() > 200


def test_linearised_a_topic_neuron_says_the_same_and_hands_on_by_its_slope():
    layer, states = TopicNeurons(2), tf.constant(np.random.default_rng(3).normal(size=(2, 4, 5)), tf.float32)
    layer.build((None, None, 5))
    found = []
    for linearised in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(states)
            said = layer(states, linearised=linearised)
        found.append((said, tape.gradient(said, states)))
    for plain, linear in zip(*found, strict=True):
        np.testing.assert_allclose(plain, linear, rtol=1e-5, atol=1e-6)


def test_what_is_put_in_is_the_truth_at_real_frames_and_nothing_else_changes():
    model, batch = topical(skip=True), tiny_batch()
    video = model.encode(batch["frames"])
    truth, at = np.array([[1, 0, 1, 0]] * 3, np.float32), np.array([[1, 1, 0, 0]] * 3, np.float32)
    told = put_in(video, tf.constant(truth), tf.constant(at))
    memory, mask = told["memory"].numpy(), video["mask"].numpy()
    np.testing.assert_allclose(memory[:, :, 0], mask, atol=1e-6)
    np.testing.assert_allclose(memory[:, :, 1], 0, atol=1e-6)
    np.testing.assert_array_equal(memory[:, :, 2:], video["memory"][:, :, 2:])
    edit = Edit("encoder.v", set=np.eye(1, 10, dtype=np.float32)[None], at=(np.arange(10) < 2)[None, None])
    by_edit = edit_video(video, [edit])
    for name in ("memory", "memory_mean"):
        np.testing.assert_allclose(told[name], by_edit[name], rtol=1e-5, atol=1e-6)


def test_a_caption_names_the_topics_of_its_likeliest_words():
    model = topical(n_topics=2)
    lift, share = np.zeros((2, 9), np.float32), np.zeros((2, 9), np.float32)
    share[0, [4, 5, 6]], lift[0, [4, 5, 6]] = (0.5, 0.1, 0.3), (3, 3, 0.5)  # 6 is as likely in all captions
    share[1, 7], lift[1, 7] = 0.2, 5
    model.begin_with_words(lift, share)
    naming = model.decoder.naming.numpy()
    np.testing.assert_allclose(naming[[4, 5, 6]], [[1, 0], [0.2, 0], [0, 0]], rtol=1e-6)
    said = topics_said(tf.constant([[1, 4, 2, 0], [1, 5, 2, 0], [1, 7, 5, 5]]), model.decoder.naming)
    np.testing.assert_array_equal(said, [[1, 0], [0, 0], [1, 1]])
    kernel = model.decoder.readout.kernel.numpy()
    np.testing.assert_allclose(kernel[6:8], WORDS_STRENGTH * lift)  # behind the six units of h


def test_a_topic_is_due_until_it_is_said():
    model, batch = topical(n_topics=2), tiny_batch()
    naming = np.zeros((9, 2), np.float32)
    naming[4, 0], naming[5] = 1, 0.5
    model.decoder.naming.assign(naming)
    words = np.array([[5, 4, 6, 5]] * 3)
    context = model.run(batch["frames"], words, record=["decoder.context", "decoder.alpha"])
    whole = np.einsum("vst,vtm->vsm", context["decoder.alpha"], model.encode(batch["frames"])["memory"])
    due = [[1, 1], [0.5, 0.5], [0, 0.5], [0, 0.5]]
    np.testing.assert_allclose(context["decoder.context"][0, :, :2], due * whole[0, :, :2], rtol=1e-4)
    np.testing.assert_allclose(context["decoder.context"][0, :, 2:], whole[0, :, 2:], rtol=1e-4)


@pytest.mark.parametrize("by_words", [False, True])
def test_in_training_captions_tell_the_topics_that_they_name_and_afterwards_none_does(by_words, monkeypatch):
    monkeypatch.setattr("topiclens.trainer.captioner.TOLD", 1.0)
    keras.utils.set_random_seed(0)
    model, batch = topical(dropout=0.0), tiny_batch()
    lift, share = np.full((2, 4, 9), 2.0, np.float32)
    if by_words:
        share[:, 5], lift[3] = 1, 0  # 5 says half a topic, the others a quarter; no word names topic 3
        model.begin_with_words(lift, share / 2)
    told = model(batch, training=True)["log_prob"]
    rows = {name: tf.gather(values, batch["video_index"]) for name, values in model.encode(batch["frames"]).items()}
    truth = tf.gather(batch["topics"], batch["video_index"])
    if by_words:
        truth = truth * [[1.0, 1, 1, 0]]
    rows = put_in(rows, truth, tf.ones_like(truth))
    alone = np.arange(len(batch["words"]), dtype=np.int32)
    expected = model.decoder(batch["words"], rows["memory"], rows["mask"], rows["memory_mean"], alone)
    np.testing.assert_allclose(told, expected, rtol=1e-5)
    assert not np.allclose(told, model(batch)["log_prob"], rtol=1e-3)
