"""One half of a video's frames corrects a model, the other half tests it (Dong et al. 2017, section 4).

What is chosen on the way, the strength and mu, is chosen by the half that corrects and by training videos. The other
half is shown to the parent and to the refined model, and to nobody else.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from topiclens.components.refinement.candidate_captioner import (
    CandidateCaptioner,
    CaptionCost,
    RefinedEncoder,
    furthest,
)
from topiclens.components.refinement.edit_targets import taught_strength
from topiclens.components.refinement.gate import Half, gained
from topiclens.components.refinement.missing_topics import InaccurateCaption
from topiclens.components.refinement.nearness import near_and_others, nearness_of
from topiclens.components.refinement.propagation import CorrectedVideo, Propagation
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.schemas.records import VideoRecord


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
    # asked, left, least: ||v* - v||^2 before and after the propagation, and what no LSTM gets below
    asked: float = 0.0
    left: float = 0.0
    least: float = 0.0
    moved: float = 0.0  # ||theta' - theta||
    seconds: float = 0.0  # that it took, the metrics not counted


class HalfTrials:
    """Refines one parent by one video after the other. `train` measures how near it stays, and what that costs."""

    def __init__(self, candidates: CandidateCaptioner, settings: RefinementSettings, train: Sequence[VideoRecord]):
        self.candidates, self._settings = candidates, settings
        near, others = near_and_others(train, settings.seed)
        self._nearness = nearness_of(settings.nearness, candidates.parent, near)
        self._cost = CaptionCost(candidates, others)

    def correct(
        self, item: InaccurateCaption, corrects: VideoRecord, tests: VideoRecord, direction: str
    ) -> tuple[HalfTrial, RefinedEncoder | None]:
        """Enhancement of the missing topic in one half, propagation, and what both halves' captions then say.

        The strength is that of `edit_targets.taught_strength`, asked of the half that corrects, and mu that of
        `furthest`, by what that half says and what the captions of training videos lose.

        Returns:
            The trial, and the refined model; None where no strength up to `max_strength` brings the topic in.
        """
        began, candidates, settings = time.monotonic(), self.candidates, self._settings
        candidates.captions(candidates.untouched, [corrects])  # takes the parent's encoder

        def says(caption: str) -> bool:
            return bool(gained(item.words, "", caption))

        sweep, strength = taught_strength(candidates, corrects, item.topic, says, settings)
        if strength is None:
            return HalfTrial(direction, sweep.verdict, seconds=time.monotonic() - began), None
        learnt, mu = self.furthest([(item, corrects, strength)])
        begun = HalfTrial(direction, sweep.verdict, strength, mu)
        return self._finished(begun, item, (corrects, tests), learnt, began), learnt[1]

    def control(
        self, item: InaccurateCaption, trial: HalfTrial, corrects: VideoRecord, tests: VideoRecord
    ) -> tuple[str, HalfTrial]:
        """The same refinement by another topic: does it bring the right topic's words in too?

        It is drawn among the topics that have a neuron, do not occur in the video and share no word with the right
        one; by the seed and the video's id alone. Strength and mu are those of the trial.

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
            and set(topic.words).isdisjoint(item.words)
        ]
        if not drawable:
            raise ValueError(f"No other topic than those of video {item.video_id!r} has a neuron to control with.")
        rng = np.random.default_rng([self._settings.seed, zlib.crc32(item.video_id.encode())])
        other = drawable[rng.integers(len(drawable))]
        learnt = self.taught([CorrectedVideo(corrects, {other.id: trial.strength})], trial.mu)
        why = f"The strength at which topic {item.topic} ({item.name}) was taught."
        begun = HalfTrial(trial.direction, why, trial.strength, trial.mu)
        return other.name, self._finished(begun, item, (corrects, tests), learnt, began)

    def furthest(
        self, targets: Sequence[tuple[InaccurateCaption, VideoRecord, float]]
    ) -> tuple[tuple[Propagation, RefinedEncoder], float]:
        """The parent, refined by halves, each with what it misses and a strength; and mu; see `furthest`."""
        videos = [CorrectedVideo(half, {item.topic: strength}) for item, half, strength in targets]

        def is_said(refined: tuple[Propagation, RefinedEncoder]) -> bool:
            captions = self.candidates.captions(refined[1], [half for _, half, _ in targets])
            return all(gained(item.words, "", captions[half.video_id]) for item, half, _ in targets)

        mus, max_cost = self._settings.mu, self._settings.max_cost
        return furthest(
            mus, lambda mu: self.taught(videos, mu), is_said, lambda refined: self._cost(refined[1]), max_cost
        )

    def taught(self, targets: Sequence[CorrectedVideo], mu: float) -> tuple[Propagation, RefinedEncoder]:
        """The parent, refined by what is to be learnt."""
        return self.candidates.taught(targets, mu, self._settings, self._nearness)

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
            asked=float(refined.before[0]),
            left=float(refined.after[0]),
            least=float(refined.least[0]),
            moved=refined.moved,
            seconds=time.monotonic() - began,
        )
