"""What the page shows of a clip, out of what a model tells of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement.acquisition import MissingTopic
from topiclens.schemas.timelines import NeuronTimeline, TopicScore, TopicTimeline
from topiclens.serving.answers import ExplainedCaption
from topiclens.serving.review.clips import CaptionWord, TopicChoice

TIMELINES = 3  # of the topics that the model sees most
NEURONS_OF_A_TIMELINE = 3
SUGGESTIONS = 5
_DECIMALS = 4


def show_words(answer: ExplainedCaption) -> tuple[CaptionWord, ...]:
    """The caption's words with the share of each frame in them."""
    return tuple(CaptionWord(text, _numbers(row)) for text, row in zip(answer.words, answer.attention, strict=True))


def rank_scores(scores: np.ndarray | None, topics: Sequence[TopicChoice]) -> tuple[TopicScore, ...]:
    """All topics, the highest first; of equal ones the lower id."""
    if scores is None:
        return ()
    by_score = np.argsort(-np.asarray(scores), kind="stable")
    return tuple(TopicScore(int(i), topics[i].name, round(float(scores[i]), _DECIMALS)) for i in by_score)


def pick_suggestions(missing: Sequence[MissingTopic], topics: Sequence[TopicChoice]) -> tuple[MissingTopic, ...]:
    """What the caption may miss, of that which neurons carry and so can be taught."""
    return tuple(one for one in missing if topics[one.topic].neurons)[:SUGGESTIONS]


def show_timelines(
    answer: ExplainedCaption, links: TopicLinks | None, suggestions: Sequence[MissingTopic]
) -> tuple[TopicTimeline, ...]:
    """The strongest neurons of topics over the frames: those suggested first, then those that the model sees most."""
    if links is None or answer.topic_scores is None or links.n_neurons != answer.activations.shape[1]:
        return ()
    carried = [topic for topic in links.topics if topic.neurons]
    most_seen = sorted(carried, key=lambda topic: -answer.topic_scores[topic.id])[:TIMELINES]
    shown = dict.fromkeys([*(one.topic for one in suggestions[:TIMELINES]), *(topic.id for topic in most_seen)])
    return tuple(
        TopicTimeline(
            topic,
            links.topics[topic].name,
            tuple(
                NeuronTimeline(linked.neuron, _numbers(answer.activations[:, linked.neuron]))
                for linked in links.topics[topic].neurons[:NEURONS_OF_A_TIMELINE]
            ),
        )
        for topic in shown
    )


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), _DECIMALS) for value in values)
