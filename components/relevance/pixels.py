"""Relevance from a frame's features to its pixels, by deep Taylor decomposition of the CNN (Montavon et al. 2017).

The backbone's own layers are walked backwards, so that no network is written a second time: a backbone all of whose
layers have a rule is supported.

A rule takes the layer, its inputs (a list of (n, ...) tensors), its output after any activation, and the output's
relevance; it returns the relevance of each input. Biases take nothing. Rules are written for eager tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops, tree

from topiclens.components.features.backbones.base import Backbone
from topiclens.components.features.backbones.googlenet import CaffePixels, LocalResponseNormalization

BATCH_SIZE = 4  # pictures; the outputs of all layers are held at once, about 50 MB a picture
_BLACK, _WHITE = 0.0, 255.0
_ACTIVATIONS = (keras.activations.linear, keras.activations.relu, keras.activations.relu6)

Rule = Callable[[keras.Layer, list[tf.Tensor], tf.Tensor, tf.Tensor], list[tf.Tensor]]


def weighted(layer: keras.Layer, inputs: list[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor) -> list[tf.Tensor]:
    """The z+ rule (Montavon et al. 2017): R_i = sum_j x_i w_ij+ / (sum_i x_i w_ij+) R_j.

    That is for inputs and outputs that are never negative, as ReLU leaves them. Where they may be, "z+" is read as the
    contributions of the output's own sign: the positive ones, from negative inputs too, if the output is positive.

    An output without any, which has its sign by its bias alone, goes by the w^2 rule of the same paper:
    R_i = sum_j w_ij^2 / (sum_i w_ij^2) R_j. The depthwise filters of EfficientNet have many such outputs.
    """

    def contributions(inputs: list[tf.Tensor], sign: int) -> tf.Tensor:
        (x,) = inputs
        total = _applied(layer, _part(x, 1), _part(layer.kernel, sign))
        if tf.reduce_min(x) < 0:
            total += _applied(layer, _part(x, -1), _part(layer.kernel, -sign))
        return total

    def weights(ones: list[tf.Tensor]) -> tf.Tensor:
        return _applied(layer, ones[0], tf.square(layer.kernel))

    return _by_contribution(contributions, weights, inputs, output, relevance)


def averaged(layer: keras.Layer, inputs: list[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor) -> list[tf.Tensor]:
    """A mean is a layer of equal weights: see `weighted`."""

    def contributions(inputs: list[tf.Tensor], sign: int) -> tf.Tensor:
        return layer(_part(inputs[0], sign))

    return _by_contribution(contributions, lambda ones: layer(ones[0]), inputs, output, relevance)


def added(layer: keras.Layer, inputs: list[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor) -> list[tf.Tensor]:
    """A sum is a layer of weights of one: see `weighted`."""

    def contributions(inputs: list[tf.Tensor], sign: int) -> tf.Tensor:
        return tf.add_n([_part(x, sign) for x in inputs])

    return _by_contribution(contributions, tf.add_n, inputs, output, relevance)


def moved(layer: keras.Layer, inputs: list[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor) -> list[tf.Tensor]:
    """What only picks numbers and puts them elsewhere hands each its own relevance; of a maximum, the winner's."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = layer(inputs if len(inputs) > 1 else inputs[0])
    return tape.gradient(output, inputs, relevance)


def passed(layer: keras.Layer, inputs: list[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor) -> list[tf.Tensor]:
    """What works on each number by itself hands its relevance on."""
    return [relevance]


RULES: dict[type, Rule] = {
    layers.Conv2D: weighted,
    layers.DepthwiseConv2D: weighted,
    layers.AveragePooling2D: averaged,
    layers.GlobalAveragePooling2D: averaged,
    layers.Add: added,
    layers.MaxPooling2D: moved,
    layers.ZeroPadding2D: moved,
    layers.Concatenate: moved,
    CaffePixels: moved,
    layers.Rescaling: passed,
    layers.Activation: passed,
    layers.BatchNormalization: passed,
    LocalResponseNormalization: passed,  # what the neighbours divide by is a gate
}


def of_pixels(low: tf.Tensor, high: tf.Tensor) -> Rule:
    """The zB rule, for a layer that reads pixels (Montavon et al. 2017).

    R_i = sum_j (x_i w_ij - l_i w_ij+ - h_i w_ij-) / (its sum over i) R_j, so that a pixel speaks by how far it is from
    the bounds l and h, and zero, which is no special colour, plays no part.
    """

    def rule(layer: keras.Layer, inputs: list[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor) -> list[tf.Tensor]:
        bounded = [inputs[0], tf.broadcast_to(low, inputs[0].shape), tf.broadcast_to(high, inputs[0].shape)]
        with tf.GradientTape() as tape:
            tape.watch(bounded)
            total = _applied(layer, bounded[0], layer.kernel)
            total -= _applied(layer, bounded[1], _part(layer.kernel, 1))
            total -= _applied(layer, bounded[2], _part(layer.kernel, -1))
        slopes = tape.gradient(total, bounded, tf.math.divide_no_nan(relevance, total))
        return [tf.add_n([x * slope for x, slope in zip(bounded, slopes)])]

    return rule


def _by_contribution(
    contributions: Callable[[list[tf.Tensor], int], tf.Tensor],
    weights: Callable[[list[tf.Tensor]], tf.Tensor],
    inputs: list[tf.Tensor],
    output: tf.Tensor,
    relevance: tf.Tensor,
) -> list[tf.Tensor]:
    """Hands every output's relevance to the contributions of its own sign, or else to the inputs by their weights.

    Args:
        contributions: (inputs, sign) -> the sum of each output's contributions of this sign. It is linear in the part
            of the inputs that it depends on, so that a contribution is an input times its gradient.
        weights: ones in the inputs' shapes -> the sum of each output's weights, all positive.
    """
    result, left = [tf.zeros_like(x) for x in inputs], tf.zeros_like(relevance)
    for sign, mine in ((1, output >= 0), (-1, output < 0)):
        share = tf.where(mine, relevance, 0.0)
        if not tf.reduce_any(share != 0):
            continue
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = contributions(inputs, sign)
        slopes = tape.gradient(total, inputs, tf.math.divide_no_nan(share, total))
        result = [found + x * slope for found, x, slope in zip(result, inputs, slopes)]
        left += tf.where(total == 0, share, 0.0)
    if not tf.reduce_any(left != 0):
        return result
    ones = [tf.ones_like(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(ones)
        total = weights(ones)
    slopes = tape.gradient(total, ones, tf.math.divide_no_nan(left, total))
    return [found + slope for found, slope in zip(result, slopes)]


def _part(x: tf.Tensor, sign: int) -> tf.Tensor:
    """The positive part of x, or its negative one."""
    return sign * tf.nn.relu(sign * tf.convert_to_tensor(x))


def _applied(layer: keras.Layer, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A convolution by another kernel than the layer's own, without bias and activation."""
    if not isinstance(layer, layers.DepthwiseConv2D):
        return layer.convolution_op(x, kernel)
    return ops.depthwise_conv(x, kernel, layer.strides, layer.padding, layer.data_format, layer.dilation_rate)


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

    def _require_rule(self, layer: keras.Layer) -> None:
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

    def _rule(self, layer: keras.Layer, bounds: tuple[tf.Tensor, tf.Tensor] | None) -> Rule:
        rule = RULES[type(layer)]
        return of_pixels(*bounds) if bounds is not None and rule is weighted else rule

    def _find_outcomes(self) -> list[int]:
        """For each layer, what its output becomes before another layer weighs it: a convolution's sign counts after the
        normalisation and the ReLU that follow it."""
        outcome: dict[int, int] = {}
        readers = Counter(id(tensor) for layer in self._layers for tensor in tree.flatten(layer.input))
        for layer in reversed(self._layers):
            becomes = outcome.setdefault(id(layer.output), id(layer.output))
            if RULES[type(layer)] is passed and readers[id(layer.input)] == 1:
                outcome[id(layer.input)] = becomes
        return [outcome[id(layer.output)] for layer in self._layers]
