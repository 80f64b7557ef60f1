"""One half of a video's frames corrects a model, the other half tests it (Dong et al. 2017, section 4).

Which videos are corrected follows from a rule (`find_missing`). The strength and mu are chosen by the half that
corrects and by training videos; the other half only tests.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement.candidate_captioner import CandidateCaptioner, RefinedEncoder, Teacher, furthest
from topiclens.components.refinement.edit_targets import asked_of
from topiclens.components.refinement.gate import Half, gained, lost_topics
from topiclens.components.refinement.naming_words import NamingWords
from topiclens.components.refinement.propagation import CorrectedVideo, Propagation
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.refinement.taught_strength import taught_strength
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import Vocabulary, tokenize

MIN_SHARE = 0.5  # of a video's human captions that hold a word of the topic


@dataclass(frozen=True)
class InaccurateCaption:
    """A video and the topic that its captions miss."""

    video_id: str  # of the whole video
    # topic, name, words: the topic's id and name, and the words that name it
    topic: int
    name: str
    words: tuple[str, ...]
    # references, of: how many of how many human captions hold one of the words
    references: int
    of: int
    captions: tuple[str, str]  # the model's, of the first and of the second half


@dataclass(frozen=True)
class InaccuracySearch:
    """What the rule found."""

    items: tuple[InaccurateCaption, ...]  # the videos, the most agreed upon first
    counts: tuple[tuple[str, int], ...]  # the rule's stages in words, each with how many were left by it


def find_missing(
    videos: Sequence[VideoRecord],
    captions: Mapping[str, tuple[str, str]],
    links: TopicLinks,
    enhancement: np.ndarray,
    vocabulary: Vocabulary,
    naming: NamingWords,
    *,
    min_share: float = MIN_SHARE,
) -> InaccuracySearch:
    """Finds the videos that a model captions inaccurately by a rule: nobody picks them.

    A video misses a topic where people say it and the model does not:

    1. the topic is one of the video's own (`topics`, which follow from its human captions);
    2. at least `min_share` of its human captions hold a word that names the topic;
    3. the model's captions of both halves of its frames hold none;
    4. the topic has a neuron that can be enhanced, and a word that the model can say.

    Of several topics that a video misses, the one that most of its captions say counts. The videos of which the largest
    share of captions say it come first, equal ones in the order of their ids. The rule looks neither at frames nor at a
    refined model.

    Args:
        naming: the words that name each topic.
        captions: video id -> the model's captions of the first and the second half; videos that cannot be halved are
            not in it.
    """
    halved = [video for video in videos if video.video_id in captions]
    present = [(video, links.topics[topic]) for video in halved for topic in np.flatnonzero(video.topics).tolist()]
    sentences = {video.video_id: [set(tokenize(text)) for text in video.captions] for video in halved}
    seen = [
        (video, topic, count)
        for video, topic in present
        if (count := sum(not said.isdisjoint(naming[topic.id]) for said in sentences[video.video_id]))
        and count >= min_share * len(video.captions)
    ]
    unsaid = [
        (video, topic, count)
        for video, topic, count in seen
        if set(" ".join(captions[video.video_id]).split()).isdisjoint(naming[topic.id])
    ]
    sayable = [
        (video, topic, count)
        for video, topic, count in unsaid
        if enhancement[topic.id].any() and any(word in vocabulary for word in naming[topic.id])
    ]
    sayable.sort(key=lambda found: (-found[2] / len(found[0].captions), found[0].video_id, found[1].id))
    best: dict[str, InaccurateCaption] = {}
    for video, topic, count in sayable:
        best.setdefault(
            video.video_id,
            InaccurateCaption(
                video.video_id,
                topic.id,
                topic.name,
                tuple(naming[topic.id]),
                count,
                len(video.captions),
                captions[video.video_id],
            ),
        )
    counts = (
        ("videos", len(videos)),
        ("of at least two frames, so that they can be halved", len(halved)),
        ("pairs of such a video and a topic of it", len(present)),
        (f"that at least {min_share:.0%} of its human captions say", len(seen)),
        ("that the model's caption of neither half says", len(unsaid)),
        ("whose topic has a neuron and a word that the model can say", len(sayable)),
        ("videos of these pairs, each with the topic that most of its captions say", len(best)),
    )
    return InaccuracySearch(tuple(best.values()), counts)


@dataclass(frozen=True)
class HalfTrial:
    """What came of correcting with one half and testing with the other."""

    direction: str  # `first → second` or `second → first`: the half that corrects, the half that tests
    why: str  # in words, which strength brings the topic into the half that corrects, or why none does
    strength: float | None = None  # that was taught; None where no strength up to the bound brings the topic in
    mu: float | None = None  # of eq. 10, as the half that corrects chose it
    # taught, tested: the two halves, before and after; None where nothing could be taught
    taught: Half | None = None
    tested: Half | None = None
    lost: int = 0  # topics that the half that tests rightly named before, and names no longer (`gate.lost_topics`)
    # asked, left, least: ||v* - v||^2 before and after the propagation, and what no LSTM gets below
    asked: float = 0.0
    left: float = 0.0
    least: float = 0.0
    moved: float = 0.0  # ||theta' - theta||
    seconds: float = 0.0  # that it took, the metrics not counted


class HalfTrials:
    """Refines one parent by one video after the other; `train` is for the `Teacher`."""

    def __init__(self, candidates: CandidateCaptioner, settings: RefinementSettings, train: Sequence[VideoRecord]):
        self.candidates, self._settings = candidates, settings
        self._teacher = Teacher(candidates, settings, train)

    def correct(
        self, item: InaccurateCaption, corrects: VideoRecord, tests: VideoRecord, direction: str
    ) -> tuple[HalfTrial, RefinedEncoder | None]:
        """Enhancement of the missing topic in one half, propagation, and what both halves' captions then say.

        The half that corrects chooses the strength (`taught_strength`) and, with the training videos, mu (`furthest`).

        Returns:
            The trial, and the refined model; None where no strength up to `max_strength` brings the topic in.
        """
        began, candidates, settings = time.monotonic(), self.candidates, self._settings
        candidates.captions(candidates.untouched, [corrects])  # takes the parent's encoder

        def says(caption: str) -> bool:
            return bool(gained(item.words, "", caption))

        ask = asked_of(candidates, item.topic, settings)
        sweep, strength = taught_strength(ask, corrects, settings.strength_factor, says)
        if strength is None:
            return HalfTrial(direction, sweep.verdict, seconds=time.monotonic() - began), None
        learnt, mu = self.furthest([(item, corrects, strength)])
        begun = HalfTrial(direction, sweep.verdict, strength, mu)
        return self._finished(begun, item, (corrects, tests), learnt, began), learnt[1]

    def control(
        self, item: InaccurateCaption, trial: HalfTrial, corrects: VideoRecord, tests: VideoRecord
    ) -> tuple[str, HalfTrial]:
        """The same refinement by another topic: does it bring the right topic's words in too?

        By the seed and the video's id, a topic is drawn that has a neuron, does not occur in the video and shares no
        word with the right one. Strength and mu are those of the trial.

        Returns:
            The other topic's name, and the trial; its halves are asked about the right topic.
        Raises:
            ValueError: there is no such topic.
        """
        began = time.monotonic()
        drawable = [
            topic
            for topic in self.candidates.links.topics
            if self.candidates.enhancement[topic.id].any()
            and not corrects.topics[topic.id]
            and set(self.candidates.naming[topic.id]).isdisjoint(item.words)
        ]
        if not drawable:
            raise ValueError(f"No other topic than those of video {item.video_id!r} has a neuron to control with.")
        rng = np.random.default_rng([self._settings.seed, zlib.crc32(item.video_id.encode())])
        other = drawable[rng.integers(len(drawable))]
        assert trial.strength is not None and trial.mu is not None  # something was taught
        learnt = self._teacher.teach([CorrectedVideo(corrects, {other.id: trial.strength})], trial.mu)
        why = f"The strength at which topic {item.topic} ({item.name}) was taught."
        begun = HalfTrial(trial.direction, why, trial.strength, trial.mu)
        return other.name, self._finished(begun, item, (corrects, tests), learnt, began)

    def furthest(
        self, targets: Sequence[tuple[InaccurateCaption, VideoRecord, float]]
    ) -> tuple[tuple[Propagation, RefinedEncoder], float]:
        """The parent refined by halves, each with what it misses and a strength, as far as it may go; and mu."""
        videos = [CorrectedVideo(half, {item.topic: strength}) for item, half, strength in targets]

        def is_said(refined: tuple[Propagation, RefinedEncoder]) -> bool:
            captions = self.candidates.captions(refined[1], [half for _, half, _ in targets])
            return all(gained(item.words, "", captions[half.video_id]) for item, half, _ in targets)

        teacher, settings = self._teacher, self._settings
        return furthest(
            settings.mu,
            lambda mu: teacher.teach(videos, mu),
            is_said,
            lambda refined: teacher.affords(refined[1], {item.topic for item, _, _ in targets}),
        )

    def _finished(
        self,
        begun: HalfTrial,
        item: InaccurateCaption,
        halves: Sequence[VideoRecord],
        learnt: tuple[Propagation, RefinedEncoder],
        began: float,
    ) -> HalfTrial:
        """A trial with what its refinement did to both halves."""
        (refined, candidate), compare = learnt, self.candidates.before_and_after
        taught, tested = (compare(candidate, half, item.topic, item.words) for half in halves)
        return replace(
            begun,
            taught=taught,
            tested=tested,
            lost=len(lost_topics(halves[1], item.topic, *tested.captions, self.candidates.naming)),
            asked=float(refined.before[0]),
            left=float(refined.after[0]),
            least=float(refined.least[0]),
            moved=refined.moved,
            seconds=time.monotonic() - began,
        )
