"""Neighbours by what clips look like: planted groups, and what is kept of them."""

import numpy as np

from topiclens.pipeline.review.ranking import Similar
from topiclens.schemas import features


def videos(seed=0):
    """Ten videos that look one way and have topic 0, ten that look another and have topic 1."""
    rng = np.random.default_rng(seed)
    for i in range(20):
        looks = np.where(np.arange(6) % 2 == i % 2, 3.0, 1.0)
        yield {
            features.VIDEO_ID: f"v{i}".encode(),
            features.FRAMES: (looks + 0.1 * rng.normal(size=(4, 6))).astype(np.float32),
            features.TOPICS: np.eye(2, dtype=int)[i % 2],
        }


def test_neighbours_have_the_topics_of_what_looks_alike():
    similar = Similar.of(videos())
    for video in videos(seed=1):
        topics = similar.topics_of_neighbours("new", video[features.FRAMES], 5)
        assert topics.tolist() == [video[features.TOPICS].tolist()] * 5


def test_a_training_video_is_not_its_own_neighbour():
    (first, second, *_) = videos()
    similar = Similar.of([first, second])
    assert similar.topics_of_neighbours("v0", first[features.FRAMES], 5).tolist() == [[0, 1]]


def test_what_is_kept_is_what_was(tmp_path):
    similar = Similar.of(videos())
    similar.save(tmp_path / "similar.npz")
    again = Similar.load(tmp_path / "similar.npz")
    for name in ("ids", "centre", "directions", "topics"):
        np.testing.assert_array_equal(getattr(again, name), getattr(similar, name))
