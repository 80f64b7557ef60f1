"""The rules of deep Taylor decomposition, one for each kind of layer of a CNN (Montavon et al. 2017).

A rule takes the layer, its inputs (a list of (n, ...) tensors), its output after any activation, and the output's
relevance; it returns the relevance of each input. Biases take nothing. They are written for eager tensors.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers, ops

from topiclens.components.features.backbones.googlenet import CaffePixels, LocalResponseNormalization

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
