"""The BiLSTM over frames, and what short clips change: nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from topiclens.trainer.edits import Edit
from topiclens.trainer.encoders import BiLstmEncoder, edit_video, frame_mask, masked_mean


@pytest.fixture
def encoder():
    encoder = BiLstmEncoder(units=3)
    encoder.build((None, None, 5))
    return encoder


def random_clips(videos=2, time=4, dim=5, seed=0):
    return np.random.default_rng(seed).normal(size=(videos, time, dim)).astype(np.float32)


def test_equals_keras_own_bidirectional_lstm(encoder):
    layer = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    clips = random_clips()
    layer.build(clips.shape)
    layer.set_weights([*encoder.forward.get_weights()[:3], *encoder.backward.get_weights()[:3]])
    np.testing.assert_allclose(encoder(clips)["v"], layer(clips), atol=1e-6)


@pytest.mark.parametrize("kept", [[0, 1, 2], [1, 2, 5], [0, 2, 4]], ids=["at the end", "around", "in between"])
def test_padding_changes_nothing(encoder, kept):
    clips = random_clips(time=3)
    padded = np.zeros((2, 6, 5), np.float32)
    padded[:, kept] = clips
    activations = encoder(padded)
    expected = encoder(clips)
    np.testing.assert_allclose(activations["v"].numpy()[:, kept], expected["v"], atol=1e-6)
    assert not activations["memory"].numpy()[:, [t for t in range(6) if t not in kept]].any()
    np.testing.assert_allclose(activations["mean"], expected["mean"], atol=1e-6)
    assert activations["mask"].numpy().sum() == 6


def test_means_divide_by_the_real_frames():
    rows = np.array([[[1.0], [3.0], [0.0]], [[0.0], [0.0], [0.0]]], np.float32)
    np.testing.assert_array_equal(masked_mean(rows, frame_mask(rows)), [[2.0], [0.0]])


def test_a_clip_of_unknown_time_gives_the_same(encoder):
    clips = random_clips(time=4)
    clips[1, 2:] = 0
    unknown = tf.function(lambda x: encoder(x)["memory"], input_signature=[tf.TensorSpec([None, None, 5])])
    np.testing.assert_allclose(unknown(clips), encoder(clips)["memory"], atol=1e-6)


def test_skip_joins_the_raw_features_but_the_neurons_stay_those_of_the_lstm():
    encoder = BiLstmEncoder(units=3, skip=True)
    encoder.build((None, None, 5))
    clips = random_clips()
    activations = encoder(clips)
    memory = activations["memory"]
    assert encoder.memory_dim == 11
    np.testing.assert_array_equal(memory[..., :6], activations["v"])
    np.testing.assert_array_equal(memory[..., 6:], clips)
    np.testing.assert_allclose(activations["memory_mean"][:, :6], activations["mean"])


@pytest.mark.parametrize("skip", [False, True])
def test_changed_neurons_are_what_the_decoder_sees(skip):
    encoder = BiLstmEncoder(units=3, skip=skip)
    encoder.build((None, None, 5))
    clips = random_clips()
    clips[1, 2:] = 0
    activations = encoder(clips)
    v = 2 * activations["v"].numpy()
    changed = edit_video(activations, [Edit("encoder.v", scale=2.0)])
    np.testing.assert_allclose(changed["memory"], np.concatenate([v, clips], -1) if skip else v, rtol=1e-6)
    np.testing.assert_allclose(changed["mean"], 2 * activations["mean"], rtol=1e-5)
    np.testing.assert_allclose(changed["memory_mean"][1], changed["memory"][1].numpy().sum(axis=0) / 2, rtol=1e-5)
    for name, values in edit_video(activations, [Edit("encoder.v", add=0.0)]).items():
        np.testing.assert_allclose(values, activations[name], rtol=1e-6)


def test_frames_are_dropped_in_training_alone_and_never_become_padding():
    encoder = BiLstmEncoder(units=3, dropout=0.9)
    encoder.build((None, None, 5))
    clips = random_clips()
    clips[1, 2:] = 0
    np.testing.assert_array_equal(encoder(clips)["memory"], encoder(clips)["memory"])
    activations = encoder(clips, training=True)
    assert not np.allclose(activations["memory"], encoder(clips)["memory"])
    np.testing.assert_array_equal(activations["mask"], np.any(clips != 0, axis=-1))


def test_its_configuration_makes_it_again():
    again = BiLstmEncoder.from_config(BiLstmEncoder(units=7, skip=True, dropout=0.2).get_config())
    assert (again.units, again.skip, again.dropout.rate) == (7, True, 0.2)
