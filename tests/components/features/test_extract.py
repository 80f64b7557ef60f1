import numpy as np
import pytest

from topiclens.components.features.extract import FeatureExtractor, as_served, fingerprint
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.trainer.endpoints import build_extract


def _plain(colour, height, width, count=1):
    return [np.full((height, width, 3), np.add(colour, index), np.uint8) for index in range(count)]


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_every_frame_gets_its_own_features_however_batches_fall(batch_size, mean_colour):
    videos = {
        "a": _plain((10, 20, 30), 40, 60, count=3),
        "b": _plain((200, 0, 90), 17, 33, count=1),
        "c": _plain((5, 100, 250), 64, 20, count=5) + _plain((1, 2, 3), 20, 64),  # its size changes on the way
    }
    found = list(FeatureExtractor(mean_colour, batch_size)(videos.items()))
    assert [key for key, _ in found] == list(videos)
    for key, features in found:
        np.testing.assert_allclose(features, [frame[0, 0] for frame in videos[key]], atol=1e-4)
        assert features.dtype == np.float32


def test_frames_as_served_have_the_features_that_the_served_graph_makes_of_their_jpegs(mean_colour):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, size, np.uint8) for size in ((40, 60, 3), (400, 500, 3), (33, 17, 3))]
    ((_, features),) = FeatureExtractor(mean_colour)([("a", as_served(frames))])
    served = build_extract(mean_colour)(np.array([encode_frames(frames)]))[0].numpy()
    np.testing.assert_allclose(features, served, rtol=1e-5)
    ((_, raw),) = FeatureExtractor(mean_colour)([("a", frames)])
    assert not np.allclose(features, raw, rtol=1e-5), "JPEG changes noise"


def test_videos_are_consumed_as_they_are_needed_and_told_as_soon_as_they_are_done(mean_colour):
    taken = []

    def videos():
        for number in range(8):
            taken.append(number)
            yield number, _plain((number, 0, 0), 20, 20, count=4)

    extractor = FeatureExtractor(mean_colour, batch_size=4)
    for number, _ in extractor(videos()):
        assert taken == list(range(number + 1))


def test_one_batch_shape_is_compiled_whatever_comes(mean_colour):
    extractor = FeatureExtractor(mean_colour, batch_size=4)
    for count, size in ((1, 20), (9, 31), (4, 16)):
        list(extractor([(0, _plain((1, 2, 3), size, size + 5, count))]))
    assert extractor._features.experimental_get_tracing_count() == 1
    assert extractor._prepare.experimental_get_tracing_count() == 1


def test_a_video_without_frames_is_an_error(mean_colour):
    with pytest.raises(ValueError, match="no frames"):
        list(FeatureExtractor(mean_colour)([("a", [])]))


def test_the_fingerprint_follows_every_setting_that_changes_a_feature():
    base = dict(backbone="googlenet:1", sampling=Sampling(), dim=1024, batch_size=32)
    samplings = [
        Sampling(n_frames=8), Sampling("centred"), Sampling("step"), Sampling("step", step=2),
        Sampling("random_clip"), Sampling("random_clip", step=2), Sampling("random_clip", seed=1),
    ]  # fmt: skip
    changed = [
        *(dict(base, **{name: value}) for name, value in dict(backbone="x", dim=3, batch_size=1).items()),
        *(dict(base, sampling=sampling) for sampling in samplings),
    ]
    assert len({fingerprint(**told) for told in [base, *changed]}) == 1 + len(changed)
    assert fingerprint(**base) == fingerprint(**dict(base, sampling=Sampling("equal", step=9, seed=9)))
