"""A small captioner with topic neurons, studied on a few videos, and its atlas."""

import types

import numpy as np
import pytest

from tests.components.neurons.conftest import DIM, TOPICS, WORDS, small_captioner
from topiclens.components.atlas.survey import survey
from topiclens.components.neurons.activations import NeuronModel, encoder_of, mean_activations
from topiclens.components.neurons.effects import CaptionEffects
from topiclens.components.neurons.figures import measure_neurons
from topiclens.components.neurons.links import name_all
from topiclens.components.neurons.pdm import Perceptron
from topiclens.components.neurons.steering import TopicSteering
from topiclens.components.topics.labels import OccurrenceRule
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.table import Topic
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import Vocabulary

NAMES = ("man", "dog", "run, dog", "sea", "never")


def make_videos(split, count, seed, ids="{}"):
    """Clips of one to four frames; the last topic never occurs."""
    rng = np.random.default_rng(seed)
    topics = (rng.random((count, TOPICS)) < 0.4).astype(np.int64)
    topics[:, -1] = 0
    return [
        VideoRecord(
            ids.format(f"{split}{i}"), split, rng.normal(size=(1 + i % 4, DIM)).astype(np.float32),
            (f"caption of {i}",), topics[i],
        )
        for i in range(count)
    ]  # fmt: skip


EFFECTS = CaptionEffects(
    insertion_dose=1.5, suppression_dose=-0.5,
    steering_by_topic=(TopicSteering(0, 8, 6, 5, 1, 1, 0), TopicSteering(2, raised=1)),
)  # fmt: skip


def study(names=NAMES, words=WORDS, ids="{}", previous=None, effects=EFFECTS):
    """All that an atlas is made of, and the atlas, of 30 training videos and 12 held-out ones."""
    captioner = small_captioner(topics="neurons", interpretive_weight=1.0)
    model = NeuronModel(captioner, Vocabulary(words), encoder_of(captioner), Perceptron.of(captioner.topic_perceptron))
    counts = np.random.default_rng(5).integers(1, 50, (TOPICS, len(words)))
    table = tuple(Topic(i, name, (words[1 + i % 3], words[2], "unsaid"), 0.1, 0.4) for i, name in enumerate(names))
    topic_model = TopicModel(words, counts, 1, 0.1, 0.1, OccurrenceRule(3, 0.0), 0, table)
    train, val = make_videos("train", 30, 1, ids), make_videos("val", 12, 2, ids)
    seen, held_out = (mean_activations(videos, model.encode) for videos in (train, val))
    tally, links = name_all(seen.mean, seen.topics, model.f, table, topic_neurons=TOPICS)
    figures = measure_neurons(seen, held_out, links, model.f, rng=np.random.default_rng(0))
    atlas = survey(
        model, topic_model, links, tally, seen, held_out, figures, val, split="val",
        previous=previous and previous(links, figures), effects=effects,
    )  # fmt: skip
    return types.SimpleNamespace(**locals())


@pytest.fixture(scope="package")
def studied():
    return study()
