"""What the atlas tells of each topic and of each neuron, as plain data that its pages and programs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from topiclens.components.neurons.detection import Detection
from topiclens.components.neurons.evaluator import ChangedMeaning
from topiclens.components.neurons.steering import TopicSteering

FEW_CLIPS = 5  # figures that rest on fewer are marked


@dataclass(frozen=True)
class WeighedWord:
    """A word of a topic; None where the captioner, or the topic model, does not say it."""

    word: str
    share: float | None  # p(word | topic)
    weight: float | None  # what 1 of the topic's neuron adds to its logit, see `SpokenWord`


@dataclass(frozen=True)
class SpokenWord:
    """What an activation of 1 of a neuron adds to the logit of a word by eq. 6, above the mean word of content."""

    word: str
    weight: float


@dataclass(frozen=True)
class Sighting:
    """A neuron in a held-out clip."""

    clip: str
    activation: float  # the mean over the clip's frames
    frame: int  # that of the greatest activation; the first is 1
    greatest: float  # the activation there


@dataclass(frozen=True)
class SeenClip:
    """A held-out clip that a page shows."""

    frames: int
    caption: str  # the first that people wrote
    topics: tuple[int, ...]


@dataclass(frozen=True)
class Votes:
    """In how many training videos a topic chose a neuron (eq. 9)."""

    topic: int
    neuron: int
    votes: int


@dataclass(frozen=True)
class AtlasTopic:
    """A topic."""

    id: int
    name: str
    marks: str  # what people and later models changed, in words
    words: tuple[WeighedWord, ...]  # the most probable first
    npmi: float | None
    videos: int  # training videos in which it occurs
    own_neuron: int | None  # the neuron that was made for it; None in a model without topic neurons
    neurons: tuple[Votes, ...]  # those that it names, most votes first
    neuron: int | None  # by which it is shown: that with most votes, or else its own
    held_out: int  # held-out clips in which it occurs
    detection: Detection | None  # by `neuron`; None without one, and where no held-out clip has it, or all
    before: Detection | None  # the same of the last blessed model
    held_out_before: int | None  # on how many clips with the topic that rests
    steering: TopicSteering | None  # None where nobody asked
    score_fall: float | None  # how far its score falls without its neurons; see `NeuronFigures.deletion`
    clips: tuple[Sighting, ...]  # of `neuron`, the greatest activation first

    @property
    def few(self) -> bool:
        """Whether its detection rests on very few clips."""
        return self.held_out < FEW_CLIPS

    @property
    def few_compared(self) -> bool:
        """Whether its detection, or that of the last blessed model, rests on very few clips."""
        return self.few or (self.held_out_before is not None and self.held_out_before < FEW_CLIPS)

    @property
    def rise(self) -> float | None:
        """How far its average precision is above that of the last blessed model."""
        now, before = self.detection, self.before
        if now is None or before is None or now.average_precision is None or before.average_precision is None:
            return None
        return now.average_precision - before.average_precision

    @property
    def fell(self) -> bool:
        """Whether it is told worse than by the last blessed model."""
        return self.rise is not None and self.rise < 0


@dataclass(frozen=True)
class Histogram:
    """How many held-out clips have which mean activation, in bins of equal width."""

    low: float  # the left edge of the first bin
    high: float  # the right edge of the last one
    with_topic: tuple[int, ...]  # how many clips with the topic are in each bin
    mean_with: float | None  # the mean over them; None where there is none
    without: tuple[int, ...]
    mean_without: float | None


@dataclass(frozen=True)
class AtlasNeuron:
    """A neuron."""

    neuron: int
    topic: int | None  # the topic that it is named by; None for a free one
    made_for: int | None  # the topic whose own neuron it is
    steered_by: int | None  # the topic that raises it where the topic is raised
    votes: tuple[Votes, ...]  # of the topics that chose it most often
    all_votes: int
    histogram: Histogram  # by `subject`
    clips: tuple[Sighting, ...]  # the greatest activation first
    words_for: tuple[SpokenWord, ...]  # the greatest weight first
    words_against: tuple[SpokenWord, ...]  # the least first
    related: tuple[tuple[int, float], ...]  # topics, with Pearson's correlation over training videos

    @property
    def subject(self) -> int | None:
        """The topic by which its page divides clips: its name, or else the one that it was made for."""
        return self.made_for if self.topic is None else self.topic

    @property
    def confidence(self) -> float | None:
        """The share of its name among all votes that it got; None without a name."""
        if self.topic is None:
            return None
        return next(one.votes for one in self.votes if one.topic == self.topic) / self.all_votes


@dataclass(frozen=True)
class Atlas:
    """All topics and neurons of a model, by their numbers."""

    split: str  # that of the held-out clips
    training_videos: int
    held_out: int
    topics: tuple[AtlasTopic, ...]
    neurons: tuple[AtlasNeuron, ...]
    clips: Mapping[str, SeenClip]  # those that some page shows, by id
    changed: tuple[ChangedMeaning, ...] | None  # since the last blessed model; None where there was none
    # The strength that was added to raise topics, and the one to which they were put down; None where nobody asked. See
    # `topiclens.components.neurons.steering`.
    insertion_dose: float | None = None
    suppression_dose: float | None = None

    @property
    def compared(self) -> list[AtlasTopic]:
        """The topics that were measured in the last blessed model too, what fell most first."""
        known = [(topic.rise, topic) for topic in self.topics if topic.rise is not None]
        return [topic for _, topic in sorted(known, key=lambda one: (one[0], one[1].id))]
