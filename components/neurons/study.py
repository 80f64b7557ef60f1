"""One trained captioner, studied: its neurons named on training videos and measured on held-out ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from topiclens.components.neurons.activations import encoder_of, mean_activations
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.effects import VIDEOS, CaptionEffects, measure_effects, sampled
from topiclens.components.neurons.figures import NeuronFigures, measure_neurons
from topiclens.components.neurons.links import TopicLinks, link
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.components.neurons.posthoc import fit_perceptron
from topiclens.components.topics.table import Topic
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import Vocabulary


def study_neurons(
    captioner,
    vocabulary: Vocabulary,
    train_videos: Iterable[VideoRecord],
    held_out_videos: Sequence[VideoRecord],
    topics: Sequence[Topic],
    *,
    seed: int,
    effect_videos: int = VIDEOS,
) -> tuple[Tally, TopicLinks, NeuronFigures, CaptionEffects]:
    """Names and measures the neurons of any captioner, LSTM-B among them, in one and the same way.

    The captioner's own f plays no part: an f is fitted to its frozen encoder. What is compared then is the neurons.

    Args:
        captioner: a `topiclens.trainer.captioner.Captioner`; vocabulary: its words.
        train_videos: f is fitted and the links are found on these.
        held_out_videos: the figures are of these.
        topics: the topics' table, by id.
        seed: of f, of the random neurons of the deletions, and of the questions of `effects`: models that are studied
            with the same seed are asked the same ones.
        effect_videos: the most held-out videos on which effects on captions are measured.
    Returns:
        The tally and the links of the training videos, the figures and the effects of the held-out ones.
    """
    encode = encoder_of(captioner)
    seen = mean_activations(train_videos, encode)
    f = fit_perceptron(seen.mean, seen.topics, seed=seed)
    counted = tally(seen.mean, seen.topics, f)
    links = link(counted, topics)
    held_out = mean_activations(held_out_videos, encode)
    figures = measure_neurons(held_out.mean, held_out.topics, links, f, rng=np.random.default_rng(seed))
    asked = sampled(held_out.ids, effect_videos, seed)
    effects = measure_effects(
        BatchedCaptioner(captioner), vocabulary, [v for v in held_out_videos if v.video_id in asked], links, seed=seed
    )
    return counted, links, figures, effects
