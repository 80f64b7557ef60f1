"""One trained captioner, studied: its neurons named on training videos and measured on held-out ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from components.neurons.activations import encoder_of, mean_activations
from components.neurons.figures import NeuronFigures, measure
from components.neurons.links import TopicLinks, link
from components.neurons.pdm import tally
from components.neurons.posthoc import fit_perceptron
from components.topics.table import Topic
from schemas.records import VideoRecord


def study(
    captioner,
    train_videos: Iterable[VideoRecord],
    held_out_videos: Iterable[VideoRecord],
    topics: Sequence[Topic],
    *,
    seed: int,
) -> tuple[TopicLinks, NeuronFigures]:
    """Names and measures the neurons of any captioner, LSTM-B among them, in one and the same way.

    The captioner's own f plays no part: an f is fitted to its frozen encoder. What is compared then is the neurons.

    Args:
        captioner: a `trainer.captioner.Captioner`.
        train_videos: f is fitted and the links are found on these.
        held_out_videos: the figures are of these.
        topics: the topics' table, by id.
        seed: of f and of the random neurons of the deletion.
    """
    encode = encoder_of(captioner)
    seen = mean_activations(train_videos, encode)
    f = fit_perceptron(seen.mean, seen.topics, seed=seed)
    links = link(tally(seen.mean, seen.topics, f), topics)
    held_out = mean_activations(held_out_videos, encode)
    return links, measure(held_out.mean, held_out.topics, links, f, rng=np.random.default_rng(seed))
