"""What was done and what became of it, as the ledger has it, in sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import trace_lineage
from topiclens.pipeline.repair import versions
from topiclens.schemas.corrections import Event, Opinion, State
from topiclens.serving.review.shown import HistoryEntry, JobState, RefinementJob
from topiclens.serving.review.text import moment

_DID = {
    State.PROPOSED: "said that the caption misses “{topic}”",
    State.PREVIEWED: "saw the caption with “{topic}”",
    State.IN_CANDIDATE: "took “{topic}” into a refinement",
    State.REFUSED: "refined the model by “{topic}”, and the gate refused it",
    State.LIVE: "published “{topic}”",
    State.REVOKED: "took back “{topic}”",
}
_THOUGHT = {
    Opinion.FINE: "called the caption of version {version} fine",
    Opinion.UNSURE: "was unsure of the caption of version {version}",
    Opinion.SKIP: "skipped the caption of version {version}",
}
_PUT_BACK = "put back “{topic}”, which had been taken back"
_LEFT_OUT = "left “{topic}” out of the refinement; it waits for the next one"
_ENDED_EARLY = "found that the refinement with “{topic}” had not come to its end; it waits for the next one"


def list_history(ledger: Ledger, besides: Iterable[HistoryEntry] = ()) -> list[HistoryEntry]:
    """Everything that the ledger holds, and what was done besides, newest first."""
    entries = list(besides)
    for one in ledger.corrections():
        before = None
        undone = one.history[-1] if one.withdrawn_from else None
        for event in one.history:
            said, before = _did(event, before).format(topic=one.missed), event.state
            caption = f": “{event.caption}”" if event.caption else ""
            entries.append(HistoryEntry(event.time, event.by, said + caption, one.video_id, event.version))
            if event is undone:
                entries[-1] = replace(entries[-1], undo=one.id)
    for look in ledger.looks():
        thought = f"{_THOUGHT[look.opinion].format(version=look.version)}: “{look.caption}”"
        entries.append(HistoryEntry(look.time, look.by, thought, look.video_id))
    for written in ledger.written_captions():
        by, withdrawn_by = written.by, written.withdrawn_by
        what = "wrote how the caption should be: "
        if withdrawn_by is not None:
            what = f"took back the caption{'' if withdrawn_by == by else f' that {by} had written'}: "
        entries.append(HistoryEntry(written.time, withdrawn_by or by, f"{what}“{written.text}”", written.video_id))
    servings = ledger.servings()
    for serving in servings:
        back = any(other.version == serving.version for other in servings[: serving.number - 1])
        what = f"rolled back to version {serving.version}" if back else f"served version {serving.version}"
        entries.append(HistoryEntry(serving.time, serving.by, what, None, serving.version))
    return sorted(entries, key=lambda entry: entry.time, reverse=True)


def _did(event: Event, before: State | None) -> str:
    if event.state is State.PREVIEWED and before is State.IN_CANDIDATE:
        return _ENDED_EARLY if event.by == versions.RECOVERED_BY else _LEFT_OUT
    if before is State.REVOKED and event.version is None:
        return _PUT_BACK
    return _DID[event.state]


def tell_later(job: RefinementJob, ledger: Ledger, waiting: Collection[str]) -> RefinementJob:
    """A job that the gate blessed, with what became of it since.

    Args:
        waiting: the names of the candidates that are there.
    """
    if job.candidate is None:
        return replace(job, state=JobState.PUBLISHED)
    servings = ledger.servings()
    own = [serving for serving in servings if serving.version == job.candidate]
    if not own:
        if job.candidate in waiting:
            return job
        later = "It was never published: what it refined is served no more, or a later refinement took its place."
        return replace(job, state=JobState.SUPERSEDED, later=later)
    known = {version.version: version for version in ledger.versions()}
    lines = {name: [step.version for step in trace_lineage(name, known)] for name in known}
    published, served = f"{own[0].by} published it, {moment(own[0].time)}", servings[-1].version
    if job.candidate in lines[served]:
        since = (
            "it answers now" if served == job.candidate else f"version {served}, which was made from it, answers now"
        )
        return replace(job, state=JobState.PUBLISHED, later=f"{published}; {since}.")
    # What was served first without it, since it was served last, itself or in what was made from it.
    instead = servings[max(serving.number for serving in servings if job.candidate in lines[serving.version])]
    version, when = known[instead.version], f"{instead.by}, {moment(instead.time)}"
    if version.time <= known[job.candidate].time:
        later = f"It was rolled back to version {version.version} by {when}."
    elif lines[version.version][0] == lines[job.candidate][0]:
        later = f"Version {version.version} was made without it, and published by {when}."
    else:
        later = f"Version {version.version}, of a new training, took its place, {moment(instead.time)}."
        return replace(job, state=JobState.SUPERSEDED, later=f"{published}. {later}")
    return replace(job, state=JobState.ROLLED_BACK, later=f"{published}. {later}")
