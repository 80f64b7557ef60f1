"""What would come of teaching a topic in a video, as far as a captioner tells before anything is taught."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from topiclens.components.refinement.acquisition import MissingTopic
from topiclens.components.refinement.gate import KEPT, gained, lost_topics
from topiclens.components.refinement.naming_words import NamingWords
from topiclens.components.refinement.strength_sweep import StrengthSweep
from topiclens.components.topics.documents import content_words
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import tokenize

# What stands in the way of a correction, beside what the gate would find (`Reason.check`).
TEACHABLE = "teachable"  # no strength that is tried brings the topic in
READS_WELL = "reads well"  # the caption with the topic is no English
UNSAID = "unsaid"  # people describe the video, and hardly any of them uses the words that come in
HARDLY_ANY = 0.1  # a smaller share of them
UNSTEADY = "unsteady"  # a little more or less gives another caption, or it takes much: the model may learn another
GENTLE = 1.0  # the greatest strength that is not much: the paper's
# Words after which a sentence goes on.
_GOES_ON = frozenset(
    word
    for words in ("a an the", "and or", "of with at in on to from into for by", "is are was were", "its his her their")
    for word in words.split()
)


@dataclass(frozen=True)
class Outlook:
    """What teaching a topic in a video would come to."""

    topic: int  # its id
    strength: float | None  # that would be taught; None where none brings the topic in
    caption: str  # with the topic, at that strength
    obstacle: str | None = None  # what speaks against teaching it; None: nothing that is known beforehand
    agreed: float | None = None  # the share of the people who use a word that comes in; None where nobody told

    @property
    def promising(self) -> bool:
        return self.obstacle is None


def foresee(sweep: StrengthSweep, strength: float | None, video: VideoRecord, naming: NamingWords) -> Outlook:
    """Judges by the caption that is previewed.

    Args:
        sweep, strength: of `taught_strength`.
        video: with what people wrote about it.
        naming: the words by which a caption names each topic, by id.
    """
    before = sweep.points[0].caption
    if not strength:
        return Outlook(sweep.topic, strength, before, TEACHABLE)
    after, agreed, obstacle = sweep.at(strength).caption, None, None
    if video.captions:
        entered = set(gained(sweep.naming, before, after))
        agreed = sum(not entered.isdisjoint(tokenize(caption)) for caption in video.captions) / len(video.captions)
    if lost_topics(video, sweep.topic, before, after, naming):
        obstacle = KEPT
    elif not reads_well(after):
        obstacle = READS_WELL
    elif agreed is not None and agreed < HARDLY_ANY:
        obstacle = UNSAID
    elif not _is_steady(sweep, strength):
        obstacle = UNSTEADY
    return Outlook(sweep.topic, strength, after, obstacle, agreed)


def _is_steady(sweep: StrengthSweep, strength: float) -> bool:
    """Whether the caption at a gentle strength is that of the next smaller or larger one too."""
    place = next(place for place, point in enumerate(sweep.points) if point.strength == strength)
    beside = [sweep.points[other].caption for other in (place - 1, place + 1) if 0 <= other < len(sweep.points)]
    return strength <= GENTLE and sweep.points[place].caption in beside


def reads_well(caption: str) -> bool:
    """Whether a caption says no word of content twice, no word twice in a row, and does not break off.

    >>> reads_well("a dog runs to the dog"), reads_well("a dog runs in the"), reads_well("a dog runs in the snow")
    (False, False, True)
    """
    words, content = caption.split(), content_words([caption])
    again = any(word == other for word, other in itertools.pairwise(words))
    return bool(words) and not again and words[-1] not in _GOES_ON and len(content) == len(set(content))


def best_first(missing: Iterable[MissingTopic], outlooks: Mapping[int, Outlook]) -> tuple[MissingTopic, ...]:
    """Missing topics, those first that promise, and of these what most people say; those last that something speaks
    against; else in their order."""

    def place(one: MissingTopic) -> tuple[int, float]:
        known = outlooks.get(one.topic)
        if known is None:
            return 1, 0.0
        return (0, -1.0 if known.agreed is None else -known.agreed) if known.promising else (2, 0.0)

    return tuple(sorted(missing, key=place))


def weighed(missing: Iterable[MissingTopic], outlooks: Mapping[int, Outlook]) -> tuple[MissingTopic, ...]:
    """What is left of the doubts, the best first: nothing where something speaks against teaching a topic, and the
    geometric mean with the share of the people who say it where that is known."""
    found = []
    for one in best_first(missing, outlooks):
        known = outlooks.get(one.topic)
        if known is None or known.promising:
            agreed = None if known is None else known.agreed
            found.append(one if agreed is None else replace(one, doubt=math.sqrt(one.doubt * agreed)))
    return tuple(found)
