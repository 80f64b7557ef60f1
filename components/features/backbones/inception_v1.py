"""Inception v1 through TensorFlow Hub: 1024 floats a picture, the default of production pipelines.

Takes what Hub takes: the module's URL, a bucket (gs://...), or the folder of a SavedModel. It follows Hub's common
interface for images: (n, 224, 224, 3) float32 in 0..1 -> (n, 1024). `hub.KerasLayer` belongs to Keras 2, so there
is a layer of our own.
"""

import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from topiclens.components.features.backbones import base

NAME = "inception_v1"
IMAGE_SIZE = 224
DIM = 1024
PUBLISHED = "https://tfhub.dev/google/imagenet/inception_v1/feature_vector/5"
_SIGNATURES = ("image_feature_vector", "default", "serving_default")


def load(weights: str | os.PathLike | None, cache_dir: str | os.PathLike) -> base.Backbone:
    """See `base`; `weights` is the module: a URL, a bucket's folder, or a local SavedModel's folder."""
    del cache_dir  # Hub keeps what it fetches where `TFHUB_CACHE_DIR` says
    handle = os.fspath(weights) if weights else ""
    advice = (
        f"Name the module in the setting `weights`: its URL ({PUBLISHED}), a gs:// folder or the folder of a "
        "SavedModel; or choose the backbone 'efficientnet_lite0', which works without."
    )
    if not handle:
        raise base.WeightsError(f"The backbone {NAME!r} needs a Hub module, but no weights were given. {advice}")
    import tensorflow_hub as hub  # takes a second, and only this backbone needs it

    try:
        module = hub.load(handle)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise base.WeightsError(
            f"No TensorFlow Hub module could be loaded from {handle!r} ({error}). {advice}"
        ) from error
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="pixels")
    scaled = keras.layers.Rescaling(1 / 255)(pixels)
    features = HubFeatures(module, handle, name="features")(scaled)
    return base.Backbone(NAME, keras.Model(pixels, {"features": features}, name=NAME), IMAGE_SIZE, DIM)


class HubFeatures(keras.layers.Layer):
    """A loaded Hub module as a Keras 3 layer: (n, 224, 224, 3) float32 in 0..1 -> (n, 1024) float32."""

    def __init__(self, module: Any, handle: str, **kwargs: Any):
        super().__init__(trainable=False, **kwargs)
        self.module = module  # tracked, so that its variables are exported with ours
        self.handle = handle
        self._function = _feature_function(module, handle)
        self._check_width()

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(self._function(pixels), (None, DIM))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], DIM)

    def _check_width(self) -> None:
        probe = tf.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 3))
        try:
            shape = tuple(self._function(probe).shape)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise base.WeightsError(
                f"The module at {self.handle!r} does not take pictures of {IMAGE_SIZE} x {IMAGE_SIZE} x 3: {error}"
            ) from error
        if shape != (1, DIM):
            raise base.WeightsError(
                f"The module at {self.handle!r} gives shape {shape} for one picture; expected (1, {DIM}). "
                "Is it a classifier? Choose the feature_vector module of Inception v1."
            )


def _feature_function(module: Any, handle: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """TF2 modules are callable, some with a `training` argument; those of TF1 have a signature with one output."""
    if callable(module):
        specification = getattr(module.__call__, "function_spec", None)
        options = {"training": False} if "training" in getattr(specification, "arg_names", ()) else {}
        return lambda pixels: module(pixels, **options)
    name = next((name for name in _SIGNATURES if name in module.signatures), None)
    if name is None:
        raise base.WeightsError(
            f"The module at {handle!r} is not callable and has none of the signatures {_SIGNATURES}; "
            f"it has {sorted(module.signatures)}."
        )
    signature = module.signatures[name]
    (argument,) = signature.structured_input_signature[1]
    outputs = signature.structured_outputs
    output = "default" if "default" in outputs else next(iter(outputs))
    return lambda pixels: signature(**{argument: pixels})[output]
