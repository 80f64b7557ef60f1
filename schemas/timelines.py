"""What a model sees in a clip, as it is shown to people: topics, neurons over the frames, and parts of frames."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True)
class TopicScore:
    """How much of a topic the model sees: near 1 if it occurs, near 0 if not (f of eq. 8)."""

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
    """One topic over the frames (Dong et al. 2017, Fig. 4): the neurons that carry it most, and how much it is seen.

    Attributes:
        topic_id: None for the strongest neurons of the caption, if topics are not known.
        relevant: False for a topic that is shown because the model sees it least.
        score: of the topic in all frames together.
        scores: (frames,), of the topic in each frame; empty where they are not known.
    """

    topic_id: int | None
    name: str
    neurons: tuple[NeuronTimeline, ...]
    relevant: bool = True
    score: float | None = None
    scores: tuple[float, ...] = ()

    @property
    def peak(self) -> int | None:
        """The frame in which most of the topic is seen."""
        return max(range(len(self.scores)), key=self.scores.__getitem__) if self.scores else None


@dataclass(frozen=True)
class NeuronShare:
    """A neuron behind a word: its part in `value`, and the topic that names it, if one does."""

    neuron: int
    topic: int | None
    name: str | None
    value: float


@dataclass(frozen=True)
class TopicShare:
    """All neurons of one topic behind a word: how many they are, and the sum of their relevance.

    `topic` and `name` are None for all neurons that have no name. `above_others` is how far `value` is above its mean
    over the caption's other words: what is particular to this one; None where there is no other word.
    """

    topic: int | None
    name: str | None
    neurons: int
    value: float
    own: bool = False  # whether the word is among those of the topic
    above_others: float | None = None


class EvidenceLevel(enum.StrEnum):
    """How strong evidence is; `topiclens.components.relevance.evidence` says from where on."""

    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    EvidenceLevel.WEAK: "the frames hardly differ",
    EvidenceLevel.MODERATE: "some frames give more than others",
    EvidenceLevel.STRONG: "a few frames give most of it",
}


@dataclass(frozen=True)
class FrameEvidence:
    """How far the frames differ in what they give to a word, by its relevance or, where that is not known, its
    attention; `topiclens.components.relevance.evidence` has the measures.

    Attributes:
        uneven: 0 to 1, what would have to go to other frames for all of them to give the same.
        level: weak where `uneven` is small.
        particular: (frames,), the share of each frame less its mean share over the caption's other words; empty where
            there is no other word.
        apart: 0 to 1, how much of it lies in other frames than that of the other words; None where there is none.
    """

    uneven: float
    level: EvidenceLevel
    particular: tuple[float, ...] = ()
    apart: float | None = None

    @property
    def most_particular(self) -> int | None:
        """The frame that speaks most for this word and least for the others."""
        return max(range(len(self.particular)), key=self.particular.__getitem__) if self.particular else None


@dataclass(frozen=True)
class WordAccount:
    """What a word came of, exactly: its score is the sum of all parts but the last two.

    Attributes:
        score: the word's logit less the mean logit of words of content at the same step.
        own, other_topics, free: directly through the neurons of topics that have the word among theirs, of other topics
            and of none.
        features: directly through the raw features, where the model attends to them.
        state, word_before, bias: through the decoder's state, the word before and the word's bias.
        state_topics, state_free: what of `state` came through topics' neurons and free ones, by relevance; the rest of
            it came of words and biases.
    """

    score: float
    own: float
    other_topics: float
    free: float
    features: float
    state: float
    word_before: float
    bias: float
    state_topics: float
    state_free: float


@dataclass(frozen=True)
class ExplainedWord:
    """One word of the caption.

    Attributes:
        attention: of each frame, 0 to 1, adding up to 1.
        relevance: of each frame, for the word where positive, against it where negative; None where it is not known.
        neurons: the strongest first, by relevance or, where that is not known, by activation where the word looks.
        topics: those whose neurons carry most, the strongest first, and last all neurons that no topic names; empty
            where relevance or names are not known. By relevance or, where there is an account, by what came directly
            through the topic's neuron: then those that speak most for the word come first.
        score: the word's logit, the sum of the three parts below; None where relevance is not known.
        from_frames, from_words, from_biases: relevance of the frames, of the words before, and what the biases took.
        account: of a model with topic neurons; None where it is not known.
        evidence: how far the frames differ; None where nobody looked.
    """

    text: str
    attention: tuple[float, ...]
    relevance: tuple[float, ...] | None
    neurons: tuple[NeuronShare, ...]
    topics: tuple[TopicShare, ...] = ()
    score: float | None = None
    from_frames: float | None = None
    from_words: float | None = None
    from_biases: float | None = None
    account: WordAccount | None = None
    evidence: FrameEvidence | None = None


@dataclass(frozen=True)
class HeatMap:
    """The relevance of the parts of one frame.

    Attributes:
        word: the place of the word in the caption; None for the caption as a whole.
        frame: its number, from 0.
        cells: (rows, columns), the relevance of each cell of the square that the network looks at, from the top left;
            positive speaks for the word. They add up to the frame's relevance.
    """

    word: int | None
    frame: int
    cells: tuple[tuple[float, ...], ...]
