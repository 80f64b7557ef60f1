"""What a captioner says as a topic is enhanced more and more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from topiclens.components.neurons.enhancement import activation_added
from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.refinement.naming_words import naming_words
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch
from topiclens.trainer.vocabulary import Vocabulary

if TYPE_CHECKING:
    from topiclens.components.neurons.batched_captioner import BatchedCaptioner

STEP = 0.125  # from one strength to the next
BOUND = 2.0  # the largest strength that is tried; 1 is the paper's


@dataclass(frozen=True)
class SweepPoint:
    """A strength of the enhancement, and what the captioner says at it."""

    strength: float  # the factor of the mean activations that are added; 0 leaves the video as it is
    caption: str
    score: float | None  # of the topic, f(mean v*); None where the captioner never learnt f (LSTM-B)
    # the words that name the topic (`naming_words`) and that the caption at strength 0 lacks, in their order
    entered: tuple[str, ...]


@dataclass(frozen=True)
class StrengthSweep:
    """What enhancing one topic in one video does, by strength, from 0 to a bound."""

    video_id: str
    topic: int
    name: str
    naming: tuple[str, ...]  # the words by which a caption names it
    points: tuple[SweepPoint, ...]
    verdict: str  # a sentence on whether the topic can be brought in, and why not if it cannot

    @property
    def smallest(self) -> SweepPoint | None:
        """The smallest strength at which a word of the topic enters the caption; None if none does."""
        return next((point for point in self.points if point.entered), None)

    def at(self, strength: float) -> SweepPoint:
        """What is said at a strength that was tried."""
        return next(point for point in self.points if point.strength == strength)

    def to_json(self) -> dict:
        return {**asdict(self), "smallest": None if self.smallest is None else self.smallest.strength}


def strengths_up_to(bound: float = BOUND, step: float = STEP) -> np.ndarray:
    """0, step, 2 step and so on, to the bound: (strengths,)."""
    if not (bound >= 0 and step > 0):
        raise ValueError(
            f"Strengths from 0 to {bound} in steps of {step}: expected a bound of 0 or more and a step above 0."
        )
    return step * np.arange(int(bound / step + 1e-6) + 1)


def sweep_strengths(
    model: BatchedCaptioner,
    vocabulary: Vocabulary,
    links: TopicLinks,
    enhancement: np.ndarray,
    video: VideoRecord,
    topic: int,
    strengths: Sequence[float] | np.ndarray | None = None,
    stretch: Stretch | None = None,
) -> StrengthSweep:
    """Enhances a topic in a video (Dong et al. 2017, section 4) with every strength at once.

    Args:
        enhancement: (topics, neurons), what strength 1 of each topic adds.
        strengths: to be tried; 0 is tried always. By default `strengths_up_to()`.
        stretch: of the video, in whose frames alone the topic is enhanced; None for all of it.
    Raises:
        StretchError: the video does not have the stretch.
        ValueError: there is no such topic, or the links are of another model.
    """
    from topiclens.trainer.edits import Edit  # with Keras, which what a server answered is read without

    links.check_fit(model.captioner.encoder.n_neurons)
    added = activation_added(enhancement, {topic: 1.0 if stretch is None else stretch.of_clip(video.seconds)})
    tried = np.union1d(0.0, strengths_up_to() if strengths is None else strengths)
    runs, edits = [video] * len(tried), [Edit("encoder.v", add=tried[:, None, None].astype(np.float32) * added)]
    captions = [vocabulary.decode(words.tolist()) for words in model.write(runs, edits)]
    learnt = model.captioner.config.interpretive_weight > 0
    scores = model.topic_scores(runs, edits)[:, topic].tolist() if learnt else [None] * len(tried)

    link = links.topics[topic]
    named = replace(link, words=naming_words(model.captioner, vocabulary, [link])[0])
    return read_sweep(video.video_id, named, tried.tolist(), captions, scores, vocabulary)


def read_sweep(
    video_id: str,
    link: TopicLink,
    strengths: Sequence[float],
    captions: Sequence[str],
    scores: Sequence[float | None],
    vocabulary: Vocabulary,
) -> StrengthSweep:
    """The sweep, out of what a captioner says at each strength; the strengths ascend from 0.

    The link's words are those that name the topic.
    """
    said, points = set(captions[0].split()), []
    for strength, caption, score in zip(strengths, captions, scores, strict=True):
        entered = tuple(word for word in dict.fromkeys(caption.split()) if word in link.words and word not in said)
        points.append(SweepPoint(strength, caption, score, entered))
    verdict = _verdict(link, points, vocabulary)
    return StrengthSweep(video_id, link.id, link.name, tuple(link.words), tuple(points), verdict)


def _verdict(link: TopicLink, points: Sequence[SweepPoint], vocabulary: Vocabulary) -> str:
    """In words: what brings the topic in, or what keeps it out."""
    topic = f"topic {link.id} ({link.name})"
    for point in points:
        if point.entered:
            return f"Strength {point.strength:g} is the smallest at which {topic} comes in: {', '.join(point.entered)}."
    if not link.neurons:
        return f"No neuron carries {topic}, so that there is nothing to enhance."
    if not any(word in vocabulary for word in link.words):
        return f"The captioner knows none of the words of {topic}: {', '.join(link.words) or 'it has none'}."
    said = [word for word in points[0].caption.split() if word in link.words]
    already = f" It already says {', '.join(dict.fromkeys(said))}." if said else ""
    return f"No further word of {topic} enters the caption up to strength {points[-1].strength:g}.{already}"
