"""The loss of the words and the loss of the topics."""

import numpy as np
import pytest
import tensorflow as tf

from topiclens.trainer.losses import TopicPerceptron, log_prob_of


@pytest.mark.parametrize("smoothing", (0.0, 0.1))
def test_the_words_loss_and_its_gradient_are_those_of_log_softmax(smoothing):
    rng = np.random.default_rng(0)
    logits, targets = tf.constant(rng.normal(size=(6, 5)), tf.float32), tf.constant(rng.integers(5, size=6), tf.int32)
    weights = tf.constant(rng.normal(size=6), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = log_prob_of(targets, logits, smoothing)
        smoothed = tf.one_hot(targets, 5) * (1 - smoothing) + smoothing / 5
        plain = tf.reduce_sum(smoothed * tf.nn.log_softmax(logits), axis=1)
        ours_sum, plain_sum = tf.reduce_sum(ours * weights), tf.reduce_sum(plain * weights)
    np.testing.assert_allclose(ours, plain, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(ours_sum, logits), tape.gradient(plain_sum, logits), atol=1e-6)


def test_hopeless_and_certain_words_stay_finite():
    logits = tf.constant([[1000.0, 0.0], [1000.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        log_prob = log_prob_of(tf.constant([0, 1]), logits)
    np.testing.assert_allclose(log_prob, [0, -1000])
    np.testing.assert_allclose(tape.gradient(log_prob, logits), [[0, 0], [-1, 1]], atol=1e-6)


def test_the_interpretive_loss_is_summed_over_the_topics():
    scores, topics = np.array([[1.0, 0.5, -1.0], [0, 0, 0]]), np.array([[1, 0, 0], [0, 1, 1]])
    np.testing.assert_allclose(TopicPerceptron(3).loss(tf.constant(scores), topics), [0.25 + 1, 2])


def test_f_is_a_perceptron_with_a_relu_inside_and_a_linear_output():
    f = TopicPerceptron(n_topics=4, units=7)
    mean = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    f.build(mean.shape)
    (w1, b1), (w2, b2) = f.hidden.get_weights(), f.score.get_weights()
    np.testing.assert_allclose(f(mean), np.maximum(mean @ w1 + b1, 0) @ w2 + b2, atol=1e-6)
    assert not np.allclose(f(mean, training=True), f(mean))


def test_its_configuration_makes_f_again():
    f = TopicPerceptron.from_config(TopicPerceptron(3, units=4, dropout=0.2).get_config())
    assert (f.n_topics, f.units, f.dropout.rate) == (3, 4, 0.2)
