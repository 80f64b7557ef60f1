"""How topics are found in captions."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class SamplerSettings:
    """How topics are found in captions: the numbers of the sampler and of the rule for when a topic occurs.

    Args:
        n_topics: topics of the model, N_t.
        alpha: pseudo-count of each topic in a document.
        beta: pseudo-count of each word in a topic.
        iterations: of the sampler.
        min_count: how often a word must occur in all training captions together.
        max_topics: the most topics of one video.
        min_share: a topic must hold at least this share of a video's words.
    """

    n_topics: int = 100
    alpha: float = 0.2
    beta: float = 0.05
    iterations: int = 600
    min_count: int = 3
    max_topics: int = 3
    min_share: float = 0.03


@dataclasses.dataclass(frozen=True)
class TopicSettings(SamplerSettings):
    """How topics are found in captions, and what they keep of people's decisions and of earlier runs.

    Args:
        governance: the file with people's decisions about topics; null is `governance.json` in the root, if it exists.
        previous: a run's root, or a folder of topics. Topics that are found again keep the ids and names that they have
            there. null is the root's last blessed model; `none` numbers topics anew.
    """

    governance: str | None = None
    previous: str | None = None


@dataclasses.dataclass(frozen=True)
class TopicModellingConfig:
    """The settings of the topics step: `governance` in the form of `to_json`, `previous` the earlier model's folder."""

    sampler: SamplerSettings = SamplerSettings()
    seed: int = 0
    governance: Mapping[str, typing.Any] = dataclasses.field(default_factory=dict)
    previous: str | None = None
