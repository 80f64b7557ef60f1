"""Videos as points: where they lie, and what they are called."""

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins import projector

from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import Tally
from topiclens.components.neurons.tensorboard import principal_components, write_embeddings
from topiclens.components.topics.table import Topic

TOPICS = [Topic(i, f"topic{i}", ("word",), None, 0.4) for i in range(12)]


def links_of(videos_with):
    """Links of topics that occur in so many videos each; every topic but the last has a neuron."""
    votes = np.eye(len(TOPICS), dtype=np.int64)
    votes[-1] = 0
    return link(Tally(votes, votes.astype(float), votes.astype(float), np.asarray(videos_with)), TOPICS)


@pytest.fixture
def videos():
    rng = np.random.default_rng(0)
    topics = np.zeros((4, 12), np.int64)
    topics[0, [0, 3]] = topics[1, [9, 11]] = topics[2, 0] = 1
    features = rng.normal(size=(4, 7)).astype(np.float32)
    return MeanActivations(("a", "b", "c", "d"), features, rng.normal(size=(4, 5)).astype(np.float32), topics)


def test_a_video_has_the_colour_of_its_rarest_topic_among_the_frequent_ones(videos, tmp_path):
    write_embeddings(str(tmp_path), links_of(range(100, 88, -1)), videos)  # topics 0 to 7 are the most frequent
    rows = [line.split("\t") for line in (tmp_path / "videos.tsv").read_text().splitlines()]
    assert rows == [
        ["video", "topic", "topics"],
        ["a", "topic3", "topic0, topic3"],
        ["b", "another topic", "topic9, topic11"],
        ["c", "topic0", "topic0"],
        ["d", "another topic", "none"],
    ]


def test_both_embeddings_keep_the_distances_between_videos(videos, tmp_path):
    write_embeddings(str(tmp_path), links_of(range(12)), videos)
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), projector.ProjectorConfig())
    assert [embedding.tensor_name for embedding in config.embeddings] == ["features", "neurons"]
    for embedding, vectors in zip(config.embeddings, (videos.features, videos.mean)):
        points = np.loadtxt(tmp_path / embedding.tensor_path)
        assert list(points.shape) == list(embedding.tensor_shape) and embedding.metadata_path == "videos.tsv"
        between = [np.linalg.norm(rows[:, None] - rows, axis=-1) for rows in (points, vectors)]
        np.testing.assert_allclose(*between, atol=1e-3)


def test_principal_components_are_the_eigenvectors_of_the_covariance():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(50, 6)) * [5, 4, 3, 2, 1, 0.5] + 7
    points = principal_components(vectors, 3)
    variances, _ = np.linalg.eigh(np.cov(vectors.T))
    np.testing.assert_allclose(np.cov(points.T), np.diag(variances[::-1][:3]), atol=1e-9)


def test_videos_beyond_the_bound_are_left_out(videos, tmp_path, monkeypatch):
    monkeypatch.setattr("topiclens.components.neurons.tensorboard._MOST_VIDEOS", 3)
    write_embeddings(str(tmp_path), links_of(range(12)), videos)
    assert len((tmp_path / "videos.tsv").read_text().splitlines()) == 4
    assert np.loadtxt(tmp_path / "features.tsv").shape[0] == np.loadtxt(tmp_path / "neurons.tsv").shape[0] == 3
