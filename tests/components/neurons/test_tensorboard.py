"""What TensorBoard itself reads of the neurons."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from topiclens.components.neurons import activations, tensorboard
from topiclens.components.neurons.figures import FEW_VIDEOS
from topiclens.components.neurons.links import TopicLinks, link, most_frequent
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.components.neurons.tensorboard import write_neurons, write_profiles
from topiclens.components.topics.table import Topic


@pytest.fixture
def made(model_dir, videos):
    model = activations.load(model_dir)
    found = activations.mean_activations(videos, model.encode)
    counted = tally(found.mean, found.topics, model.f)
    return counted, link(counted, [Topic(i, f"topic{i}", ("word",), None, 0.4) for i in range(5)]), found


@pytest.fixture
def written(made, tmp_path):
    counted, links, found = made
    for _ in range(2):  # a second time replaces the first
        write_neurons(tmp_path / "logs", counted, links, found, "runs/x/atlas/index.html")
    return tmp_path / "logs", found, links


def test_pictures_and_links_are_there_once(written):
    folder, _, _ = written
    log = EventAccumulator(str(folder)).Reload()
    for tag in ("neurons/profiles", "neurons/association", "neurons/links"):
        assert len(log.Tensors(tag)) == 1
    text = tf.make_ndarray(log.Tensors("neurons/links")[0].tensor_proto).item().decode()
    assert "`runs/x/atlas/index.html`" in text


def test_the_strongest_neuron_of_a_topic_is_shown_with_the_topic_and_without(written):
    folder, found, links = written
    log = EventAccumulator(str(folder)).Reload()
    tags = {tag for tag in log.Tags()["tensors"] if tag.startswith("topics/")}
    shown = 0
    for topic in links.topics:
        present = found.topics[:, topic.id] > 0
        if not topic.neurons or not present.any() or present.all():
            assert not any(tag.startswith(f"topics/{topic.name} ") for tag in tags)
            continue
        neuron = topic.neurons[0].neuron
        for series, videos in (("with the topic", present), ("without", ~present)):
            tag = f"topics/{topic.name} ({topic.id}), neuron {neuron}: {series}"
            (event,) = log.Tensors(tag)  # at one step, which no slider hides
            assert event.step == 0
            buckets = tf.make_ndarray(event.tensor_proto)  # rows of left edge, right edge, count
            assert buckets[:, 2].sum() == 200  # of few videos and of many alike
            assert buckets[0, 0] == pytest.approx(found.mean[videos, neuron].min(), abs=1e-6)
            assert buckets[-1, 1] == pytest.approx(found.mean[videos, neuron].max(), abs=1e-6)
            described = log.SummaryMetadata(tag).summary_description
            assert f"in {videos.sum()} held-out video" in described
            assert ("may be chance" in described) == (present.sum() < FEW_VIDEOS)
        shown += 1
    assert 2 * shown == len(tags) > 0


@pytest.mark.parametrize(("having", "few"), [(2, True), (FEW_VIDEOS, False)])
def test_what_rests_on_few_videos_is_marked_in_the_text(made, tmp_path, having, few):
    counted, links, found = made
    topic = next(topic for topic in links.topics if topic.neurons)
    topics = found.topics.copy()
    topics[:, topic.id] = np.arange(len(topics)) < having
    write_neurons(tmp_path, counted, links, dataclasses.replace(found, topics=topics))
    (event,) = EventAccumulator(str(tmp_path)).Reload().Tensors("neurons/links")
    remark = event.tensor_proto.string_val[0].decode().partition("held-out videos have these topics: ")[2]
    assert (f"{topic.name} ({having})" in remark) is few
    assert not remark or "may be chance" in remark


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
