"""Neurons named by topics."""

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from topiclens.components.neurons.links import TopicLinks, as_markdown, link, most_frequent, name_neurons
from topiclens.components.neurons.pdm import Perceptron, Tally, tally
from topiclens.components.topics.table import Topic

TOPICS = [Topic(i, name, (name, "word"), 0.1, 0.5) for i, name in enumerate(("road", "man", "dance"))]


@pytest.fixture
def links():
    votes = np.array([[5, 0, 1, 0, 2], [3, 0, 1, 0, 0], [0, 0, 0, 0, 0]])
    differences = np.array([[2.0, 0, 1, 0, 4], [9, 0, 2, 0, 0], [0, 0, 0, 0, 0]])
    activations = np.arange(15).reshape(3, 5).astype(float)
    return link(Tally(votes, differences, activations, np.array([8, 4, 1])), TOPICS)


def test_a_neuron_has_the_topic_that_chose_it_most_often(links):
    assert links.topic_of()[0] == 0 and links.topic_of()[4] == 0


def test_a_topic_that_few_videos_chose_a_neuron_for_can_be_left_out(links):
    assert links.topic_of() == {0: 0, 2: 1, 4: 0}
    assert links.topic_of(min_votes=2) == {0: 0, 4: 0}


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
    table = as_markdown(links)
    assert "Topics without a neuron: dance (2)." in table and "Neurons without a topic: 1, 3." in table
    assert "3 of 5 neurons are named, 1 of them by at least 3 votes." in table and "0 (5; man), 4 (2)" in table


def test_links_are_kept_as_json_that_a_person_can_read(links, tmp_path):
    links.save(tmp_path)
    assert TopicLinks.load(tmp_path) == links
    assert '"name": "road"' in (tmp_path / "links.json").read_text()


def test_the_table_as_markdown_has_a_row_for_each_topic_with_a_neuron(links):
    table, named, *_ = as_markdown(links, neurons_shown=1).split("\n\n")
    header, line, *rows = table.split("\n")
    assert len({row.count("|") for row in (header, line, *rows)}) == 1 and len(rows) == 2
    assert rows[0] == "| 0 | road | 8 | 2 | 7 | +0.250 | 0 (5; man) and 1 more |"
    assert named == "3 of 5 neurons are named, 1 of them by at least 3 votes."


def test_the_most_frequent_topics_are_those_that_have_a_neuron(links):
    assert [topic.id for topic in most_frequent(links, 5)] == [0, 1]
    assert [topic.id for topic in most_frequent(links, 1)] == [0]


def test_names_alone_are_those_of_the_links(videos):
    captioner = small_captioner(seed=3)
    mean = np.stack([np.asarray(captioner.encode(video.frames[None])["mean"])[0] for video in videos])
    topics = np.stack([video.topics for video in videos])
    names = name_neurons(mean, topics, captioner.topic_perceptron)
    counted = tally(mean, topics, Perceptron.of(captioner.topic_perceptron))
    found = link(counted, [Topic(i, str(i), (), None, 0.0) for i in range(topics.shape[1])]).topic_of()
    assert {neuron: topic for neuron, topic in enumerate(names) if topic >= 0} == found
    assert set(np.flatnonzero(names < 0)) == set(range(8)) - set(found) != set()
