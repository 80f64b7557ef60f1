"""The words of topics and of neurons, with their weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topiclens.components.atlas.entries import SpokenWord, WeighedWord
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.components.neurons.links import TopicLink
from topiclens.components.topics.model import TopicModel
from topiclens.trainer.captioner import Captioner

_FOR, _AGAINST = 10, 6  # words of a neuron
_DECIMALS = 4


def word_weights(captioner: Captioner, words: CaptionWords) -> np.ndarray:
    """(neurons, vocabulary_size) float32: what an activation of 1 adds to each word's logit by eq. 6, above the mean
    word of content. Softmax knows logits up to a shift, so that a logit alone says nothing."""
    first = captioner.decoder.units
    weights = np.array(captioner.decoder.readout.kernel)[first : first + captioner.encoder.n_neurons]
    return weights - (weights @ words.against())[:, None]


def spoken_words(
    weights: np.ndarray, words: CaptionWords
) -> list[tuple[tuple[SpokenWord, ...], tuple[SpokenWord, ...]]]:
    """Of each neuron the words of content with the greatest weights, and those with the least."""
    content, texts = np.array(sorted(words.content), int), words.vocabulary.words
    order = content[np.argsort(-weights[:, content], axis=1, kind="stable")]

    def spoken(neuron: int, numbers: Sequence[int]) -> tuple[SpokenWord, ...]:
        return tuple(SpokenWord(texts[word], number(weights[neuron, word])) for word in numbers)

    return [
        (spoken(neuron, row[:_FOR].tolist()), spoken(neuron, row[:-_AGAINST - 1 : -1].tolist()))
        for neuron, row in enumerate(order)
    ]  # fmt: skip


def topic_words(
    topics: Sequence[TopicLink],
    neurons: Sequence[int | None],
    topic_model: TopicModel,
    weights: np.ndarray,
    words: CaptionWords,
) -> list[tuple[WeighedWord, ...]]:
    """Each topic's words by what the topic model says of them, and by what its neuron adds to them."""
    places = {word: place for place, word in enumerate(topic_model.words)}

    def weigh(word: str, topic: int, neuron: int | None) -> WeighedWord:
        share = number(topic_model.said[places[word], topic].item()) if word in places else None
        told = neuron is not None and word in words.vocabulary
        return WeighedWord(word, share, number(weights[neuron, words.vocabulary.id(word)].item()) if told else None)

    return [tuple(weigh(word, topic.id, neuron) for word in topic.words) for topic, neuron in zip(topics, neurons)]


def number(value: float) -> float:
    """A number as the atlas keeps it."""
    return round(float(value), _DECIMALS)
