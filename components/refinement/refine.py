"""Refinement: a parent, a batch of corrections, and a candidate that has learnt them or is refused with reasons."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from topiclens.components.captions.meteor import SharedMeteor
from topiclens.components.features.backbones import registry
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement.candidate_captioner import CandidateCaptioner, twin
from topiclens.components.refinement.edit_targets import EditTarget, NotTeachable, edit_target
from topiclens.components.refinement.gate import FineCaption, culprits, label, save_verdict
from topiclens.components.refinement.gate_evaluator import GateEvaluator, ParentCache, Trial
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.matching import resolve_topic
from topiclens.components.topics.table import Topic
from topiclens.schemas.corrections import Correction
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.trainer.export import export_again
from topiclens.trainer.exported import EXTRA


class RefinementError(ValueError):
    """A refinement that cannot begin; the message says what was expected, what came and what to do."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a refinement is taught by and judged on."""

    # the videos of the splits, with captions and topics
    train: Sequence[VideoRecord]
    val: Sequence[VideoRecord]
    topics: Sequence[Topic]  # by id
    links: TopicLinks  # of the parent's neurons
    live: Sequence[Correction] = ()  # earlier corrections that are live in the parent and must hold
    # the corrected videos, of any split or of none, if their content is still what was corrected; None takes them from
    # `train` and `val`
    corrected: Sequence[VideoRecord] | None = None
    fine: Sequence[FineCaption] = ()  # captions that people called fine, which are to go on naming what they named

    def videos_of(self, corrections: Sequence[Correction]) -> dict[str, VideoRecord]:
        """Those of the corrected videos that are here, by id."""
        wanted = {correction.video_id for correction in corrections}
        here = [*self.train, *self.val] if self.corrected is None else self.corrected
        return {video.video_id: video for video in here if video.video_id in wanted}


def refine(
    parent: str | os.PathLike,
    output: str | os.PathLike,
    corrections: Sequence[Correction],
    evidence: Evidence,
    settings: RefinementSettings = RefinementSettings(),
    progress: Progress = no_progress,
    *,
    cache_dir: str | os.PathLike | None = None,
    memory: str | os.PathLike | None = None,
) -> Verdict:
    """Teaches a batch of corrections to a parent, judges the outcome, and writes it, blessed or not.

    `output` is an export like the parent, with `verdict.json` and the neurons' `links.json` in its `assets.extra`; it
    is whole or absent. Only a blessed one may be served. Without corrections it is the parent, byte for byte; so it is
    where none of them can be taught, and then it is not blessed.

    The same parent, corrections, evidence and settings give the same weights, bit for bit.

    Args:
        memory: a folder for what a second refinement of the same parent need not measure again; beside it by default.
    Raises:
        RefinementError: the place is taken.
        topiclens.components.neurons.activations.NeuronsError: the parent never learnt topics (LSTM-B).
        topiclens.trainer.export.ExportError: the parent is no export of a captioner.
    """
    parent, output = os.fspath(parent), os.fspath(output)
    if not corrections:
        _copy(parent, output)
        return Verdict(True, (Reason("teachable", True, "There is no correction to teach: the parent goes on."),))

    videos = evidence.videos_of([*corrections, *evidence.live])
    candidates = CandidateCaptioner(parent, evidence.links)
    targets, set_aside = _edit_targets(candidates, corrections, videos, evidence.topics, settings, progress)
    if not targets:
        _copy(parent, output)
        reason = Reason("teachable", False, "None of the corrections can be taught.")
        return Verdict(False, (reason,), set_aside=set_aside)
    cache = ParentCache(parent, evidence.val, None if memory is None else os.fspath(memory))
    live = _live(evidence, videos)
    corrected = {target.video.video_id for target in (*targets, *live)}
    val = [video for video in evidence.val if video.video_id not in corrected]
    with SharedMeteor() as meteor:
        evaluator = GateEvaluator(
            candidates, evidence.train, val, evidence.topics, live, settings, cache, progress, meteor, evidence.fine
        )
        trial = evaluator.try_batch(targets)
        if not trial.verdict.blessed and len(targets) > 1:
            progress("Looking for the corrections without which it passes")
        verdict = _verdict(evaluator, targets, trial, set_aside)
    progress("Exporting the candidate", 0.0)
    links = trial.links or evidence.links  # of one that is refused before its neurons were looked at
    _export(parent, candidates, trial, links, verdict, output, settings, cache_dir)
    return verdict


def _edit_targets(
    candidates: CandidateCaptioner,
    corrections: Sequence[Correction],
    videos: Mapping[str, VideoRecord],
    topics: Sequence[Topic],
    settings: RefinementSettings,
    progress: Progress,
) -> tuple[list[EditTarget], dict[str, str]]:
    """What can be taught, and what cannot: correction id -> why."""
    targets, set_aside = [], {}
    for done, correction in enumerate(corrections):
        progress("Finding how strongly each correction is to be taught", done / len(corrections))
        try:
            if correction.video_id not in videos:
                raise NotTeachable(
                    f"Correction {label(correction)} is set aside: there are no features of its video as this model "
                    "reads them. It left the dataset or has changed since; or it is a file that was corrected on a "
                    "model of another feature network. Correct it again: `topiclens correct VIDEO --topic TOPIC`."
                )
            targets.append(edit_target(candidates, correction, videos[correction.video_id], topics, settings))
        except NotTeachable as reason:
            set_aside[correction.id] = str(reason)
    return targets, set_aside


def _live(evidence: Evidence, videos: Mapping[str, VideoRecord]) -> list[EditTarget]:
    """The live corrections that can be checked: this model has their topic, and there are features of their video."""
    found = ((correction, resolve_topic(correction.topic, evidence.topics).topic) for correction in evidence.live)
    return [
        EditTarget(correction, videos[correction.video_id], topic.id, 0.0)
        for correction, topic in found
        if topic is not None and correction.video_id in videos
    ]


def _verdict(
    evaluator: GateEvaluator, targets: Sequence[EditTarget], trial: Trial, set_aside: Mapping[str, str]
) -> Verdict:
    verdict = dataclasses.replace(trial.verdict, set_aside=set_aside)
    if verdict.blessed:
        return verdict
    blamed = {reason.correction for reason in verdict.reasons if not reason.met}
    suspects = [taught for taught in targets if taught.correction.id in blamed]
    guilty, rest = culprits(targets, evaluator.passes, suspects)
    return dataclasses.replace(
        verdict,
        culprits=tuple(taught.correction.id for taught in guilty),
        passing=tuple(taught.correction.id for taught in rest),
        advice=_advice([taught.correction for taught in guilty], len(rest)),
    )


def _advice(guilty: Sequence[Correction], rest: int) -> str:
    """`Without correction ab12… (v17: dance) the other 3 pass.`"""
    named = f"correction{'s' if len(guilty) > 1 else ''} {', '.join(map(label, guilty))}"
    if not rest:
        return f"No part of the batch passes: {named} cannot be taught to this parent."
    others = "the other one passes" if rest == 1 else f"the other {rest} pass"
    return f"Without {named} {others}."


def _copy(parent: str, output: str) -> None:
    """The parent's folder byte for byte, aside and then renamed."""
    aside = _aside(output)
    shutil.copytree(parent, aside)
    os.replace(aside, output)


def _export(
    parent: str,
    candidates: CandidateCaptioner,
    trial: Trial,
    links: TopicLinks,
    verdict: Verdict,
    output: str,
    settings: RefinementSettings,
    cache_dir: str | os.PathLike | None,
) -> None:
    """Writes the candidate with its verdict and its links, aside and then renamed."""
    captioner, aside = twin(candidates.parent), _aside(output)
    captioner.encoder.set_weights(trial.candidate.encoder)
    learnt = {
        "corrections": [*candidates.meta.get("refinement", {}).get("corrections", []), *verdict.taught],
        "mu": verdict.mu,
        "settings": settings.told(),
    }
    export_again(
        parent,
        aside,
        captioner=captioner,
        backbone=registry.of_features(candidates.meta["features"], cache_dir),
        enhancement=candidates.enhancement if trial.enhancement is None else trial.enhancement,
        extra={"refinement": learnt},
    )
    links.save(os.path.join(aside, EXTRA))
    save_verdict(verdict, aside)
    os.replace(aside, output)


def _aside(output: str) -> str:
    """A free place beside the output; what an interrupted refinement left there is removed."""
    output = os.path.abspath(output)
    if os.path.isdir(output) and os.listdir(output):
        raise RefinementError(f"{output} is not empty; a version is never overwritten. Choose another folder.")
    aside = os.path.join(os.path.dirname(output), f".{os.path.basename(output)}.candidate")
    shutil.rmtree(aside, ignore_errors=True)
    os.makedirs(os.path.dirname(output), exist_ok=True)
    return aside
