"""The networks' parts against second derivations, and each backbone's file as far as no download is needed."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from topiclens.components.features.backbones import base, efficientnet_lite0, googlenet, registry
from topiclens.components.features.backbones.base import WeightsError


def _smooth(height: int, width: int) -> np.ndarray:
    """A picture without fine detail, so that any decent resizing gives the same."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(4 * x + 2 * y), np.cos(5 * y), np.sin(3 * x * y + 1)]
    return np.uint8(np.stack(waves, axis=-1) * 100 + 128)


@pytest.mark.parametrize("height, width", [(300, 451), (512, 288), (100, 130), (720, 1280)])
def test_preparing_is_resizing_the_short_side_to_256_and_cropping_the_centre(height, width):
    backbone = base.Backbone("any", keras.Sequential([keras.Input((224, 224, 3))]), image_size=224, dim=3)
    picture = _smooth(height, width)
    scale = 256 / min(height, width)
    resized = Image.fromarray(picture).resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
    left, top = (resized.width - 224) // 2, (resized.height - 224) // 2
    expected = np.asarray(resized)[top : top + 224, left : left + 224]
    prepared = backbone.prepare(picture[np.newaxis]).numpy()
    assert prepared.shape == (1, 224, 224, 3) and prepared.dtype == np.uint8
    assert np.abs(prepared[0].astype(int) - expected).max() <= 3  # half a pixel of a gentle slope


def test_pictures_of_one_size_are_prepared_alike_alone_and_together(mean_colour):
    pictures = np.stack([_smooth(40, 60), _smooth(40, 60)[::-1]])
    together = mean_colour.prepare(pictures).numpy()
    alone = np.concatenate([mean_colour.prepare(picture[np.newaxis]).numpy() for picture in pictures])
    np.testing.assert_array_equal(together, alone)


def test_a_backbone_lives_inside_a_saved_model_of_core_ops(mean_colour, tmp_path):
    def caption_frames(jpegs):
        def prepare(jpeg):
            return mean_colour.prepare(tf.io.decode_jpeg(jpeg, channels=3)[tf.newaxis])[0]

        size = (mean_colour.image_size, mean_colour.image_size, 3)
        return mean_colour.features(tf.map_fn(prepare, jpegs, fn_output_signature=tf.TensorSpec(size, tf.uint8)))

    archive = keras.export.ExportArchive()
    archive.track(mean_colour)
    archive.add_endpoint("features", caption_frames, [tf.TensorSpec((None,), tf.string)])
    archive.write_out(str(tmp_path / "model"), verbose=False)
    pictures = [_smooth(40, 60), _smooth(90, 30)]
    jpegs = [tf.io.encode_jpeg(picture, quality=100) for picture in pictures]
    served = tf.saved_model.load(str(tmp_path / "model")).features(tf.stack(jpegs))
    expected = [mean_colour(tf.io.decode_jpeg(jpeg)[tf.newaxis])[0] for jpeg in jpegs]
    np.testing.assert_allclose(served, expected, rtol=1e-5)


@pytest.mark.parametrize("size", [112, 56, 28, 14])
def test_pooling_rounds_up_as_caffe_does(size):
    x = -np.random.default_rng(0).random((1, size, size, 1)).astype(np.float32)  # negative: padding must not win
    count = -(-(size - 3) // 2) + 1  # Caffe: ceil((size - kernel) / stride) + 1
    windows = [[x[0, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3, 0].max() for c in range(count)] for r in range(count)]
    np.testing.assert_array_equal(googlenet._pooled(tf.constant(x))[0, :, :, 0], windows)


def test_responses_are_normalised_by_krizhevskys_formula():
    x = np.random.default_rng(0).normal(scale=100, size=(2, 3, 3, 8)).astype(np.float32)
    expected = np.empty_like(x)
    for channel in range(8):
        near = x[..., max(0, channel - 2) : channel + 3]
        expected[..., channel] = x[..., channel] / (1 + 1e-4 / 5 * np.square(near).sum(-1)) ** 0.75
    np.testing.assert_allclose(googlenet.LocalResponseNormalization()(x), expected, rtol=1e-5)


def test_caffes_pixels_are_bgr_minus_the_mean():
    np.testing.assert_array_equal(googlenet.CaffePixels()(np.float32([[1, 2, 3]])), [[3 - 104, 2 - 117, 1 - 123]])


@pytest.fixture(scope="module")
def caffe_arrays():
    """GoogLeNet's arrays with random numbers, under Caffe's names."""
    random = np.random.default_rng(0)
    names = ["conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3", "loss3/classifier"]
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        names += [
            f"inception_{module}/{part}" for part in ["1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj"]
        ]
    network = googlenet.build()
    arrays = {}
    for name in names:
        kernel, bias = network.get_layer(name.replace("/", "_")).weights
        spread = (2 / np.prod(kernel.shape[:3])) ** 0.5
        arrays[f"{name}/kernel"] = random.normal(scale=spread, size=kernel.shape).astype(np.float16)
        arrays[f"{name}/bias"] = random.normal(scale=0.1, size=bias.shape).astype(np.float16)
    return arrays


def test_googlenet_takes_the_weights_of_its_file_and_sees_a_corner_as_caffe_does(caffe_arrays, tmp_path):
    np.savez(tmp_path / "w.npz", **caffe_arrays)
    backbone = registry.load("googlenet", tmp_path / "w.npz")
    picture = np.random.default_rng(1).integers(0, 256, (1, 224, 224, 3), np.uint8)
    backbone.crop = 1.0  # a square of the network's size goes in as it is
    np.testing.assert_array_equal(backbone.prepare(picture), picture)
    assert backbone(picture).shape == (1, backbone.dim)
    first = keras.Model(backbone.network.input, backbone.network.get_layer("conv1_7x7_s2").output)
    bgr = picture[0, :4, :4, ::-1] - np.array([104.0, 117.0, 123.0])
    kernel, bias = (caffe_arrays[f"conv1/7x7_s2/{kind}"].astype(np.float64) for kind in ("kernel", "bias"))
    expected = np.maximum(np.einsum("hwc,hwco->o", bgr, kernel[3:, 3:]) + bias, 0)  # 3 zero rows above, 3 columns left
    np.testing.assert_allclose(first(picture.astype(np.float32))[0, 0, 0], expected, rtol=1e-3, atol=1e-2)


def _without(name):
    return lambda arrays: {key: value for key, value in arrays.items() if not key.startswith(name)}


@pytest.mark.parametrize(
    "change, message",
    [
        (_without("conv2/3x3/"), "1 layers are missing.*conv2_3x3"),
        (lambda arrays: {**arrays, "conv9/kernel": np.zeros(3)}, "1 are unknown.*conv9"),
        (lambda arrays: {**arrays, "conv2/3x3/bias": np.zeros(7)}, r"'conv2_3x3' expects shapes .*\(7,\)"),
        (lambda arrays: {"conv1/7x7_s2/kernel": np.array([{}])}, "not a readable .npz"),
    ],
)
def test_googlenet_refuses_weights_that_are_not_its_own(change, message, caffe_arrays, tmp_path):
    np.savez(tmp_path / "w.npz", **change(caffe_arrays))
    with pytest.raises(WeightsError, match=message):
        registry.load("googlenet", tmp_path / "w.npz")


def test_a_convolution_and_its_normalisation_fold_into_one():
    random = np.random.default_rng(0)

    def tensors(name, out, inner, kernel):
        convolution = {f"{name}conv.weight": random.normal(size=(out, inner, kernel, kernel))}
        moments = {kind: random.uniform(0.5, 2, out) for kind in ("weight", "bias", "running_mean", "running_var")}
        return convolution | {f"{name}bn.{kind}": values for kind, values in moments.items()}

    state = tensors("a_", 4, 3, 1) | {"_fc.weight": random.normal(size=(5, 4)), "_fc.bias": random.normal(size=5)}
    x = random.normal(size=(6, 3))
    convolved = x @ state["a_conv.weight"][:, :, 0, 0].T
    normalised = (convolved - state["a_bn.running_mean"]) / np.sqrt(state["a_bn.running_var"] + 1e-3)
    expected = normalised * state["a_bn.weight"] + state["a_bn.bias"]
    folded = efficientnet_lite0.folded(state)
    kernel, bias = folded["a_conv"]
    np.testing.assert_allclose(x @ kernel[0, 0] + bias, expected)
    np.testing.assert_array_equal(folded["fc"][0], state["_fc.weight"].T)


def test_efficientnet_refuses_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="not a checkpoint at all"):
        registry.load("efficientnet_lite0", tmp_path / "x.pth")


@pytest.mark.parametrize("interface", ["callable", "signature", "training"])
def test_inception_v1_speaks_every_form_of_hubs_interface(interface, hub_module, tmp_path):
    folder = hub_module.folder
    if interface != "callable":
        module, folder = tf.Module(), str(tmp_path / interface)
        module.loaded = tf.saved_model.load(hub_module.folder)
        signatures = {"default": module.loaded.signature} if interface == "signature" else None
        if interface == "training":
            module.__call__ = tf.function(lambda inputs, training: module.loaded(inputs) + (1.0 if training else 0.0))
            images = tf.TensorSpec((None, 224, 224, 3), tf.float32)
            for training in (True, False):
                module.__call__.get_concrete_function(images, training=training)
        tf.saved_model.save(module, folder, signatures=signatures)
    backbone = registry.load("inception_v1", folder)
    colour = np.array([255, 51, 0])
    features = backbone(np.full((2, 50, 80, 3), colour, np.uint8))
    np.testing.assert_allclose(features[1], colour / 255 @ hub_module.matrix, rtol=1e-4, atol=1e-5)
    with pytest.raises(WeightsError, match="without a classifier"):
        backbone.classify(np.zeros((1, 50, 80, 3), np.uint8))


def test_inception_v1_refuses_a_module_of_another_width(tmp_path):
    class Classifier(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 224, 224, 3), tf.float32)])
        def __call__(self, images):
            return tf.zeros((tf.shape(images)[0], 1001))

    tf.saved_model.save(Classifier(), str(tmp_path / "classifier"))
    with pytest.raises(WeightsError, match=r"gives shape \(1, 1001\).*Is it a classifier"):
        registry.load("inception_v1", str(tmp_path / "classifier"))


@pytest.mark.parametrize(
    "name, source", [("googlenet", "model zoo"), ("inception_v1", "tfhub.dev"), ("inception_v3", "keras-applications")]
)
@pytest.mark.parametrize("weights", [None, "/nowhere/weights"])
def test_missing_weights_tell_the_file_its_source_and_what_works_without(name, source, weights):
    with pytest.raises(WeightsError) as caught:
        registry.load(name, weights)
    for told in (source, "efficientnet_lite0", weights or "no weights were given"):
        assert told in str(caught.value)


def test_an_unknown_backbone_is_told_which_there_are():
    with pytest.raises(ValueError, match="no backbone 'resnet'; choose one of efficientnet_lite0, googlenet"):
        registry.load("resnet")


def test_the_identity_follows_the_weights_content_not_their_place(tmp_path):
    for name, content in (("a.npz", b"one"), ("b.npz", b"one"), ("c.npz", b"two")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (registry.identity("googlenet", tmp_path / name) for name in ("a.npz", "b.npz", "c.npz"))
    assert a == b != c
    for folder, content in (("x", b"one"), ("y", b"one"), ("z", b"two")):
        os.makedirs(tmp_path / folder / "variables")
        (tmp_path / folder / "variables" / "data").write_bytes(content)
    x, y, z = (registry.identity("inception_v1", tmp_path / name) for name in "xyz")
    assert x == y != z
    assert registry.identity("googlenet") != registry.identity("efficientnet_lite0")


def test_the_table_of_widths_is_what_the_networks_have():
    from topiclens.components.features.backbones import inception_v1, inception_v3

    modules = (efficientnet_lite0, googlenet, inception_v1, inception_v3)
    assert {module.NAME: module.DIM for module in modules} == registry.DIMS
