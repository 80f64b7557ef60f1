"""What TensorBoard itself reads of the neurons."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from components.neurons import activations
from components.neurons.links import link
from components.neurons.pdm import tally
from components.neurons.tensorboard import write_neurons
from components.topics.table import Topic


@pytest.fixture
def written(model_dir, videos, tmp_path):
    model = activations.load(model_dir)
    found = activations.mean_activations(videos, model.encode)
    counted = tally(found.mean, found.topics, model.f)
    links = link(counted, [Topic(i, f"topic{i}", ("word",), None, 0.4) for i in range(5)])
    for _ in range(2):  # a second time replaces the first
        write_neurons(tmp_path / "logs", counted, links, found)
    return tmp_path / "logs", found, links


def test_pictures_links_and_histograms_are_there_once(written):
    folder, found, links = written
    log = EventAccumulator(str(folder)).Reload()
    assert {"neurons/profiles", "neurons/association"} <= {tag for tag in log.Tags()["tensors"]}
    for topic in links.topics:
        present = found.topics[:, topic.id] > 0
        tag = f"topic {topic.id} {topic.name}/with"
        assert (tag in log.Tags()["tensors"]) == bool(topic.neurons and present.any() and not present.all())
    assert len(log.Tensors("neurons/links")) == 1


def test_the_projector_has_a_row_a_video(written):
    folder, found, _ = written
    names = (folder / "videos.tsv").read_text().splitlines()
    assert names[0] == "video\tfirst topic\ttopics" and [row.split("\t")[0] for row in names[1:]] == list(found.ids)
    np.testing.assert_allclose(np.loadtxt(folder / "activations.tsv"), found.mean, atol=1e-4)
    assert "activations.tsv" in (folder / "projector_config.pbtxt").read_text()
