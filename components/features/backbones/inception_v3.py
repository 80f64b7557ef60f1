"""Inception v3 (Szegedy et al. 2016) of `keras.applications`, weights from a file: 2048 floats a picture."""

import os

import keras

from topiclens.components.features.backbones import base

NAME = "inception_v3"
IMAGE_SIZE = 299
DIM = 2048
SOURCE = (
    "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


def load(weights: str | os.PathLike | None, cache_dir: str | os.PathLike) -> base.Backbone:
    """See `base`; `weights` is Keras' own `.h5` file, with or without the classifier ("notop")."""
    del cache_dir  # nothing is fetched
    with base.opened(weights, NAME, "its Keras weights (.h5)", SOURCE) as path:
        for classifier in (True, False):
            network = build(classifier)
            try:
                network.load_weights(path)
            except (OSError, ValueError, KeyError) as error:
                reason = str(error).splitlines()[0]
            else:
                return base.Backbone(NAME, network, IMAGE_SIZE, DIM)
    raise base.WeightsError(
        f"{weights} does not hold the weights of Keras' Inception v3 ({reason}). The published file is {SOURCE}."
    )


def build(classifier: bool) -> keras.Model:
    """The network with random weights, with or without its last layer."""
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="pixels")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    published = keras.applications.InceptionV3(weights=None, include_top=classifier, input_tensor=scaled)
    if not classifier:
        features = keras.layers.GlobalAveragePooling2D(name="avg_pool")(published.output)
        return keras.Model(pixels, {"features": features}, name=NAME)
    features = published.get_layer("avg_pool").output
    return keras.Model(pixels, {"features": features, "probabilities": published.output}, name=NAME)
