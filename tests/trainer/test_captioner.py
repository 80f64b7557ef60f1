"""The whole captioner against its equations in NumPy, its losses, and how it is trained and kept."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.numpy_captioner import TINY, NumpyCaptioner, clip_of, tiny_batch, tiny_captioner
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.settings import TOPICS, CaptionerConfig


def expected_losses(model, batch):
    """(-log p, L_I) of every pair of a video and a caption, by NumPy."""
    plain = NumpyCaptioner(model)
    for row, video in zip(batch["words"], batch["video_index"]):
        clip, caption = clip_of(batch, video), row[row > 0][1:-1]
        yield -plain.log_prob(clip, caption), plain.topic_loss(clip, batch["topics"][video])


def words_to_predict(batch):
    """Words that are predicted: all but BOS and padding."""
    return (batch["words"][:, 1:] != 0).sum()


def loss_of(model, batch):
    return model.compute_loss(x=batch, y_pred=model(batch))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", TOPICS)
def test_the_loss_is_that_of_the_equations(seed, kind):
    model, batch = tiny_captioner(seed, topics=kind), tiny_batch(seed)
    captions, topics = np.array(list(expected_losses(model, batch))).T
    found = model(batch)
    np.testing.assert_allclose(-found["log_prob"].numpy(), captions, rtol=1e-4)
    np.testing.assert_allclose(found["interpretive_loss"], topics, rtol=1e-4)
    np.testing.assert_array_equal(found["n_words"], [5, 5, 3, 2, 1])
    weight = model.config.interpretive_weight
    np.testing.assert_allclose(loss_of(model, batch), (captions + weight * topics).mean(), rtol=1e-4)


@pytest.mark.parametrize("kind", TOPICS)
def test_topic_scores_and_activations_are_those_of_the_equations(kind):
    model, batch = tiny_captioner(topics=kind), tiny_batch()
    plain, video = NumpyCaptioner(model), model.encode(batch["frames"])
    for row in range(3):
        clip = clip_of(batch, row)
        np.testing.assert_allclose(video["v"][row, : len(clip)], plain.encode(clip), atol=1e-5)
        np.testing.assert_allclose(video["mean"][row], plain.encode(clip).mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(model.topic_scores(batch["frames"])[row], plain.topic_scores(clip), atol=1e-5)


@pytest.mark.parametrize("kind", TOPICS)
def test_the_gradient_is_the_slope_of_the_loss(kind):
    model, batch = tiny_captioner(topics=kind), tiny_batch()
    with tf.GradientTape() as tape:
        loss = loss_of(model, batch)
    gradients = tape.gradient(loss, model.trainable_variables)
    rng, step = np.random.default_rng(0), 1e-2
    for variable, gradient in zip(model.trainable_variables, gradients):
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all(), variable.path
        value, direction = variable.numpy(), rng.normal(size=variable.shape).astype("float32")
        direction /= np.linalg.norm(direction)
        ends = []
        for sign in (1, -1):
            variable.assign(value + sign * step * direction)
            ends.append(float(loss_of(model, batch)))
        variable.assign(value)
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose((gradient * direction).sum(), slope, atol=2e-3, rtol=2e-2, err_msg=variable.path)


def test_lambda_zero_leaves_the_topics_out():
    model, batch = tiny_captioner(interpretive_weight=0.0), tiny_batch()
    with tf.GradientTape() as tape:
        loss = loss_of(model, batch)
    assert tape.gradient(loss, model.topic_perceptron.weights) == [None] * 4
    assert len(model.trainable_variables) == len(tiny_captioner().trainable_variables) - 4
    np.testing.assert_allclose(loss, np.mean([caption for caption, _ in expected_losses(model, batch)]), rtol=1e-4)


def test_topics_move_the_encoder_only_through_lambda():
    batch = tiny_batch()
    other = batch | {"topics": 1 - batch["topics"]}
    for weight, kind, moved in ((0.0, "mlp", False), (0.1, "mlp", True), (0.1, "neurons", True)):
        model = tiny_captioner(interpretive_weight=weight, topics=kind)
        gradients = []
        for topics in (batch, other):
            with tf.GradientTape() as tape:
                loss = loss_of(model, topics)
            gradients.append(tape.gradient(loss, model.encoder.forward.kernel.value).numpy())
        assert np.allclose(*gradients, atol=1e-7) is not moved


def test_fit_lowers_the_loss_and_reports_both_parts():
    keras.utils.set_random_seed(0)
    model, batch = tiny_captioner(scale=1.0), tiny_batch()
    model.compile(keras.optimizers.Adam(0.03))
    data = tf.data.Dataset.from_tensors(batch).repeat(12)
    logs = model.fit(data, epochs=2, verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]
    captions, topics = np.array(list(expected_losses(model, batch))).T
    found = model.evaluate(data.take(1), verbose=0, return_dict=True)
    np.testing.assert_allclose(found["caption_loss"], captions.mean(), rtol=1e-3)
    np.testing.assert_allclose(found["interpretive_loss"], topics.mean(), rtol=1e-3)
    np.testing.assert_allclose(found["word_loss"], captions.sum() / words_to_predict(batch), rtol=1e-3)
    weight = model.config.interpretive_weight
    np.testing.assert_allclose(found["loss"], (captions + weight * topics).mean(), rtol=1e-3)


def test_configuration_and_weights_make_it_again(tmp_path):
    model, batch = tiny_captioner(skip=True), tiny_batch()
    model.save_weights(tmp_path / "captioner.weights.h5")
    again = Captioner.from_config(model.get_config())
    again.load_weights(tmp_path / "captioner.weights.h5")
    assert again.config == CaptionerConfig(**TINY, skip=True) == CaptionerConfig(**dataclasses.asdict(model.config))
    np.testing.assert_array_equal(again(batch)["log_prob"], model(batch)["log_prob"])
