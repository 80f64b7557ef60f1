"""Neurons named by topics."""

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.figures import measure_neurons
from topiclens.components.neurons.links import TopicLinks, as_markdown, link, most_frequent, name_all, name_neurons
from topiclens.components.neurons.pdm import Perceptron, Tally, tally
from topiclens.components.neurons.settings import Naming
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


def test_neurons_with_too_few_votes_get_no_name_and_the_links_say_so(links, tmp_path):
    votes = np.array([[5, 0, 1], [3, 2, 0], [0, 0, 0]])
    counted = Tally(votes, votes.astype(float), votes.astype(float), np.array([8, 4, 1]))
    assert link(counted, TOPICS).topic_of() == {0: 0, 1: 1, 2: 0}
    named = link(counted, TOPICS, Naming(min_votes=2))
    assert named.topic_of() == {0: 0, 1: 1} and named.without_topic == [2]
    named.save(tmp_path)
    assert TopicLinks.load(tmp_path).naming == Naming("zero", 2)


def test_by_the_mean_as_baseline_a_neuron_that_is_always_on_has_no_say():
    present = np.array([[1], [1], [0], [0]])
    mean = np.array([[3.0, 1], [3, 1], [3, 0], [3, 0]], np.float32)  # the first is on in every video
    weights = np.eye(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)
    f = Perceptron(*(one.astype(np.float32) for one in weights))
    by_zero, by_mean = (name_all(mean, present, f, TOPICS[:1], Naming(baseline))[1] for baseline in ("zero", "mean"))
    assert by_zero.topic_of() == {0: 0} and by_mean.topic_of() == {1: 0}


@pytest.mark.parametrize("baseline", ("zero", "mean"))
def test_topic_neurons_are_named_by_their_own_topics(baseline):
    captioner = small_captioner(topics="neurons", interpretive_weight=1.0)
    rng = np.random.default_rng(0)
    present = rng.random((60, 5)) < 0.3
    present[:, 3] = False  # a topic that does not occur
    mean = rng.uniform(-1, 1, (60, captioner.encoder.n_neurons)).astype(np.float32)
    mean[:, :5] = np.where(present, 1 + rng.random((60, 5)), 0.2 * rng.random((60, 5)))
    topics = [Topic(i, f"topic {i}", (), None, 0.4) for i in range(5)]
    f = Perceptron.of(captioner.topic_perceptron)
    counted, named = name_all(mean, present, f, topics, Naming(baseline), topic_neurons=5)
    assert named.topic_of() == {0: 0, 1: 1, 2: 2, 4: 4}
    seen = MeanActivations((), mean, mean, present.astype(int))
    found = measure_neurons(seen, seen, named, f, rng=rng)
    assert found.own_topics == found.topics == 4 and found.top.f1 == 1


@pytest.mark.parametrize(
    ("change", "said"), [({"baseline": "max"}, "expected one of zero, mean"), ({"min_votes": 0}, "1 or more")]
)
def test_a_way_to_name_that_does_not_exist_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Naming(**change)


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
