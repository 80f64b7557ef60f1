"""The exact account of a word in names: its topics, and how much came through them and through all else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.schemas.timelines import TopicShare, WordAccount

DECIMALS = 6


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
    return WordAccount(**{name: round(float(value), DECIMALS) for name, value in values.items()})


def topics_by_account(parts: Mapping[str, np.ndarray], links: TopicLinks, count: int) -> tuple[TopicShare, ...]:
    """The `count` topics whose own neurons give most to the word directly, and last all free neurons together."""
    direct, n_topics = parts["neurons"], len(links.topics)
    first = np.argsort(-direct[:n_topics], kind="stable")[:count].tolist()
    shares = [TopicShare(i, links.topics[i].name, 1, round(float(direct[i]), DECIMALS)) for i in first]
    free = direct[n_topics:]
    return (*shares, TopicShare(None, None, len(free), round(float(free.sum()), DECIMALS)))
