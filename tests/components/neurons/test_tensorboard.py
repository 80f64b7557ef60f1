"""What TensorBoard itself reads of the neurons."""

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from topiclens.components.neurons import activations, tensorboard
from topiclens.components.neurons.links import TopicLinks, link, most_frequent
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.components.neurons.tensorboard import write_neurons, write_profiles
from topiclens.components.topics.table import Topic


@pytest.fixture
def written(model_dir, videos, tmp_path):
    model = activations.load(model_dir)
    found = activations.mean_activations(videos, model.encode)
    counted = tally(found.mean, found.topics, model.f)
    links = link(counted, [Topic(i, f"topic{i}", ("word",), None, 0.4) for i in range(5)])
    for _ in range(2):  # a second time replaces the first
        write_neurons(tmp_path / "logs", counted, links, found)
    return tmp_path / "logs", found, links


def test_pictures_and_links_are_there_once(written):
    folder, _, _ = written
    log = EventAccumulator(str(folder)).Reload()
    for tag in ("neurons/profiles", "neurons/association", "neurons/links"):
        assert len(log.Tensors(tag)) == 1


def test_the_strongest_neuron_of_a_topic_is_shown_without_the_topic_and_with_it(written):
    folder, found, links = written
    log = EventAccumulator(str(folder)).Reload()
    tags = {tag.split("/", 1)[1]: tag for tag in log.Tags()["tensors"] if tag.startswith("topics/")}
    shown = 0
    for topic in links.topics:
        present = found.topics[:, topic.id] > 0
        if not topic.neurons or not present.any() or present.all():
            assert not any(tag.startswith(topic.name) for tag in tags)
            continue
        neuron = topic.neurons[0].neuron
        without, having = log.Tensors(tags[f"{topic.name} ({topic.id}): neuron {neuron}"])
        assert (without.step, having.step) == (0, 1)
        for event, videos in ((without, ~present), (having, present)):
            buckets = tf.make_ndarray(event.tensor_proto)  # rows of left edge, right edge, count
            assert buckets[:, 2].sum() == 200  # of few videos and of many alike
            assert buckets[0, 0] == pytest.approx(found.mean[videos, neuron].min(), abs=1e-6)
            assert buckets[-1, 1] == pytest.approx(found.mean[videos, neuron].max(), abs=1e-6)
        shown += 1
    assert shown == len(tags) > 0


def test_profiles_of_several_models_are_one_picture_of_the_first_ones_topics(written, tmp_path, monkeypatch):
    _, _, links = written
    drawn = {}

    def profiles(tallies, links, topics):
        drawn.update(models=list(tallies), topics=topics)
        return tensorboard.plot_association(Tally.empty(1, 1), TopicLinks((), 1))

    monkeypatch.setattr("topiclens.components.neurons.tensorboard.plot_profiles", profiles)
    png = write_profiles(tmp_path / "two", {"I": None, "B": None}, {"B": None, "I": links})
    assert drawn == {"models": ["I", "B"], "topics": [topic.id for topic in most_frequent(links, 6)]}
    assert png.startswith(b"\x89PNG")
    assert EventAccumulator(str(tmp_path / "two")).Reload().Tags()["tensors"] == ["neurons/profiles"]
