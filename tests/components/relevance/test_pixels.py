"""Deep Taylor relevance of pixels: against the rules written out, conserved, and where the reason for a feature is."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.trainer.numpy_captioner import tiny_captioner
from topiclens.components.features.backbones import efficientnet_lite0, googlenet, inception_v3
from topiclens.components.features.backbones.base import Backbone
from topiclens.components.relevance.pixels import PixelRelevance, UnsupportedBackbone
from topiclens.components.relevance.reading import explain

SIZE = 8


def backbone(build, seed=0, bias=0.0, size=SIZE):
    """A backbone from `build`, a function of the pixels scaled to -1..1, with random weights."""
    pixels = keras.Input((size, size, 3))
    features = build(layers.Rescaling(1 / 127.5, offset=-1)(pixels))
    network = keras.Model(pixels, {"features": features})
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        spread = bias if variable.name == "bias" else 1 / np.prod(variable.shape[:-1]) ** 0.5
        values = rng.normal(scale=spread, size=variable.shape)
        variable.assign(np.abs(values) if variable.name == "gamma" else values)
    return Backbone("small", network, size, features.shape[-1], crop=1.0)


def branching(x):
    """Every kind of layer that the backbones have, with branches, sums of negative numbers and strides."""
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(6, 3, activation="relu")(x)
    x = layers.Concatenate()([x, layers.MaxPooling2D(3, strides=1, padding="same")(x)])
    x = googlenet.LocalResponseNormalization()(x)
    narrow = layers.Conv2D(5, 1)(x)
    wide = layers.Conv2D(10, 1, activation="relu6")(narrow)
    filtered = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(wide)
    x = layers.Add()([narrow, layers.Conv2D(5, 1)(filtered)])
    x = layers.AveragePooling2D(2)(x)
    x = layers.BatchNormalization()(layers.Conv2D(7, 3, strides=2, padding="same", use_bias=False)(x))
    return layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))


def pictures(n=3, seed=0, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


@pytest.mark.parametrize("bias", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_pixels_get_what_the_features_have(seed, bias):
    small = backbone(branching, seed, bias)
    features = small(pictures()).numpy()
    relevance = features * np.random.default_rng(seed).normal(size=features.shape)
    of_pixels = PixelRelevance(small, batch_size=2)(pictures(), relevance)
    np.testing.assert_allclose(of_pixels.sum(axis=(1, 2, 3)), relevance.sum(axis=1), rtol=1e-3, atol=1e-6)


def test_what_speaks_for_a_feature_speaks_through_every_pixel():
    small = backbone(branching)
    features = small(pictures()).numpy()
    of_pixels = PixelRelevance(small)(pictures(), features)
    assert of_pixels.min() >= -1e-7 and of_pixels.max() > 0


def test_two_layers_of_relu_are_the_rules_written_out():
    small = backbone(
        lambda x: layers.GlobalAveragePooling2D()(
            layers.Conv2D(4, 1, activation="relu")(layers.Conv2D(5, 1, activation="relu")(x))
        ),
        size=1,
    )
    small.network.layers[2].bias.assign(np.ones(5))
    picture = pictures(1, size=1)
    first, second = (w[0, 0] for w in small.network.get_weights()[::2])
    first_bias = small.network.get_weights()[1]
    x = picture[0, 0, 0] / 127.5 - 1
    hidden = np.maximum(x @ first + first_bias, 0)
    relevance = small(picture).numpy()[0] * [1.0, 2.0, -1.0, 0.5]
    of_hidden = np.zeros(5)
    for j in range(4):
        positive = hidden * np.maximum(second[:, j], 0)
        of_hidden += positive / positive.sum() * relevance[j]
    expected = np.zeros(3)
    for j in range(5):
        away = np.where(first[:, j] > 0, (x + 1) * first[:, j], (x - 1) * first[:, j])
        expected += away / away.sum() * of_hidden[j]
    np.testing.assert_allclose(PixelRelevance(small)(picture, relevance[None])[0, 0, 0], expected, rtol=1e-4)


def test_an_output_that_has_its_sign_by_its_bias_alone_goes_by_the_squares_of_its_weights():
    small = backbone(
        lambda x: layers.GlobalAveragePooling2D()(
            layers.DepthwiseConv2D(1, activation="relu")(layers.Conv2D(2, 1, activation="relu")(x))
        ),
        size=1,
    )
    kernel = np.array([[[[1, 2], [2, -1], [0, 1]]]], np.float32)
    small.network.set_weights(
        [kernel, np.full(2, -100.0), -np.ones((1, 1, 2, 1)), np.ones(2)]
    )  # nothing lives but bias
    of_pixels = PixelRelevance(small)(np.full((1, 1, 1, 3), 255, np.uint8), np.array([[3.0, 0.0]]))
    # All of it goes to hidden unit 0, and on by zB: white is all of the way from black and none from white.
    np.testing.assert_allclose(of_pixels[0, 0, 0], [3 * 1 / 3, 3 * 2 / 3, 0], rtol=1e-5)


def test_relevance_lies_where_the_feature_was_seen():
    small = backbone(
        lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, activation="relu", padding="same")(x))
    )
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1, 0, 0] = 1  # feature 0 is red on black
    small.network.set_weights([kernel, np.full(2, 1.0)])
    picture = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    picture[0, 2:4, 5] = (200, 0, 0)
    of_pixels = PixelRelevance(small)(picture, np.array([[1.0, 0.0]]))[0]
    np.testing.assert_allclose(of_pixels[2:4, 5, 0], 0.5, atol=1e-6)
    assert np.abs(of_pixels).sum() == pytest.approx(1)


def test_a_normalisation_counts_as_part_of_its_convolution():
    def normalised(x):
        x = layers.BatchNormalization(name="norm")(layers.Conv2D(6, 3, use_bias=False)(x))
        x = layers.Conv2D(4, 3, activation="relu")(layers.Activation("relu")(x))
        return layers.GlobalAveragePooling2D()(x)

    def folded(x):
        x = layers.Conv2D(4, 3, activation="relu")(layers.Conv2D(6, 3, activation="relu")(x))
        return layers.GlobalAveragePooling2D()(x)

    apart, together = backbone(normalised), backbone(folded)
    rng = np.random.default_rng(1)
    gamma, beta, mean, variance = (rng.uniform(low, 1, 6) for low in (0.2, -1, -1, 0.2))
    apart.network.get_layer("norm").set_weights([gamma, beta, mean, variance])
    gain = gamma / np.sqrt(variance + 1e-3)
    (kernel,) = apart.network.layers[2].get_weights()
    second, second_bias = apart.network.layers[5].get_weights()
    together.network.set_weights([kernel * gain, beta - mean * gain, second, second_bias])
    relevance = apart(pictures()).numpy()
    np.testing.assert_allclose(relevance, together(pictures()), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        PixelRelevance(apart)(pictures(), relevance), PixelRelevance(together)(pictures(), relevance), atol=1e-5
    )


@pytest.mark.parametrize(
    "module, network",
    [
        (googlenet, googlenet.build),
        (efficientnet_lite0, efficientnet_lite0.build),
        pytest.param(inception_v3, lambda: inception_v3.build(False), marks=pytest.mark.data),
    ],
)
def test_the_real_networks_explain_the_square_they_look_at(module, network):
    real = Backbone(module.NAME, network(), module.IMAGE_SIZE, module.DIM)
    frames = np.random.default_rng(0).integers(0, 256, (2, 60, 90, 3), np.uint8)
    relevance = real(frames).numpy()
    of_pixels = PixelRelevance(real)(frames, relevance)
    assert of_pixels.shape == (2, module.IMAGE_SIZE, module.IMAGE_SIZE, 3)
    np.testing.assert_allclose(of_pixels.sum(axis=(1, 2, 3)), relevance.sum(axis=1), rtol=1e-3)


def test_a_words_score_reaches_the_pixels():
    small = backbone(branching, bias=0.3)
    model = tiny_captioner(feature_dim=small.dim)
    word = explain(model, small(pictures()).numpy(), [5, 3])
    of_pixels = PixelRelevance(small)(pictures(), word.features[1])
    by_biases = word.decoder_bias[1] + word.encoder_bias[1]
    assert of_pixels.sum() + word.previous[1].sum() + by_biases == pytest.approx(word.scores[1], rel=1e-3)
    np.testing.assert_allclose(of_pixels.sum(axis=(1, 2, 3)), word.frames[1], rtol=1e-3, atol=1e-5)


@keras.saving.register_keras_serializable("tests")
class Sealed(layers.Layer):
    def call(self, x):
        return x[:, 0, 0]


@pytest.mark.parametrize(
    "build, said",
    [
        (Sealed(name="sealed"), "'small': its layer 'sealed' is a Sealed"),
        (lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(2, 1, activation="tanh")(x)), "the activation tanh"),
    ],
)
def test_a_backbone_without_a_rule_is_refused_by_name(build, said):
    with pytest.raises(UnsupportedBackbone, match=said):
        PixelRelevance(backbone(build))


def test_a_normalisation_that_turns_signs_is_refused():
    turning = backbone(lambda x: layers.GlobalAveragePooling2D()(layers.BatchNormalization(name="norm")(x)))
    turning.network.get_layer("norm").gamma.assign([1, -1, 1])
    with pytest.raises(UnsupportedBackbone, match="turns signs"):
        PixelRelevance(turning)


def test_the_relevance_of_other_features_is_refused():
    with pytest.raises(ValueError, match=r"expected \(3, 7\)"):
        PixelRelevance(backbone(branching))(pictures(), np.ones((3, 6)))
