"""The process of one job: refines a root, or takes a correction out of what it serves, and notes how far it is."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Mapping
from typing import Any

from topiclens.pipeline.errors import explain_fault
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.model_store import CandidateVersion
from topiclens.pipeline.repair.refinements import Rollback
from topiclens.pipeline.review.jobs import JobReporter
from topiclens.pipeline.settings import Settings
from topiclens.schemas.plain import to_plain
from topiclens.schemas.verdicts import Reason, Verdict

_log = logging.getLogger(__name__)


def work(reporter: JobReporter) -> None:
    """Does what a job was asked, and notes what came of it, whatever that is."""
    request = reporter.request
    told: dict[str, Any] = {"settings": Settings().changed(request.changes).refinement, "progress": reporter.progress}
    try:
        if request.takes_out:
            (correction,) = request.corrections
            done = refinements.rollback(request.root, correction, request.by, **told)
            reporter.done(_outcome(done.candidate, _verdict_of_rollback(done)))
        else:
            candidate = refinements.refine(request.root, request.by, only=request.corrections, **told)
            reporter.done(_outcome(candidate, candidate.verdict))
    except Exception as error:
        _log.exception("The job broke off")
        reporter.done({"error": explain_fault(error)})
        raise


def _outcome(candidate: CandidateVersion | None, verdict: Verdict | None) -> Mapping[str, Any]:
    """What is noted of a job that ended; nothing to look at where no model had to be built."""
    if candidate is None or verdict is None:
        return {"revoked": []}
    return {"candidate": candidate.version, "verdict": to_plain(verdict), "revoked": candidate.revoked}


def _verdict_of_rollback(done: Rollback) -> Verdict | None:
    """The gate's, and beside it that others would go that are to stay: then the correction is live as before."""
    candidate = done.candidate
    if candidate is None or not candidate.blessed or done.served.version == candidate.version:
        return candidate and candidate.verdict
    others = len(candidate.revoked) - 1
    more = f"{others} other live correction{'s' if others > 1 else ''}"
    words = f"Without it {more} could not be taught again. So it is not published, and nothing was taken back."
    verdict = candidate.verdict
    return dataclasses.replace(verdict, blessed=False, reasons=(*verdict.reasons, Reason("live", False, words)))


if __name__ == "__main__":
    work(JobReporter(sys.argv[1]))
