"""The names of neurons from epoch to epoch."""

import json

import numpy as np
import pytest

from tests.trainer import toy_clips
from topiclens.trainer.callbacks import FollowNames, naming_figures
from topiclens.trainer.checkpoints import TrainingState
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.videos import read_videos


def test_the_figures_of_a_case_computed_by_hand():
    topics = np.array([[1, 1, 0, 0], [0, 0, 1, 0]])  # topic 3 does not occur
    names = np.array([0, 0, 2, -1, 2])
    assert naming_figures(names, None, topics) == {"neurons_named": 4, "neurons_topics": pytest.approx(2 / 3)}
    found = naming_figures(names, [0, 1, -1, 2, 2], topics)  # neurons 0, 1 and 4 are named in both; 0 and 4 as before
    assert found["neurons_kept"] == pytest.approx(2 / 3)


def test_no_share_is_said_to_be_kept_where_no_neuron_has_two_names():
    assert "neurons_kept" not in naming_figures(np.array([-1, 1]), [0, -1], np.ones((1, 2)))
    nothing = naming_figures(np.array([-1, -1]), [-1, -1], np.zeros((1, 2)))
    assert nothing == {"neurons_named": 0, "neurons_topics": 0}


class Model:
    """Encodes a clip as the sum of its first frame."""

    topic_perceptron = "f"

    class optimizer:
        use_ema = False

    def encode(self, frames):
        return {"mean": np.asarray(frames)[:, 0].sum(axis=1, keepdims=True)}


def follow(videos, names, state):
    """The logs of epochs whose neurons are named `names`, and what the namer was given."""
    names, given = iter(names), []

    def name_neurons(mean, topics, perceptron):
        given.append((mean, topics, perceptron))
        return np.array(next(names))

    callback = FollowNames(name_neurons, videos, TrainingConfig(n_frames=toy_clips.FRAMES), state)
    callback.set_model(Model())
    logs = []
    while True:
        logs.append({})
        try:
            callback.on_epoch_end(len(logs) - 1, logs[-1])
        except StopIteration:
            return logs[:-1], given


@pytest.fixture
def videos(tmp_path):
    files = toy_clips.write(tmp_path)["train_files"]
    return read_videos(files, toy_clips.vocabulary(), feature_dim=toy_clips.DIM, n_topics=toy_clips.N_TOPICS)


def test_each_epoch_is_compared_with_the_one_before_across_a_kill(videos):
    epochs = [[0, 1, 2], [0, 1, 1], [0, 1, 1], [3, 3, 1]]
    whole, _ = follow(videos, epochs, TrainingState())
    assert [epoch.get("neurons_kept") for epoch in whole] == [None, pytest.approx(2 / 3), 1, pytest.approx(1 / 3)]
    state = TrainingState()
    before, _ = follow(videos, epochs[:2], state)
    resumed = TrainingState(**json.loads(json.dumps(state.__dict__)))  # as a checkpoint keeps it
    after, _ = follow(videos, epochs[2:], resumed)
    assert before + after == whole


def test_the_sample_is_bounded_and_the_same_in_every_epoch(videos, monkeypatch):
    monkeypatch.setattr("topiclens.trainer.callbacks._SAMPLED", 7)
    monkeypatch.setattr("topiclens.trainer.callbacks._BATCH", 3)
    _, given = follow(videos, [[0], [0]], TrainingState())
    (mean, topics, perceptron), (again, *_), *_ = given
    np.testing.assert_array_equal(mean, again)
    assert mean.shape == (7, 1) and perceptron == "f"
    sums = [float(videos.frames[videos.store_index[i]][0].sum()) for i in range(0, 36, 5)]
    np.testing.assert_allclose(mean[:, 0], sums[:7], rtol=1e-5)
    np.testing.assert_array_equal(topics, videos.topics[[0, 5, 10, 15, 20, 25, 30]])


def test_profiles_are_means_over_the_videos_with_a_topic_the_most_frequent_first(videos):
    callback = FollowNames(lambda *_: np.array([1]), videos, TrainingConfig(n_frames=toy_clips.FRAMES), TrainingState())
    callback.set_model(Model())
    callback.on_epoch_end(0, {})
    counts = (videos.topics > 0).sum(axis=0)
    found = callback.profiles()
    order = [int(profile.title.split()[1]) for profile in found]
    assert sorted(order) == np.flatnonzero(counts).tolist() and list(counts[order]) == sorted(
        counts[order], reverse=True
    )
    sums = np.array([videos.frames[index][0].sum() for index in videos.store_index])
    for topic, profile in zip(order, found):
        assert profile.title == f"topic {topic} ({counts[topic]} videos)"
        assert profile.activations == pytest.approx([sums[videos.topics[:, topic] > 0].mean()], rel=1e-4)
        assert profile.linked.tolist() == [topic == 1]


def test_a_sample_of_fewer_videos_is_all_of_them(videos):
    _, given = follow(videos, [[0]], TrainingState())
    assert len(given[0][0]) == len(videos)
