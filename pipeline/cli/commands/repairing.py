"""Corrections on the command line: what people are told of proposals, refinements, rollbacks and versions."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Iterable, Sequence

from topiclens.components.refinement.records import Correction, Serving, Version
from topiclens.pipeline.files import replace_text
from topiclens.pipeline.repair import refinements, versions
from topiclens.pipeline.repair.corrections import find_correction, recovered_ledger
from topiclens.pipeline.repair.model_store import CandidateVersion, ModelStore
from topiclens.pipeline.repair.proposals import Proposal

_SHOWN = 8  # characters of an id: enough to tell it from the others


def user() -> str:
    """Who sits here, as the machine knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"


class Progress:
    """Tells of a refinement's course: a line for each thing done, which counts up where a person looks on."""

    def __init__(self):
        self._live, self._what, self._began = sys.stdout.isatty(), None, time.monotonic()

    def __call__(self, what: str, share: float) -> None:
        seconds = time.monotonic() - self._began
        if self._live:
            end = "\n" if what != self._what and self._what is not None else "\r"
            print(f"{end}[{seconds:4.0f} s] {what} {share:4.0%}", end="", flush=True)
        elif what != self._what:
            print(f"[{seconds:4.0f} s] {what}", flush=True)
        self._what = what

    def close(self) -> None:
        if self._live and self._what is not None:
            print()


def told_proposal(proposal: Proposal) -> str:
    """A correction with the caption before, the one with the topic, and what comes next."""
    correction, dose = proposal.correction, proposal.response.smallest
    lines = [f"now:  {correction.caption_before}"]
    if dose is None:
        lines += [
            proposal.response.verdict,
            f"Correction {correction.id} is kept as proposed, and no refinement takes it in.",
        ]
    else:
        lines += [
            f"with {correction.topic.name}, strength {dose.strength:g}:  {dose.caption}",
            f"Correction {correction.id} is previewed; `topiclens refine` teaches it to the model.",
        ]
    return "\n".join(lines)


def show_corrections(options, settings) -> int:
    """`topiclens corrections`."""
    with recovered_ledger(options.root, settings) as ledger:
        if options.incoming:
            with open(options.incoming, "rb") as file:
                print(f"{ledger.import_lines(file)} lines brought something new.")
        if options.export:
            lines = ledger.export_lines()
            replace_text(options.export, "".join(f"{line}\n" for line in lines))
            print(f"Wrote {len(lines)} lines to {options.export}")
        if options.history:
            print(told_history(find_correction(ledger, options.history)))
        elif not (options.incoming or options.export):
            found = ledger.corrections(options.state)
            print("\n".join(json.dumps(one.to_json(), ensure_ascii=False) for one in found) if options.json
                  else told_corrections(found))  # fmt: skip
    return 0


def told_corrections(corrections: Sequence[Correction]) -> str:
    """A line a correction, oldest first, with its captions below."""
    if not corrections:
        return "No corrections. `topiclens correct VIDEO --topic TOPIC` makes one."
    rows = [("id", "state", "video", "misses", "by", "proposed (UTC)")]
    rows += [
        (one.id[:_SHOWN], one.state.value, one.video_id, one.topic.name, one.author, f"{one.time:%Y-%m-%d %H:%M}")
        for one in corrections
    ]
    lines = _table(rows)
    captions = ["    " + " → ".join(filter(None, (one.caption_before, one.caption_after))) for one in corrections]
    return "\n".join([lines[0], *(line for pair in zip(lines[1:], captions) for line in pair)])


def told_history(correction: Correction) -> str:
    """Who did what with a correction, and when."""
    lines = [f"Correction {correction.id}: {correction.video_id} misses {correction.topic.name}"]
    for event in correction.history:
        with_version = f" with version {event.version}" if event.version else ""
        caption = f": {event.caption}" if event.caption else ""
        lines.append(f"{event.time:%Y-%m-%d %H:%M:%S}  {event.state.value}{with_version}, {event.by}{caption}")
    return "\n".join(lines)


def refine(options, settings) -> int:
    """`topiclens refine`; 1 where the gate refuses."""
    by = options.by or user()
    candidate = refinements.refined_already(options.root, only=options.only, settings=settings)
    if candidate is not None:
        print(f"Version {candidate.version} was refined and blessed before.")
    else:
        progress = Progress()
        candidate = refinements.refine(options.root, by, only=options.only, settings=settings, progress=progress)
        progress.close()
        print(candidate.told)
    if not candidate.blessed:
        passing = candidate.verdict["passing"]
        if passing:
            print(f"The batch without the culprit: topiclens refine --only {_short(passing)} --root {options.root}")
        return 1
    print(_consequences(candidate))
    if options.publish:
        print(told_served(refinements.publish(options.root, by, version=candidate.version, settings=settings)))
    else:
        print(f"It is not served yet: topiclens refine --publish --root {options.root}")
    return 0


def rollback(options, settings) -> int:
    """`topiclens rollback`; 1 where the gate refuses what is left without the correction."""
    progress = Progress()
    done = refinements.rollback(options.root, options.what, options.by or user(), settings=settings, progress=progress)
    progress.close()
    if done.withdrawn is not None:
        print(f"Correction {done.withdrawn.id} is revoked. It was in no served version.")
        return 0
    if done.candidate is not None:
        print(done.candidate.told)
        if done.served.version != done.candidate.version:
            print(_consequences(done.candidate))
            print(f"Nothing was taken back: version {done.served.version} is served as before.")
            return 1
    print(told_served(done.served))
    return 0


def told_served(version: Version) -> str:
    """What answers from now on."""
    return f"Version {version.version} is served."


def told_versions(root: str, settings) -> str:
    """A line a version: what it was made from, what it adds, who made it, and when it was served."""
    with recovered_ledger(root, settings) as ledger:
        recorded, servings = ledger.versions(), ledger.servings()
        carried = {version.version: versions.carried(ledger, version.version) for version in recorded}
    if not recorded:
        return "No versions. `topiclens run` trains and pushes one."
    there = {str(number) for number in ModelStore(root).numbers()}
    rows = [("version", "parent", "adds", "has", "made (UTC)", "by", "served (UTC)")]
    for version in recorded:
        rows.append((
            version.version,
            version.parent or "trained",
            _short(version.corrections) or "–",
            str(len(carried[version.version])),
            f"{version.time:%Y-%m-%d %H:%M}",
            version.by,
            _served(version, servings) + ("" if version.version in there else "; its folder is gone"),
        ))  # fmt: skip
    return "\n".join(_table(rows))


def _served(version: Version, servings: Sequence[Serving]) -> str:
    """When a version was served, and whether it is now."""
    moments = [f"{serving.time:%Y-%m-%d %H:%M}" for serving in servings if serving.version == version.version]
    now = bool(servings) and servings[-1].version == version.version
    return ", ".join(moments) + (" (now)" if now else "") if moments else "never"


def _consequences(candidate: CandidateVersion) -> str:
    """What a candidate brings and takes, in a sentence."""
    adds = f"It teaches {_short(candidate.corrections)} to version {candidate.parent}"
    takes = f"; {_short(candidate.revoked)} cease to be live with it" if candidate.revoked else ""
    return f"{adds}{takes}."


def _short(ids: Iterable[str]) -> str:
    return " ".join(item[:_SHOWN] for item in ids)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]) for row in rows]
