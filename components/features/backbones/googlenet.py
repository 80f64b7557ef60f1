"""GoogLeNet (Szegedy et al. 2015) as Caffe's model zoo published it: the paper's own frame feature, 1024 floats.

Caffe differs from TensorFlow in small ways that the weights depend on: channels are BGR minus a mean, the first
convolution pads alike on both sides, pooling rounds sizes up, and responses are normalised across nearby channels.
"""

import os
import zipfile

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from topiclens.components.features.backbones import base

NAME = "googlenet"
IMAGE_SIZE = 224
DIM = 1024
CLASSES = 1000
SOURCE = (
    "Caffe's model zoo (bvlc_googlenet.caffemodel), saved as an .npz with one array a parameter, named as Caffe's "
    "layer plus /kernel (height, width, in, out) or /bias (out,)"
)

_MEAN_BGR = (104.0, 117.0, 123.0)
# Channels of (1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection): Szegedy et al. 2015, table 1.
_INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_POOLED_AFTER = ("3b", "4e")


def load(weights: str | os.PathLike | None, cache_dir: str | os.PathLike) -> base.Backbone:
    """See `base`; `weights` is an `.npz` file."""
    del cache_dir  # nothing is fetched
    network = build()
    with base.opened(weights, NAME, "its weights as an .npz file (bvlc_googlenet.npz)", SOURCE) as path:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                by_layer: dict[str, list[np.ndarray]] = {}
                for parameter in sorted(arrays.files, reverse=True):  # "kernel" before "bias", as Keras has them
                    by_layer.setdefault(_layer_name(parameter.rpartition("/")[0]), []).append(arrays[parameter])
        except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            raise base.WeightsError(f"{os.fspath(weights)} is not a readable .npz of arrays ({error}).") from error
    base.assign(network, by_layer, os.fspath(weights))
    return base.Backbone(NAME, network, IMAGE_SIZE, DIM)


def build() -> keras.Model:
    """The network with random weights; layers are named as Caffe's, with "/" spelt "_"."""
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="pixels")
    x = CaffePixels()(pixels)
    x = layers.ZeroPadding2D(3)(x)
    x = _convolution(x, "conv1/7x7_s2", 64, 7, stride=2, padding="valid")
    x = LocalResponseNormalization()(_pooled(x))
    x = _convolution(x, "conv2/3x3_reduce", 64, 1)
    x = _convolution(x, "conv2/3x3", 192, 3)
    x = _pooled(LocalResponseNormalization()(x))
    for module, channels in _INCEPTION.items():
        x = _inception(x, f"inception_{module}", *channels)
        if module in _POOLED_AFTER:
            x = _pooled(x)
    features = layers.GlobalAveragePooling2D(name="features")(x)
    classifier = layers.Conv2D(CLASSES, 1, activation="softmax", name=_layer_name("loss3/classifier"))
    probabilities = layers.Flatten()(classifier(layers.Reshape((1, 1, DIM))(features)))
    return keras.Model(pixels, {"features": features, "probabilities": probabilities}, name=NAME)


@keras.saving.register_keras_serializable("topiclens")
class CaffePixels(layers.Layer):
    """RGB in 0..255 -> BGR minus the mean of ImageNet, as Caffe's reference networks were trained."""

    def call(self, pixels):
        return pixels[..., ::-1] - np.array(_MEAN_BGR, np.float32)


@keras.saving.register_keras_serializable("topiclens")
class LocalResponseNormalization(layers.Layer):
    """Divides by the responses of 5 neighbouring channels (Krizhevsky et al. 2012, section 3.3).

    Caffe divides alpha by the neighbourhood's size, TensorFlow does not: 1e-4 / 5 here is Caffe's 1e-4.
    """

    def call(self, x):
        return tf.nn.local_response_normalization(x, depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75)


def _inception(x, name: str, one: int, reduce3: int, three: int, reduce5: int, five: int, projection: int):
    return layers.Concatenate(name=f"{name}_output")(
        [
            _convolution(x, f"{name}/1x1", one, 1),
            _convolution(_convolution(x, f"{name}/3x3_reduce", reduce3, 1), f"{name}/3x3", three, 3),
            _convolution(_convolution(x, f"{name}/5x5_reduce", reduce5, 1), f"{name}/5x5", five, 5),
            _convolution(layers.MaxPooling2D(3, strides=1, padding="same")(x), f"{name}/pool_proj", projection, 1),
        ]
    )


def _convolution(x, name: str, channels: int, kernel: int, stride: int = 1, padding: str = "same"):
    return layers.Conv2D(channels, kernel, strides=stride, padding=padding, activation="relu", name=_layer_name(name))(
        x
    )


def _pooled(x):
    """Caffe's pooling rounds sizes up; on the even sizes here that is "same": the odd row is added at the far end."""
    return layers.MaxPooling2D(3, strides=2, padding="same")(x)


def _layer_name(caffe_name: str) -> str:
    return caffe_name.replace("/", "_")  # Keras allows no "/" in a name
