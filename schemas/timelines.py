"""What a model sees in a clip, as explanations and the review page show it: topics, and neurons over the frames."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TopicScore:
    """How much of a topic the model sees: near 1 where it occurs, near 0 where it does not (f of eq. 8)."""

    id: int
    name: str
    score: float


@dataclass(frozen=True)
class NeuronTimeline:
    """A neuron's activation, -1 to 1, at each frame: (frames,)."""

    neuron: int
    activations: tuple[float, ...]


@dataclass(frozen=True)
class TopicTimeline:
    """The neurons of one topic over the frames (Dong et al. 2017, Fig. 4), those that carry it most.

    Attributes:
        topic_id: None for the strongest neurons of the caption, where topics are not known.
        relevant: False for a topic that is shown because the model sees it least.
    """

    topic_id: int | None
    name: str
    neurons: tuple[NeuronTimeline, ...]
    relevant: bool = True
    score: float | None = None
