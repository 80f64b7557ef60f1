"""Backbones on photos whose class is known, and on real clips. The photos ship in scikit-image's wheel."""

import keras
import numpy as np
import pytest
from PIL import Image

from topiclens.components.common import downloads
from topiclens.components.features.backbones import inception_v3, registry
from topiclens.components.features.backbones.base import WeightsError
from topiclens.components.features.decoder import ClipRequest, DecoderPool
from topiclens.components.features.extract import FeatureExtractor
from topiclens.components.videos.sampling import Sampling

pytestmark = pytest.mark.data

PHOTOS = "scikit-image==0.25.2"
PHOTOS_SHA256 = "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641"
ESPRESSO, EGYPTIAN_CAT, MISSILE = 967, 285, 657  # classes of ImageNet
CLASSES = {"coffee.png": ESPRESSO, "chelsea.png": EGYPTIAN_CAT, "rocket.jpg": MISSILE}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> dict[str, np.ndarray]:
    """Photos as (1, height, width, 3) uint8, by file name."""
    try:
        wheel = downloads.fetch_wheel(PHOTOS, PHOTOS_SHA256)
    except downloads.DownloadError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("photos")
    members = {name: downloads.extract_member(wheel, f"skimage/data/{name}", folder / name) for name in CLASSES}
    return {name: np.asarray(Image.open(path).convert("RGB"))[np.newaxis] for name, path in members.items()}


def _known(backbone, photos) -> dict[str, float]:
    """The probability of each photo's class, which must be the first."""
    found = {name: backbone.classify(photo).numpy()[0] for name, photo in photos.items()}
    assert {name: int(probabilities.argmax()) for name, probabilities in found.items()} == CLASSES
    return {name: float(probabilities[CLASSES[name]]) for name, probabilities in found.items()}


def test_googlenet_knows_the_photos_as_sure_as_published(photos, data_folder):
    found = _known(registry.load("googlenet", data_folder / "googlenet" / "bvlc_googlenet.npz"), photos)
    assert found["coffee.png"] == pytest.approx(0.90, abs=0.02)
    # How sure it is of the cat hangs on how the photo is made smaller: 0.45 to 0.55 over PIL's and TensorFlow's ways.
    assert found["chelsea.png"] == pytest.approx(0.5, abs=0.07)


def test_efficientnet_lite0_knows_the_photos_as_sure_as_its_pytorch_original(photos):
    backbone = registry.load("efficientnet_lite0")
    found = _known(backbone, photos)
    # What efficientnet-lite-pytorch 0.1.0 gave with PyTorch 2.13, on the pixels that `prepare` makes.
    assert found["coffee.png"] == pytest.approx(0.95357, abs=1e-4)
    features = backbone(photos["coffee.png"]).numpy()
    assert features.shape == (1, 1280) and features.min() >= 0 and features.max() == pytest.approx(3.36606, abs=1e-4)


@pytest.mark.parametrize("classifier", [True, False])
def test_inception_v3_gives_back_the_weights_of_its_file(classifier, photos, tmp_path):
    """Its published weights cannot be had offline: this is the interface, with random ones."""
    keras.utils.set_random_seed(0)
    network = inception_v3.build(classifier)
    network.save_weights(tmp_path / "inception.weights.h5")
    backbone = registry.load("inception_v3", tmp_path / "inception.weights.h5")
    photo = photos["coffee.png"]
    features = backbone(photo).numpy()
    assert features.shape == (1, backbone.dim) and features.std() > 0
    prepared = backbone.prepare(photo).numpy().astype(np.float32)
    np.testing.assert_allclose(features, network(prepared)["features"], rtol=1e-4, atol=1e-5)
    if classifier:
        np.testing.assert_allclose(backbone.classify(photo).numpy().sum(), 1, rtol=1e-5)
    else:
        with pytest.raises(WeightsError, match="without a classifier"):
            backbone.classify(photo)


def test_inception_v3_scales_pixels_as_keras_does():
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 299, 299, 3)).astype(np.float32)
    network = inception_v3.build(classifier=False)
    (scaling,) = (layer for layer in network.layers if isinstance(layer, keras.layers.Rescaling))
    expected = keras.applications.inception_v3.preprocess_input(pixels.copy())
    np.testing.assert_allclose(scaling(pixels), expected, atol=1e-6)


def test_inception_v3_refuses_another_networks_file(tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "no.h5").write_bytes(b"no weights")
    for name in ("other.weights.h5", "no.h5"):
        with pytest.raises(WeightsError, match="does not hold the weights of Keras' Inception v3"):
            registry.load("inception_v3", tmp_path / name)


def test_frames_of_one_real_clip_are_more_alike_than_those_of_different_clips(data_folder):
    clips = sorted((data_folder / "msvd" / "clips").iterdir())[::12]
    weights = data_folder / "googlenet" / "bvlc_googlenet.npz"
    extractor = FeatureExtractor(registry.load("googlenet", weights))
    pool = DecoderPool(2, sampling=Sampling(n_frames=8))
    try:
        sampled = zip([clip.name for clip in clips], pool.sample(ClipRequest(str(clip)) for clip in clips), strict=True)
        features = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in extractor(sampled)}
    finally:
        pool.close()
    assert len(features) == len(clips) and all(rows.shape == (8, 1024) for rows in features.values())
    for name, rows in features.items():
        others = np.concatenate([other for key, other in features.items() if key != name])
        assert (rows @ rows.T).mean() > (rows @ others.T).mean() + 0.1
