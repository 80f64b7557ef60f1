"""Small stand-ins for what the features step works on: clips, a Hub module, a network that averages colours."""

import itertools
import types

import av
import keras
import numpy as np
import pytest
import tensorflow as tf

from topiclens.components.features.backbones.base import Backbone

SIDE = 16
HUB_SIDE, HUB_DIM = 224, 1024


def write_clip(path, colours, size=(48, 32)):
    """A clip of plain frames, one a colour (red, green, blue); lossless but for the codec's colour space."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264rgb", rate=10, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = *size, "rgb24"
        for colour in colours:
            frame = np.full((size[1], size[0], 3), colour, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        file.mux(stream.encode())
    return path


class HubModule(tf.Module):
    """Inception v1's published interface over a made-up map: the centre's colour in 0..1, times a matrix (3, 1024)."""

    def __init__(self):
        super().__init__()
        self.matrix = tf.Variable(np.random.default_rng(0).normal(size=(3, HUB_DIM)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec((None, HUB_SIDE, HUB_SIDE, 3), tf.float32, name="images")])
    def __call__(self, images):
        return images[:, HUB_SIDE // 2, HUB_SIDE // 2] @ self.matrix

    @tf.function(input_signature=[tf.TensorSpec((None, HUB_SIDE, HUB_SIDE, 3), tf.float32, name="images")])
    def signature(self, images):
        return {"default": self(images)}


@pytest.fixture(scope="session")
def hub_module(tmp_path_factory):
    """A callable module, saved: its folder and its matrix."""
    module, folder = HubModule(), str(tmp_path_factory.mktemp("hub") / "callable")
    tf.saved_model.save(module, folder)
    return types.SimpleNamespace(folder=folder, matrix=module.matrix.numpy())


@pytest.fixture(scope="session")
def mean_colour() -> Backbone:
    """A backbone that gives the mean of red, green and blue: what it must answer is known."""
    pixels = keras.Input((SIDE, SIDE, 3))
    return Backbone(
        "mean_colour",
        keras.Model(pixels, {"features": keras.layers.GlobalAveragePooling2D()(pixels)}),
        image_size=SIDE,
        dim=3,
    )


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """16 clips of 5 to 9 frames in three sizes."""
    folder = tmp_path_factory.mktemp("clips")
    random, sizes = np.random.default_rng(1), itertools.cycle([(48, 32), (32, 48), (64, 64)])
    for number in range(16):
        write_clip(folder / f"{number:02d}.mp4", random.integers(1, 256, (5 + number % 5, 3)), next(sizes))
    return folder
