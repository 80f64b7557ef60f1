"""What every backbone is: pictures in, one feature vector a picture out. Each has a file with a function `load`:

load(weights, cache_dir)  # the backbone with its weights; WeightsError if they are missing, damaged or do not fit
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf


class WeightsError(RuntimeError):
    """Weights that are missing or do not fit; the message says which, where to get them, and what needs none."""


class Backbone(keras.Model):
    """A network that also prepares pictures, so that all of it can be exported inside a SavedModel.

    `backbone(images)` is `backbone.features(backbone.prepare(images))`. Pictures of different sizes are prepared one
    by one and share a batch afterwards.

    Args:
        network: (n, image_size, image_size, 3) float32 pixels in 0..255 -> dict of "features" (n, dim) and, where the
            network classifies, "probabilities" (n, classes).
        image_size: the side of the network's square input, in pixels.
        crop: side of the centred square that is kept, as a share of the picture's short side. 224/256 is "resize the
            short side to 256, crop the centre 224" in one step.

    Call arguments:
        images: (n, height, width, 3) uint8, RGB, any height and width.
    Returns:
        (n, dim) float32.
    """

    def __init__(self, name: str, network: keras.Model, image_size: int, dim: int, crop: float = 224 / 256):
        super().__init__(name=name)
        self.network = network
        self.image_size = image_size
        self.dim = dim
        self.crop = crop
        self.trainable = False
        self.built = True  # its only weights are the network's

    def prepare(self, images: tf.Tensor) -> tf.Tensor:
        """Crops the centred square and resizes it: (n, height, width, 3) uint8 -> (n, size, size, 3) uint8."""
        images = tf.convert_to_tensor(images)
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        kept = self.crop * tf.reduce_min(size)
        scale = self.image_size / kept
        square = tf.raw_ops.ScaleAndTranslate(
            images=images,
            size=[self.image_size, self.image_size],
            scale=tf.stack([scale, scale]),
            translation=-(size - kept) / 2.0 * scale,
            kernel_type="triangle",
            antialias=True,
        )
        return tf.cast(tf.round(tf.clip_by_value(square, 0.0, 255.0)), tf.uint8)

    def features(self, prepared: tf.Tensor) -> tf.Tensor:
        """(n, image_size, image_size, 3) uint8 that `prepare` made -> (n, dim) float32."""
        return self.network(tf.cast(prepared, tf.float32), training=False)["features"]

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return self.features(self.prepare(images))

    def classify(self, images: tf.Tensor) -> tf.Tensor:
        """Class probabilities: (n, height, width, 3) uint8 -> (n, classes) float32; WeightsError if it has none."""
        outputs = self.network(tf.cast(self.prepare(images), tf.float32), training=False)
        if "probabilities" not in outputs:
            raise WeightsError(f"{self.name} was loaded without a classifier; it gives only features.")
        return outputs["probabilities"]


@contextlib.contextmanager
def opened(weights: str | os.PathLike | None, backbone: str, wanted: str, source: str) -> Iterator[str]:
    """Yields a local path of a weights file; one in a bucket (gs://...) is copied for the time of the block.

    If there is no such file, a WeightsError says what is `wanted` and the `source` to get it from.
    """
    path = os.fspath(weights) if weights else ""
    if not path or not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        missing = f"there is no such file: {path!r}" if path else "no weights were given"
        raise WeightsError(
            f"The backbone {backbone!r} needs {wanted}, but {missing}. Get it from {source} and name its path in the "
            "setting `weights`; or choose the backbone 'efficientnet_lite0', which works without."
        )
    if "://" not in path:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="weights-") as folder:
        local = os.path.join(folder, os.path.basename(path))
        tf.io.gfile.copy(path, local)
        yield local


def assign(network: keras.Model, weights: Mapping[str, Sequence[np.ndarray]], origin: str) -> None:
    """Gives every layer its arrays, by layer name; WeightsError if names or shapes do not match one to one."""
    layers = {layer.name: layer for layer in network.layers if layer.weights}
    if layers.keys() != weights.keys():
        missing, unknown = sorted(layers.keys() - weights.keys()), sorted(weights.keys() - layers.keys())
        raise WeightsError(
            f"{origin} does not hold the weights of {network.name}: {len(missing)} layers are missing "
            f"(such as {missing[:3]}), {len(unknown)} are unknown (such as {unknown[:3]}). "
            "Is it another network's file?"
        )
    for name, layer in layers.items():
        expected = [tuple(variable.shape) for variable in layer.weights]
        found = [array.shape for array in weights[name]]
        if expected != found:
            raise WeightsError(
                f"{origin} does not fit {network.name}: layer {name!r} expects shapes {expected}, the file has "
                f"{found}. Is it another version's or another network's file?"
            )
        layer.set_weights(list(weights[name]))
