"""Neurons named by topics."""

import numpy as np
import pytest

from components.neurons.links import TopicLinks, format_table, link
from components.neurons.pdm import Tally
from components.topics.table import Topic

TOPICS = [Topic(i, name, (name, "word"), 0.1, 0.5) for i, name in enumerate(("road", "man", "dance"))]


@pytest.fixture
def links():
    votes = np.array([[5, 0, 1, 0, 2], [3, 0, 1, 0, 0], [0, 0, 0, 0, 0]])
    differences = np.array([[2.0, 0, 1, 0, 4], [9, 0, 2, 0, 0], [0, 0, 0, 0, 0]])
    activations = np.arange(15).reshape(3, 5).astype(float)
    return link(Tally(votes, differences, activations, np.array([8, 4, 1])), TOPICS)


def test_a_neuron_has_the_topic_that_chose_it_most_often(links):
    assert links.topic_of()[0] == 0 and links.topic_of()[4] == 0


def test_a_tie_goes_to_the_larger_mean_difference(links):
    assert links.topic_of()[2] == 1  # 2 / 4 of topic 1 against 1 / 8 of topic 0


def test_a_neuron_that_prefers_several_topics_shows_the_runner_up(links):
    by_neuron = {linked.neuron: linked for topic in links.topics for linked in topic.neurons}
    assert (by_neuron[0].runner_up, by_neuron[2].runner_up, by_neuron[4].runner_up) == (1, 0, None)


def test_a_topics_neurons_come_with_their_figures_the_most_chosen_first(links):
    first, second = links.topics[0].neurons
    assert (first.neuron, first.votes, first.mean_difference, first.mean_activation) == (0, 5, 0.25, 0.0)
    assert (second.neuron, second.votes, second.mean_difference, second.mean_activation) == (4, 2, 0.5, 0.5)


def test_what_has_no_partner_is_listed(links):
    assert [topic.name for topic in links.without_neuron] == ["dance"]
    assert links.without_topic == [1, 3]
    table = format_table(links)
    assert "Topics without a neuron: dance (2)." in table and "Neurons without a topic: 1, 3." in table
    assert "3 of 5 neurons carry a topic." in table and "0 (5; man), 4 (2)" in table


def test_links_are_kept_as_json_that_a_person_can_read(links, tmp_path):
    links.save(tmp_path)
    assert TopicLinks.load(tmp_path) == links
    assert '"name": "road"' in (tmp_path / "links.json").read_text()
