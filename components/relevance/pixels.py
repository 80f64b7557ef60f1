"""Relevance from a frame's feature vector to its pixels, by deep Taylor decomposition of the CNN.

The backbone's own layers are walked backwards, so that no network is written a second time: a backbone all of whose
layers have a rule is supported.
"""

from __future__ import annotations

from collections import Counter

import keras
import numpy as np
import tensorflow as tf
from keras import layers, tree

from topiclens.components.features.backbones.base import Backbone
from topiclens.components.relevance.deep_taylor import RULES, Rule, of_pixels, passed, weighted

BATCH_SIZE = 4  # pictures; the outputs of all layers are held at once, about 50 MB a picture
_BLACK, _WHITE = 0.0, 255.0
_ACTIVATIONS = (keras.activations.linear, keras.activations.relu, keras.activations.relu6)


class UnsupportedBackbone(ValueError):
    """A backbone with a layer that no rule takes relevance through."""


class PixelRelevance:
    """Takes relevance of features to pixels, for one backbone.

    Raises:
        UnsupportedBackbone: a layer between its pixels and its features has no rule here.
    """

    def __init__(self, backbone: Backbone, batch_size: int = BATCH_SIZE):
        self.backbone = backbone
        self.batch_size = batch_size
        network = keras.Model(backbone.network.inputs, backbone.network.output["features"])
        (self._pixels,), (self._features,) = network.inputs, network.outputs
        # In the order of computation.
        self._layers = [layer for layer in network.operations if not isinstance(layer, layers.InputLayer)]
        for layer in self._layers:
            self._require_rule(layer)
        tensors = [self._pixels, *(layer.output for layer in self._layers)]
        self._keys = [id(tensor) for tensor in tensors]
        self._network = keras.Model(self._pixels, tensors)
        self._rules = [self._rule(layer, bounds) for layer, bounds in zip(self._layers, self._bounds())]
        self._outcomes = self._find_outcomes()

    def __call__(self, pictures: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        """The relevance of every pixel of the square that the network looks at: (n, image_size, image_size, 3) float32.

        Args:
            pictures: (n, height, width, 3) uint8 RGB, frames.
            relevance: (n, dim), of each frame's features, such as `WordRelevance.features` of a word.
        Raises:
            ValueError: the relevance is not that of these pictures' features.
        """
        if np.shape(relevance) != (len(pictures), self.backbone.dim):
            raise ValueError(
                f"The relevance has shape {np.shape(relevance)}; expected ({len(pictures)}, {self.backbone.dim}), "
                f"a row of {self.backbone.name}'s features for each picture."
            )
        prepared = tf.cast(self.backbone.prepare(pictures), tf.float32)
        relevance = tf.constant(relevance, tf.float32)
        starts = range(0, len(pictures), self.batch_size)
        batches = [slice(start, start + self.batch_size) for start in starts]
        return np.concatenate([self._back(prepared[batch], relevance[batch]).numpy() for batch in batches])

    def _back(self, pixels: tf.Tensor, relevance: tf.Tensor) -> tf.Tensor:
        values = dict(zip(self._keys, self._network(pixels, training=False)))
        relevances = {id(self._features): relevance}
        for layer, rule, outcome in zip(self._layers[::-1], self._rules[::-1], self._outcomes[::-1]):
            inputs = [id(tensor) for tensor in tree.flatten(layer.input)]
            of_output = relevances.pop(id(layer.output))
            for key, found in zip(inputs, rule(layer, [values[key] for key in inputs], values[outcome], of_output)):
                relevances[key] = relevances[key] + found if key in relevances else found
        return relevances[id(self._pixels)]

    def _require_rule(self, layer) -> None:
        reason = None
        if type(layer) not in RULES:
            reason = f"is a {type(layer).__name__}, and no rule here takes relevance through one"
        elif getattr(layer, "activation", None) not in (None, *_ACTIVATIONS):
            reason = f"has the activation {layer.activation.__name__}; expected a ReLU or none"
        elif isinstance(layer, layers.BatchNormalization) and layer.scale and np.min(layer.gamma) < 0:
            reason = "turns signs round; expected scales above 0"
        if reason:
            raise UnsupportedBackbone(
                f"Relevance does not reach the pixels of the backbone {self.backbone.name!r}: its layer {layer.name!r} "
                f"{reason}. The relevance of its features, frames and neurons is not affected; for that of pixels use "
                "'efficientnet_lite0', 'googlenet' or 'inception_v3'."
            )

    def _bounds(self) -> list[tuple[tf.Tensor, tf.Tensor] | None]:
        """For each layer, the least and the most that its input can be if it is made of pixels alone; else None."""
        raw, read = {id(self._pixels)}, []
        for layer in self._layers:
            of_pixels_alone = all(id(tensor) in raw for tensor in tree.flatten(layer.input))
            read.append(of_pixels_alone)
            if of_pixels_alone and not layer.weights:
                raw.add(id(layer.output))
        inputs = [layer.input for layer, of_pixels_alone in zip(self._layers, read) if of_pixels_alone]
        size = (1, *self._pixels.shape[1:])
        ends = [keras.Model(self._pixels, inputs)(tf.fill(size, value)) for value in (_BLACK, _WHITE)]
        bounds = iter(zip(*ends))
        return [next(bounds) if of_pixels_alone else None for of_pixels_alone in read]

    def _rule(self, layer, bounds: tuple[tf.Tensor, tf.Tensor] | None) -> Rule:
        rule = RULES[type(layer)]
        return of_pixels(*bounds) if bounds is not None and rule is weighted else rule

    def _find_outcomes(self) -> list[int]:
        """For each layer, what its output becomes before another layer weighs it: a convolution's sign counts after the
        normalisation and the ReLU that follow it."""
        outcome = {}
        readers = Counter(id(tensor) for layer in self._layers for tensor in tree.flatten(layer.input))
        for layer in reversed(self._layers):
            becomes = outcome.setdefault(id(layer.output), id(layer.output))
            if RULES[type(layer)] is passed and readers[id(layer.input)] == 1:
                outcome[id(layer.input)] = becomes
        return [outcome[id(layer.output)] for layer in self._layers]
