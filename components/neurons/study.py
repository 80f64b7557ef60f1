"""The neurons of one trained captioner: named on training videos and measured on held-out ones.

Topic neurons are read by their own f. For all other models an f is fitted afterwards, on the frozen encoder, so that
they can be compared, even one that never learnt f.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from topiclens.components.neurons.activations import encoder_of, mean_activations
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.effects import VIDEOS, CaptionEffects, measure_effects, sampled
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.neurons.figures import NeuronFigures, measure_neurons
from topiclens.components.neurons.links import TopicLinks, name_all
from topiclens.components.neurons.pdm import Perceptron, Tally
from topiclens.components.neurons.settings import Naming
from topiclens.components.topics.table import Topic
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.vocabulary import Vocabulary


def study_neurons(
    captioner: Captioner,
    vocabulary: Vocabulary,
    train_videos: Iterable[VideoRecord],
    held_out_videos: Sequence[VideoRecord],
    topics: Sequence[Topic],
    *,
    seed: int,
    effect_videos: int = VIDEOS,
    training: Sequence[VideoRecord] = (),
    decoding: Mapping[str, Any] | None = None,
    naming: Naming = Naming(),
) -> tuple[Tally, TopicLinks, NeuronFigures, CaptionEffects]:
    """Names and measures the neurons of any captioner, LSTM-B too, in one way.

    Args:
        train_videos: f is fitted and the links are found on these.
        held_out_videos: the figures are of these.
        topics: by id.
        seed: of f, of the random neurons of the deletions, and of the questions of `effects`: models that are studied
            with the same seed are asked the same ones.
        effect_videos: the most held-out videos on which effects on captions are measured.
        training: some of the training videos, see `measure_effects`; without any, nothing is steered.
        decoding: `beam`, `max_words` and `length_penalty` of the captions that are steered; greedy without.
        naming: how neurons are named.
    """
    encode = encoder_of(captioner)
    seen = mean_activations(train_videos, encode)
    if captioner.config.topic_neurons:
        f = Perceptron.of(captioner.topic_perceptron)
    else:
        f = fit_perceptron(seen.mean, seen.topics, seed=seed)
    counted, links = name_all(seen.mean, seen.topics, f, topics, naming, captioner.config.topic_neurons)
    held_out = mean_activations(held_out_videos, encode)
    figures = measure_neurons(seen, held_out, links, f, rng=np.random.default_rng(seed))
    asked = sampled(held_out.ids, effect_videos, seed)
    named = named_enhancement(links)
    effects = measure_effects(
        BatchedCaptioner(captioner, **(decoding or {})), vocabulary,
        [video for video in held_out_videos if video.video_id in asked], links, named, training, seed=seed,
    )  # fmt: skip
    return counted, links, figures, effects


def fit_perceptron(
    mean: np.ndarray,
    topics: np.ndarray,
    *,
    seed: int,
    units: int = 512,
    dropout: float = 0.5,
    epochs: int = 40,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
) -> Perceptron:
    """Fits f to the interpretive loss of eq. 8, the mean activations held as they are.

    Args:
        mean: (videos, neurons), mean activations of training videos.
        topics: (videos, topics), 1 where a topic occurs, else 0.
        seed: of the initial weights, the dropout and the order of the videos.
        units, dropout: of f, as in `topiclens.trainer.losses.TopicPerceptron`.
        learning_rate: of Adam; it falls to 0 along a cosine.
    """
    import keras

    from topiclens.trainer.losses import TopicPerceptron

    initial, dropped, order = (int(part) for part in np.random.SeedSequence(seed).generate_state(3))
    f = TopicPerceptron(topics.shape[1], units, dropout)
    f.hidden.kernel_initializer = keras.initializers.GlorotUniform(seed=initial)
    f.score.kernel_initializer = keras.initializers.GlorotUniform(seed=initial + 1)
    f.dropout.seed_generator = keras.random.SeedGenerator(dropped)
    steps = epochs * -(-len(mean) // batch_size)
    model = keras.Sequential([keras.Input(mean.shape[1:]), f])
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        loss=lambda topics, scores: f.loss(scores, topics),
    )
    rng = np.random.default_rng(order)
    mean, topics = np.asarray(mean, np.float32), np.asarray(topics, np.float32)
    for _ in range(epochs):
        shuffled = rng.permutation(len(mean))
        model.fit(mean[shuffled], topics[shuffled], batch_size=batch_size, shuffle=False, epochs=1, verbose=0)
    return Perceptron.of(f)
