"""Activations of an exported encoder."""

import numpy as np
import pytest

from tests.components.neurons.conftest import exported, small_captioner
from topiclens.components.neurons import activations
from topiclens.components.neurons.activations import NeuronsError


@pytest.mark.parametrize("batch_size", (1, 4, 64))
def test_each_video_gets_its_own_frames_activations_whatever_the_batch(model_dir, captioner, videos, batch_size):
    model = activations.load(model_dir)
    for (video, v), given in zip(activations.encoded(videos, model.encode, batch_size=batch_size), videos, strict=True):
        assert video is given and v.shape == (len(video.frames), 8)
        np.testing.assert_allclose(v, captioner.encode(given.frames[None])["v"][0], atol=1e-6)


def test_the_mean_is_what_the_trained_perceptron_reads(model_dir, captioner, videos):
    model = activations.load(model_dir)
    found = activations.mean_activations(videos, model.encode)
    assert found.ids == tuple(video.video_id for video in videos)
    np.testing.assert_array_equal(found.topics, [video.topics for video in videos])
    np.testing.assert_array_equal(found.features, [video.frames.mean(axis=0) for video in videos])
    for video, scores in zip(videos, model.f(found.mean), strict=True):
        np.testing.assert_allclose(scores, captioner.topic_scores(video.frames[None])[0], atol=1e-5)


def test_a_model_without_topics_is_refused_with_the_remedy(tmp_path):
    folder = exported(small_captioner(interpretive_weight=0.0), tmp_path / "model")
    with pytest.raises(NeuronsError, match="LSTM-B.*interpretive_weight above 0"):
        activations.load(folder)


def test_an_empty_split_is_refused(model_dir):
    with pytest.raises(NeuronsError, match="Is the split empty"):
        activations.mean_activations([], activations.load(model_dir).encode)
