"""The ledger's records and the course of jobs, as the page shows them."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Sequence

from topiclens.components.refinement import records
from topiclens.components.refinement.gate import Verdict as Judgement
from topiclens.components.refinement.ledger import Ledger
from topiclens.pipeline.repair.versions import carried, parent
from topiclens.pipeline.review.jobs import Course, Order
from topiclens.serving.review.changes import (
    Change,
    Correction,
    HistoryEntry,
    JobState,
    Metric,
    Reason,
    RefinementJob,
    State,
    Verdict,
    Version,
)

_DID = {
    State.PROPOSED: "said that the caption misses “{topic}”",
    State.PREVIEWED: "saw the caption with “{topic}”",
    State.IN_CANDIDATE: "took “{topic}” into a refinement",
    State.LIVE: "published “{topic}”",
    State.REVOKED: "took back “{topic}”",
}


def correction(recorded: records.Correction, note: str = "", lacking: bool = False) -> Correction:
    """A correction of the ledger.

    Args:
        note: a sentence on its preview.
        lacking: see `topiclens.serving.review.changes.Correction`.
    """
    return Correction(
        id=recorded.id,
        video_id=recorded.video_id,
        topic_id=recorded.topic.id,
        topic=recorded.topic.name,
        author=recorded.author,
        time=recorded.time,
        state=State(recorded.state.value),
        caption_before=recorded.caption_before,
        caption_after=recorded.caption_after,
        changes=tuple(
            Change(State(event.state.value), event.time, event.by, event.caption, event.version)
            for event in recorded.history
        ),
        note=note,
        lacking=lacking,
    )


def job(job_id: str, order: Order, course: Course) -> RefinementJob:
    """A refinement. What came of it is taken as the worker left it, whatever happened to its candidate since."""
    outcome = course.outcome or {}
    verdict = verdict_of(outcome["verdict"]) if "verdict" in outcome else None
    if course.running:
        state = JobState.RUNNING
    elif course.outcome is None:
        state = JobState.FAILED
    else:
        state = JobState.BLESSED if verdict is None or verdict.blessed else JobState.REFUSED
    if outcome.get("kept"):
        verdict, state = _kept(verdict, len(outcome["revoked"]) - 1), JobState.REFUSED
    ended = state not in (JobState.RUNNING, JobState.FAILED)
    return RefinementJob(
        id=job_id,
        title=order.title,
        state=state,
        by=order.by,
        started=order.time,
        corrections=order.corrections,
        lines=tuple(f"{what} ({share:.0%})" if 0 < share < 1 else what for what, share in course.steps),
        share=1.0 if ended else _share(course.steps),
        verdict=verdict,
        error=without_paths(course.error, order.root),
        candidate=outcome.get("candidate"),
        takes_back=tuple(outcome.get("revoked", ())),
    )


def _kept(verdict: Verdict, others: int) -> Verdict:
    """Of a model without a correction, with which others would go that are to stay."""
    more = f"{others} other live correction{'s' if others > 1 else ''}"
    reason = f"Without it {more} could not be taught again. So it is not published, and nothing was taken back."
    return dataclasses.replace(verdict, blessed=False, reasons=(*verdict.reasons, Reason(reason, False)))


def moved(told: RefinementJob, state: JobState) -> RefinementJob:
    """A job of which more is known than its worker could tell."""
    return dataclasses.replace(told, state=state)


def verdict_of(row: dict) -> Verdict:
    """What the gate wrote."""
    judgement = Judgement.from_json(row)
    reasons = [Reason(reason.words, reason.met) for reason in judgement.reasons]
    reasons += [Reason(words, False) for words in judgement.set_aside.values()]
    if judgement.advice:
        reasons.append(Reason(judgement.advice, False))
    return Verdict(
        blessed=judgement.blessed,
        reasons=tuple(reasons),
        culprits=tuple(judgement.culprits),
        captions=dict(judgement.captions),
        metrics=tuple(Metric(name, before, after) for name, (before, after) in judgement.metrics.items()),
    )


def versions(ledger: Ledger, is_there: Callable[[str], bool]) -> list[Version]:
    """Every version of a ledger, newest first.

    Args:
        is_there: whether the folder of a version is.
    """
    recorded, servings = ledger.versions(), ledger.servings()
    served = servings[-1].version if servings else None
    refined_next = parent(ledger) if servings else None
    return [
        Version(
            version=one.version,
            parent=one.parent,
            time=one.time,
            by=one.by,
            corrections=carried(ledger, one.version),
            added=one.corrections,
            verdict=_first_line(one.verdict),
            served=one.version == served,
            waits=one.version == refined_next != served,
            available=is_there(one.version),
        )
        for one in reversed(recorded)
    ]


def history(ledger: Ledger) -> list[HistoryEntry]:
    """All that was done, newest first."""
    entries = []
    for one in ledger.corrections():
        for event in one.history:
            said = _DID[State(event.state.value)].format(topic=one.topic.name)
            caption = f": “{event.caption}”" if event.caption else ""
            entries.append(HistoryEntry(event.time, event.by, said + caption, one.video_id, event.version))
    for serving in ledger.servings():
        back = any(other.version == serving.version for other in ledger.servings()[: serving.number - 1])
        what = f"rolled back to version {serving.version}" if back else f"served version {serving.version}"
        entries.append(HistoryEntry(serving.time, serving.by, what, None, serving.version))
    return sorted(entries, key=lambda entry: entry.time, reverse=True)


def without_paths(text: str, root: str) -> str:
    """A message for people who need not know where things are on this machine."""
    for place in sorted({root, os.path.abspath(root)}, key=len, reverse=True):
        text = text.replace(f" on root {place!r}", "")
        below = r"(?:/[^\s,;:'\"]*)?" if os.path.isabs(place) else r"/[^\s,;:'\"]+"  # "." and "runs" are words, too
        text = re.sub(r"(?<![\w./])" + re.escape(place.rstrip("/")) + below, "the run's folder", text)
    return text


def _share(steps: Sequence[tuple[str, float]]) -> float:
    """How much is done, where nobody knows how many steps there will be: each takes a fifth of what is left."""
    return 1 - 0.8 ** (len(steps) - 1 + steps[-1][1]) if steps else 0.0


def _first_line(verdict: str) -> str:
    """The heading of a verdict in Markdown, as text."""
    lines: Sequence[str] = [line.lstrip("# ").strip() for line in verdict.splitlines() if line.strip()]
    return lines[0] if lines else ""
