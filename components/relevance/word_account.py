"""The exact account of a word in names: its topics, and how much came through them and through all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.relevance.evidence import above_others
from topiclens.schemas.timelines import TopicShare, WordAccount

DECIMALS = 6


def accounts_of(texts: Sequence[str], parts: Mapping[str, np.ndarray], links: TopicLinks) -> list[WordAccount]:
    """The accounts of the words of a caption, out of their `parts` (words, ...) as `word_accounts` gives them."""
    return [
        account_of(text, {name: rows[place] for name, rows in parts.items()}, links) for place, text in enumerate(texts)
    ]


def account_of(text: str, parts: Mapping[str, np.ndarray], links: TopicLinks) -> WordAccount:
    """The account of one word, out of its `parts` as `topiclens.trainer.accounts.word_accounts` gives them."""
    own, n_topics = [topic.id for topic in links.topics if text in topic.words], len(links.topics)
    direct, by_state = parts["neurons"], parts["neurons_by_state"]
    through_own, through_topics = direct[own].sum(), direct[:n_topics].sum()
    values = {
        "score": parts["scores"],
        "own": through_own,
        "other_topics": through_topics - through_own,
        "free": direct[n_topics:].sum(),
        **{name: parts[name] for name in ("features", "state", "word_before", "bias")},
        "state_topics": by_state[:n_topics].sum(),
        "state_free": by_state[n_topics:].sum(),
    }
    return WordAccount(**{name: _number(value) for name, value in values.items()})


def topics_behind(
    values: np.ndarray, texts: Sequence[str], links: TopicLinks, count: int, *, exact: bool
) -> list[tuple[TopicShare, ...]]:
    """Of each word, the `count` topics that carry most, and last all neurons together that are no topic's.

    Args:
        values: (words, neurons), what came through each neuron.
        texts: (words,).
        exact: whether these are exact accounts of a model with topic neurons. Then a topic is its own neuron, and those
            that give most come first; otherwise it is the neurons that it names, and those with most relevance, for the
            word or against it, come first.
    """
    topics = list(links.topics) if exact else [topic for topic in links.topics if topic.neurons]
    neurons = [[topic.id] if exact else [linked.neuron for linked in topic.neurons] for topic in topics]
    by_topic = np.array([values[:, mine].sum(axis=1) for mine in neurons]).reshape(len(topics), len(values)).T
    free = list(range(len(links.topics), links.n_neurons)) if exact else links.without_topic
    particular, of_free = above_others(by_topic), above_others(values[:, free].sum(axis=1))

    def share(word: int, place: int) -> TopicShare:
        topic, above = topics[place], None if particular is None else _number(particular[word, place])
        own = texts[word] in topic.words
        return TopicShare(topic.id, topic.name, len(neurons[place]), _number(by_topic[word, place]), own, above)

    order = np.argsort(-by_topic if exact else -np.abs(by_topic), axis=1, kind="stable")[:, :count].tolist()
    rest = [_number(value) for value in values[:, free].sum(axis=1)]
    return [
        (
            *(share(word, place) for place in first),
            TopicShare(None, None, len(free), rest[word], False, None if of_free is None else _number(of_free[word])),
        )
        for word, first in enumerate(order)
    ]


def _number(value: float) -> float:
    return round(float(value), DECIMALS)
