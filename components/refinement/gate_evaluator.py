"""A batch of targets, taught to a parent and held against the gate."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from topiclens.components.captions.evaluator import References, evaluate_captions
from topiclens.components.captions.generate import slices_of
from topiclens.components.captions.meteor import SharedMeteor
from topiclens.components.captions.report import split_figures
from topiclens.components.captions.settings import METRICS
from topiclens.components.neurons.enhancement import enhancement_of
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement import gate
from topiclens.components.refinement.candidate_captioner import CandidateCaptioner, RefinedEncoder, Teacher, furthest
from topiclens.components.refinement.edit_targets import EditTarget, corrected_videos, halves, on_first_halves
from topiclens.components.refinement.gate import FineCaption
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.table import Topic
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.plain import to_plain
from topiclens.schemas.progress import Progress
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.trainer.exported import EXTRA, JSON_FILE, weights_path

CACHE_FOLDER = ".refinement"  # beside the parent; the model server reads folders with whole numbers for names alone
_CAPTIONS = "captions"

_log = logging.getLogger(__name__)


class ParentCache:
    """JSON files of one parent and one set of videos, by content: another model's are never taken for its own.

    Where the folder cannot be written, all is measured again. By default it is `.refinement` beside the parent.
    """

    def __init__(self, parent: str, videos: Iterable[VideoRecord], folder: str | None = None):
        self._folder = folder or os.path.join(os.path.dirname(os.path.abspath(parent)), CACHE_FOLDER)
        digest = hashlib.sha256()
        for path in (os.path.join(parent, EXTRA, JSON_FILE), weights_path(parent)):
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        for video in videos:
            digest.update(json.dumps([video.video_id, video.captions, video.topics.tolist()]).encode())
            digest.update(video.frames.tobytes())
        self._of = digest.hexdigest()

    def recall(self, *what: Any) -> dict | None:
        """What was remembered under the same words and numbers; None if nothing was."""
        try:
            return read_json(self._path(what))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remember(self, content: dict, *what: Any) -> None:
        try:
            write_json(self._path(what), content)
        except OSError as error:
            _log.info("What was measured of the parent is not kept: %s", error)

    def _path(self, what: tuple) -> str:
        name = hashlib.sha256(json.dumps([self._of, *what], sort_keys=True).encode()).hexdigest()[:32]
        return os.path.join(self._folder, f"{name}.json")


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate, and what the gate says of it.

    `links` and `enhancement` are of the candidate's neurons; None where a check before them is not met.
    """

    candidate: RefinedEncoder
    verdict: Verdict
    links: TopicLinks | None = None
    enhancement: np.ndarray | None = None


class GateEvaluator:
    """Tries batches of targets, all by the same evidence.

    Args:
        train, val: videos with their captions and topics; the candidates' neurons are named on `train`. What is
            taught, or was, is not to be in `val`: metrics would rise by it alone.
        live: earlier corrections that must hold, as targets.
        meteor: starts while a batch is taught, if the gate asks for METEOR, and is needed last.
        fine: captions that people called fine; those of videos that are taught are left to other checks.
    """

    def __init__(
        self,
        candidates: CandidateCaptioner,
        train: Sequence[VideoRecord],
        val: Sequence[VideoRecord],
        topics: Sequence[Topic],
        live: Sequence[EditTarget],
        settings: RefinementSettings,
        memory: ParentCache,
        progress: Progress,
        meteor: SharedMeteor,
        fine: Sequence[FineCaption] = (),
    ):
        self._fine, self._meteor = fine, meteor
        self.candidates, self._train, self._val, self._topics = candidates, train, val, topics
        self._live, self._settings, self._memory, self._progress = live, settings, memory, progress
        self._teacher = Teacher(candidates, settings, train)
        self._recalled = memory.recall(_CAPTIONS) or {}
        candidates.untouched.captions.update(self._recalled)

    @functools.cached_property
    def _references(self) -> References:
        return References({video.video_id: video.captions for video in self._val})

    def passes(self, targets: Sequence[EditTarget]) -> bool:
        """Whether a batch is blessed; one that was tried before is not tried again."""
        taught = [
            [
                one.correction.id,
                one.correction.video_id,
                one.correction.caption_before,
                self._words(one),
                one.strength,
                to_plain(one.correction.stretch),
            ]
            for one in targets
        ]
        live = sorted(one.correction.id for one in self._live)
        fine = [[one.video.video_id, one.caption] for one in self._fine]
        key = "batch", taught, live, fine, self._settings.told()
        known = self._memory.recall(*key)
        if known is None:
            known = {"passed": self.try_batch(targets).verdict.blessed}
            self._memory.remember(known, *key)
        return known["passed"]

    def try_batch(self, targets: Sequence[EditTarget]) -> Trial:
        """Teaches a batch, as far as it may go, and holds the outcome against the gate, the cheap checks first."""
        settings = self._settings
        judged = [metric for metric in METRICS if metric in {*settings.max_drop, *settings.max_slice_drop}]
        if "METEOR" in judged:
            self._meteor.begin()
        candidate, mu = furthest(
            settings.mu,
            lambda mu: self._teach(targets, mu),
            lambda refined: all(reason.met for reason in self._corrected(targets, refined)),
            lambda refined: self._teacher.affords(refined, {taught.topic for taught in targets}),
        )
        found: dict = {"metrics": {}}
        reasons = gate.collect_reasons(
            [
                self._corrected(targets, candidate),
                self._kept(targets, candidate),
                self._halves(targets, mu),
                self._lives(candidate),
                self._called_fine(targets, candidate),
                self._metrics(candidate, found, [metric for metric in judged if metric != "METEOR"]),
                self._metrics(candidate, found, [metric for metric in judged if metric == "METEOR"]),
                self._neurons(candidate, found),
            ]
        )
        verdict = Verdict(
            blessed=all(reason.met for reason in reasons),
            reasons=reasons,
            captions=self._captions_of(targets, candidate),
            metrics=found["metrics"],
            taught=tuple(one.correction.id for one in targets),
            mu=mu,
        )
        return Trial(candidate, verdict, found.get("links"), found.get("enhancement"))

    def _teach(self, targets: Sequence[EditTarget], mu: float) -> RefinedEncoder:
        """The parent with an encoder that learnt the targets; itself where none asks for anything."""
        corrections = [one for one in corrected_videos(targets) if any(map(np.any, one.topics.values()))]
        if not corrections:
            return self.candidates.untouched
        what = f"Teaching {len(targets)} correction{'s' if len(targets) > 1 else ''} with mu {mu:g}"

        def on_step(step: int, loss: float) -> None:
            self._progress(what, step / self._settings.steps)

        return self._teacher.teach(corrections, mu, on_step)[1]

    def _corrected(self, targets: Sequence[EditTarget], candidate: RefinedEncoder) -> Iterator[Reason]:
        captions = self._captions_of(targets, candidate)
        for taught in targets:
            correction = taught.correction
            yield gate.check_corrected(correction, self._words(taught), captions[correction.id])

    def _kept(self, targets: Sequence[EditTarget], candidate: RefinedEncoder) -> Iterator[Reason]:
        before, after = (self._captions_of(targets, one) for one in (self.candidates.untouched, candidate))
        for taught in targets:
            known = taught.correction.id
            yield gate.check_kept(
                taught.correction, taught.topic, taught.video, before[known], after[known], self.candidates.naming
            )

    def _halves(self, targets: Sequence[EditTarget], mu: float) -> Iterator[Reason]:
        candidate = self._teach(on_first_halves(targets), mu)
        for taught in targets:
            parts = halves(taught.video, taught.correction.stretch)
            words, both = self._words(taught), self.candidates.before_and_after
            half = None if parts is None else both(candidate, parts[1], taught.topic, words)
            yield gate.check_held_out_half(taught.correction, words, half)

    def _lives(self, candidate: RefinedEncoder) -> Iterator[Reason]:
        before, after = (self._captions_of(self._live, one) for one in (self.candidates.untouched, candidate))
        for live in self._live:
            correction = live.correction
            yield gate.check_still_live(correction, self._words(live), before[correction.id], after[correction.id])

    def _called_fine(self, targets: Sequence[EditTarget], candidate: RefinedEncoder) -> Iterator[Reason]:
        taught = {one.video.video_id for one in targets}
        fine = [one for one in self._fine if one.video.video_id not in taught]
        if fine:
            videos = list({one.video.video_id: one.video for one in fine}.values())
            what = "Writing the captions that people called fine"
            before, after = (self._captions(one, videos, what) for one in (self.candidates.untouched, candidate))
            yield gate.check_fine(fine, before, after, self.candidates.naming)

    def _metrics(self, candidate: RefinedEncoder, found: dict, metrics: Sequence[str]) -> Iterator[Reason]:
        if not metrics:
            return
        if not self._val:
            why, passed = "every video of validation was corrected", self._settings.allow_unmeasured
            yield from (gate.unmeasured(metric, why, passed) for metric in metrics)
            return
        before, after = self.figures(self.candidates.untouched, metrics), self.figures(candidate, metrics)
        found["metrics"] |= {metric: (before["metrics"][metric], value) for metric, value in after["metrics"].items()}
        settings = self._settings
        yield from gate.check_metrics(
            before,
            after,
            {metric: drop for metric, drop in settings.max_drop.items() if metric in metrics},
            {metric: drop for metric, drop in settings.max_slice_drop.items() if metric in metrics},
            slice_videos=settings.slice_videos,
            allow_unmeasured=settings.allow_unmeasured,
        )

    def figures(self, candidate: RefinedEncoder, metrics: Sequence[str]) -> dict:
        """Of a candidate's captions of validation, as `captions.report.split_figures` gives them."""
        names = {topic.id: topic.name for topic in self._topics}
        key = "figures", list(metrics), self._settings.slice_videos, names, [video.video_id for video in self._val]
        if candidate is self.candidates.untouched and (known := self._memory.recall(*key)):
            return known
        self._progress(f"Measuring {', '.join(metrics)} on validation", 0.0)
        captions = self._captions(candidate, self._val, "Writing the captions of validation")
        slices, small = slices_of(self._val, names), self._settings.slice_videos
        judged = evaluate_captions(
            self._references, captions, metrics, slices=slices, small_slice=small, start_meteor=self._meteor.open
        )
        found = split_figures(judged)
        if candidate is self.candidates.untouched:
            self._memory.remember(found, *key)
        return found

    def _neurons(self, candidate: RefinedEncoder, found: dict) -> Iterator[Reason]:
        self._progress("Naming the neurons anew", 0.0)
        counted, found["links"] = self.candidates.named_anew(candidate, self._train, self._topics)
        found["enhancement"] = enhancement_of(found["links"], counted, self._settings.neurons)
        settings = self._settings
        yield gate.check_neurons(self.candidates.links, found["links"], settings.max_renamed, settings.min_votes)

    def _words(self, taught: EditTarget) -> tuple[str, ...]:
        return self.candidates.naming[taught.topic]

    def _captions_of(self, targets: Sequence[EditTarget], candidate: RefinedEncoder) -> dict[str, str]:
        """Correction id -> the caption of its video."""
        videos = {taught.video.video_id: taught.video for taught in targets}
        captions = self.candidates.captions(candidate, list(videos.values()))
        return {taught.correction.id: captions[taught.video.video_id] for taught in targets}

    def _captions(self, candidate: RefinedEncoder, videos: Sequence[VideoRecord], what: str) -> dict[str, str]:
        written = self.candidates.captions(candidate, videos, lambda _, share=None: self._progress(what, share))
        if candidate is self.candidates.untouched:
            known = {video.video_id for video in self._val} | self._recalled.keys()
            said = {video_id: caption for video_id, caption in candidate.captions.items() if video_id in known}
            self._memory.remember(said, _CAPTIONS)
        return written
