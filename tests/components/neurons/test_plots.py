"""The pictures show what the tally holds."""

import io

import numpy as np
import pytest
from PIL import Image

from topiclens.components.neurons import tensorboard
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import Tally
from topiclens.components.topics.table import Topic

TOPICS = [Topic(i, name, (name,), 0.1, 0.5) for i, name in enumerate(("road", "man", "dance"))]


@pytest.fixture
def tally():
    votes = np.array([[5, 0, 1, 0], [0, 3, 0, 0], [0, 0, 0, 0]])
    return Tally(votes, votes * 0.5, np.random.default_rng(0).normal(size=(3, 4)), np.array([6, 3, 0]))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_profiles_mark_the_linked_neurons(tally):
    links = link(tally, TOPICS)
    picture = pixels(
        tensorboard.plot_profiles({"LSTM-I": tally, "LSTM-B": tally}, {"LSTM-I": links, "LSTM-B": links}, [0, 2])
    )
    red = (picture[..., 0] > 180) & (picture[..., 1] < 110)
    middle = picture.shape[1] // 2
    assert red[:, :middle].sum() > 10 and red[:, middle:].sum() == 0  # the dance has no neuron


def test_the_association_of_a_model_with_links_and_of_one_without(tally):
    picture = pixels(tensorboard.plot_association(tally, link(tally, TOPICS)))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    empty = Tally.empty(3, 4)
    assert pixels(tensorboard.plot_association(empty, link(empty, TOPICS))).size


def test_equal_tallies_give_equal_bytes(tally):
    links = link(tally, TOPICS)
    assert tensorboard.plot_association(tally, links) == tensorboard.plot_association(tally, links)


def test_topic_neurons_stand_on_tinted_ground_that_takes_half_the_width(tally):
    wide = Tally(
        *(np.pad(part, ((0, 0), (0, 96))) for part in (tally.votes, tally.differences, tally.activations)), tally.videos
    )
    links = link(wide, TOPICS, topic_neurons=3)  # three of a hundred
    picture = pixels(tensorboard.plot_profiles({"LSTM-I": wide}, {"LSTM-I": links}, [0]))
    tinted = np.all(picture == [0xED, 0xF2, 0xF4], axis=2)
    framed = np.all(picture < 60, axis=2).sum(axis=0) > picture.shape[0] // 2  # the axes' left and right borders
    left, right = np.flatnonzero(framed)[[0, -1]]
    assert tinted.any(axis=0).sum() == pytest.approx((right - left) / 2, rel=0.05)
