"""What a person supposes of a clip, as in `--with dance=2`, as the strengths that a model is asked with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.links import links_of
from topiclens.pipeline.values import SettingError
from topiclens.schemas.topic_lookup import find_topic
from topiclens.serving.saved_model import resolve_version


@dataclass(frozen=True)
class Supposition:
    """A topic that a clip is supposed to show.

    Attributes:
        topic: its id or its name.
        strength: how strongly it is added; 1 is the paper's, a negative one takes it away.
    """

    topic: str
    strength: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Supposition:
        """Reads TOPIC or TOPIC=STRENGTH.

        Raises:
            SettingError: there is no topic, or the strength is no number.
        """
        topic, equals, strength = text.partition("=")
        try:
            supposition = cls(topic.strip(), float(strength) if equals else 1.0)
        except ValueError:
            supposition = cls("")
        if not supposition.topic:
            raise SettingError(f"--with takes TOPIC or TOPIC=STRENGTH, such as dance or dance=2, not {text!r}.")
        return supposition


def strengths(suppositions: Sequence[Supposition], n_topics: int, model: str | os.PathLike | None) -> np.ndarray:
    """The strengths that a model is asked with; what is supposed twice of one topic adds up.

    Args:
        n_topics: of the model that is asked.
        model: an export with the same topics, or a folder of versions, that brings their names; ids alone need none.
    Returns:
        (n_topics,) float32.
    Raises:
        SettingError: the model has no topic with that id, or nothing brings the names.
        UnknownTopic: no topic has that name, or several may be meant.
    """
    deltas = np.zeros(n_topics, np.float32)
    for supposed in suppositions:
        topic = int(supposed.topic) if supposed.topic.isdecimal() else _named(supposed.topic, model)
        if topic >= n_topics:
            raise SettingError(f"There is no topic {topic}: the model knows the topics 0 to {n_topics - 1}.")
        deltas[topic] += supposed.strength
    return deltas


def _named(name: str, model: str | os.PathLike | None) -> int:
    if not model:
        raise SettingError(
            f"A server does not tell the names of its topics, so that nothing here knows {name!r}. Give the topic's "
            "id, or the run that the server's model is of, with --root."
        )
    directory = resolve_version(model)
    links = links_of(directory)
    if links is None:
        raise SettingError(
            f"The model in {directory} does not bring the names of its topics, so that nothing here knows {name!r}. "
            "Give the topic's id ('topiclens topics' shows it), or a version that 'topiclens run' pushed since."
        )
    return find_topic(name, links.topics).id
