"""By which words a caption names a topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from topiclens.components.neurons.links import TopicLink
from topiclens.components.topics.table import Topic
from topiclens.trainer.vocabulary import Vocabulary

if TYPE_CHECKING:
    from topiclens.trainer.captioner import Captioner

NamingWords = Sequence[Sequence[str]]  # by topic id


def naming_words(
    captioner: Captioner, vocabulary: Vocabulary, topics: Iterable[Topic | TopicLink]
) -> tuple[tuple[str, ...], ...]:
    """The words that name each topic by themselves, the likeliest first.

    A decoder of topic neurons knows them: those that are much likelier in the topic than in all captions, and not much
    rarer there than its likeliest (`topiclens.trainer.topic_neurons`). Where it knows none, a topic's words are all
    that there is: some of them, such as "people", say little of it.
    """
    if not captioner.config.topic_neurons:
        return tuple(tuple(topic.words) for topic in topics)
    from topiclens.trainer.topic_neurons import words_that_name  # with Keras, which the gate's words do without

    naming = words_that_name(np.array(captioner.decoder.naming), tuple(vocabulary))
    return tuple(naming[topic.id] or tuple(topic.words) for topic in topics)


def named_by(caption: str, naming: NamingWords) -> set[int]:
    """The topics that a caption names."""
    said = set(caption.split())
    return {topic for topic, words in enumerate(naming) if not said.isdisjoint(words)}
