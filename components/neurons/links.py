"""Topic links: the names of neurons, as people and programs read them (Dong et al. 2017, section 3.2)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from topiclens.components.neurons.settings import Naming
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.tables import html_table, markdown_table
from topiclens.trainer.exported import EXTRA

if TYPE_CHECKING:  # Numba and SciPy take a second to import, and to read links needs neither
    from topiclens.components.neurons.pdm import Perceptron, Tally
    from topiclens.components.topics.table import Topic

LINKS_FILE = "links.json"


@dataclass(frozen=True)
class LinkedNeuron:
    """A neuron and one topic."""

    neuron: int  # its place in v
    votes: int  # the number of videos with the topic in which it made the largest prediction difference
    mean_difference: float  # over the videos with the topic
    mean_activation: float  # over the same
    runner_up: int | None = None  # the id of the topic that chose it next most often; None if no other did


@dataclass(frozen=True)
class TopicLink:
    """A topic, in how many training videos it occurs, and the neurons that it names, most votes first."""

    id: int
    name: str
    words: tuple[str, ...]
    npmi: float | None
    videos: int
    neurons: tuple[LinkedNeuron, ...]

    @property
    def meaning(self) -> tuple[str, tuple[str, ...]]:
        """What tells that it is the topic of another model, which may number it otherwise: its name and first words."""
        return self.name, self.words[:3]


@dataclass(frozen=True)
class TopicLinks:
    """All topics by id, with their neurons if they have any; how many neurons there are, and how they were named."""

    topics: tuple[TopicLink, ...]
    n_neurons: int
    naming: Naming = Naming()
    topic_neurons: int = 0  # so many, the first ones, are a topic's own (`CaptionerConfig.topic_neurons`)

    def topic_of(self, min_votes: int = 1) -> dict[int, int]:
        """Neuron -> the id of its topic, of neurons with at least `min_votes`."""
        return {
            linked.neuron: topic.id for topic in self.topics for linked in topic.neurons if linked.votes >= min_votes
        }

    @property
    def without_neuron(self) -> list[TopicLink]:
        """Topics that occur and have no neuron."""
        return [topic for topic in self.topics if topic.videos and not topic.neurons]

    @property
    def without_topic(self) -> list[int]:
        """Neurons without a name."""
        named = self.topic_of()
        return [neuron for neuron in range(self.n_neurons) if neuron not in named]

    def check_fit(self, n_neurons: int) -> None:
        """Raises ValueError unless these can be the links of a captioner with so many neurons."""
        if self.n_neurons != n_neurons:
            raise ValueError(
                f"The links are of {self.n_neurons} neurons, the captioner has {n_neurons}: they are another model's. "
                "Take those that were made for this version."
            )

    def _repr_html_(self) -> str:
        rows = [(t.id, t.name, t.videos, ", ".join(str(one.neuron) for one in t.neurons)) for t in self.topics]
        return html_table(("topic", "name", "videos", "neurons"), rows)

    def save(self, folder: str | os.PathLike) -> None:
        """Writes `links.json` into a folder."""
        write_json(os.path.join(folder, LINKS_FILE), to_plain(self))

    @classmethod
    def load(cls, folder: str | os.PathLike) -> TopicLinks:
        """Reads what `save` wrote."""
        return from_plain(cls, read_json(os.path.join(folder, LINKS_FILE)))


def links_of(export: str | os.PathLike) -> TopicLinks | None:
    """The links that an export brings with it, beside its weights; None where its neurons were never named."""
    folder = os.path.join(export, EXTRA)
    return TopicLinks.load(folder) if os.path.exists(os.path.join(folder, LINKS_FILE)) else None


def name_neurons(mean: np.ndarray, topics: np.ndarray, topic_perceptron: Any) -> np.ndarray:
    """The names alone, as a training follows them (`topiclens.trainer.callbacks.NameNeurons`).

    From mean activations (videos, neurons) and topics (videos, topics), not 0 where one occurs, to (neurons,) int: the
    topic that `link` names each neuron by; -1 where no topic chose it.
    """
    from topiclens.components.neurons.pdm import Perceptron, tally

    counted = tally(mean, topics, Perceptron.of(topic_perceptron))
    best = _preference(counted)[0]
    return np.where(np.take_along_axis(counted.votes, best[None], axis=0)[0], best, -1)


def name_all(
    mean: np.ndarray,
    present: np.ndarray,
    f: Perceptron,
    topics: Sequence[Topic | TopicLink],
    naming: Naming = Naming(),
    topic_neurons: int = 0,
) -> tuple[Tally, TopicLinks]:
    """The tally and the links of neurons, from mean activations (videos, neurons) of training videos and the topics
    present in them (videos, topics); the topics are by id."""
    from topiclens.components.neurons.pdm import tally

    counted = tally(mean, present, f, mean.mean(axis=0) if naming.baseline == "mean" else None)
    return counted, link(counted, topics, naming, topic_neurons)


def link(
    tally: Tally, topics: Sequence[Topic | TopicLink], naming: Naming = Naming(), topic_neurons: int = 0
) -> TopicLinks:
    """Names every neuron by the topic that chose it most often, if that was often enough.

    Where topics chose it equally often, the one to which it makes the larger mean difference has it, and then the one
    with the lower id. The tally is of the training videos; the topics are by id.
    """
    preference, differences, activations = _preference(tally), tally.mean_differences, tally.mean_activations
    best, second = preference[0], preference[1] if len(topics) > 1 else preference[0]
    neurons: list[list[LinkedNeuron]] = [[] for _ in topics]
    for neuron in range(tally.votes.shape[1]):
        topic = int(best[neuron])
        if tally.votes[topic, neuron] >= naming.min_votes:
            other = int(second[neuron])
            numbers = int(tally.votes[topic, neuron]), float(differences[topic, neuron])
            runner_up = other if other != topic and tally.votes[other, neuron] else None
            neurons[topic].append(LinkedNeuron(neuron, *numbers, float(activations[topic, neuron]), runner_up))
    for linked in neurons:
        linked.sort(key=lambda one: (-one.votes, -one.mean_difference))
    links = [
        TopicLink(one.id, one.name, one.words, one.npmi, int(tally.videos[one.id]), tuple(neurons[one.id]))
        for one in topics
    ]
    return TopicLinks(tuple(links), tally.votes.shape[1], naming, topic_neurons)


def _preference(tally: Tally) -> np.ndarray:
    """(topics, neurons): the topics of every neuron, the one that it is named by first."""
    return np.lexsort((-tally.mean_differences, -tally.votes), axis=0)


def most_frequent(links: TopicLinks, count: int) -> list[TopicLink]:
    """The topics with a neuron that occur in most videos, at most `count`; equal ones in the order of their ids."""
    return sorted((topic for topic in links.topics if topic.neurons), key=lambda topic: -topic.videos)[:count]


def as_markdown(links: TopicLinks, *, neurons_shown: int = 3) -> str:
    """`table_rows` and `remarks` as Markdown."""
    heads, *rows = table_rows(links, neurons_shown)
    return "\n\n".join([markdown_table(heads, rows), *remarks(links)])


def table_rows(links: TopicLinks, neurons_shown: int) -> Sequence[tuple[str, ...]]:
    """The head, then a row for each topic that has a neuron, most votes first."""
    names = {topic.id: topic.name for topic in links.topics}
    rows = [("topic", "name", "videos", "neurons", "votes", "difference", "the strongest (votes; also prefers)")]
    for topic in sorted(links.topics, key=lambda topic: -sum(linked.votes for linked in topic.neurons)):
        if not topic.neurons:
            continue
        shown = ", ".join(
            f"{linked.neuron} ({linked.votes}{'' if linked.runner_up is None else '; ' + names[linked.runner_up]})"
            for linked in topic.neurons[:neurons_shown]
        )
        more = len(topic.neurons) - neurons_shown
        votes, strongest = sum(linked.votes for linked in topic.neurons), topic.neurons[0].mean_difference
        counts = str(topic.videos), str(len(topic.neurons)), str(votes)
        shown += f" and {more} more" if more > 0 else ""
        rows.append((str(topic.id), topic.name, *counts, f"{strongest:+.3f}", shown))
    return rows


def remarks(links: TopicLinks, min_votes: int = 3) -> list[str]:
    """How many neurons have a name, how many of them by more than a chance vote, and which topics and neurons have no
    partner."""
    lines = [
        f"{len(links.topic_of())} of {links.n_neurons} neurons are named, "
        f"{len(links.topic_of(min_votes))} of them by at least {min_votes} votes."
    ]
    if links.without_neuron:
        lines.append("Topics without a neuron: " + ", ".join(f"{t.name} ({t.id})" for t in links.without_neuron) + ".")
    if links.without_topic:
        lines.append("Neurons without a topic: " + _ranges(links.without_topic) + ".")
    return lines


def _ranges(numbers: Sequence[int]) -> str:
    """3, 4, 5, 9 as '3-5, 9'."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
