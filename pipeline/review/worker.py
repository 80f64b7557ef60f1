"""The process of one job: refines a root, or takes a correction out of what it serves, and notes how far it is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from topiclens.pipeline.errors import explain_fault
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.model_store import CandidateVersion
from topiclens.pipeline.repair.refinements import Rollback
from topiclens.pipeline.review.jobs import JobReporter
from topiclens.pipeline.settings import Settings

_log = logging.getLogger(__name__)


def work(report: JobReporter) -> None:
    """Does what a job was asked, and notes what came of it, whatever that is."""
    order = report.order
    settings = Settings().changed(order.changes).refinement
    try:
        if order.takes_out:
            (correction,) = order.corrections
            done = refinements.rollback(order.root, correction, order.by, settings=settings, progress=report.progress)
            report.done({"kept": _is_kept(done), **_told(done.candidate)})
        else:
            candidate = refinements.refine(
                order.root, order.by, only=order.corrections, settings=settings, progress=report.progress
            )
            report.done(_told(candidate))
    except Exception as error:
        _log.exception("The job broke off")
        report.done({"error": explain_fault(error)})
        raise


def _told(candidate: CandidateVersion | None) -> Mapping:
    if candidate is None:
        return {}
    return {"candidate": candidate.version, "verdict": candidate.verdict, "revoked": candidate.revoked}


def _is_kept(done: Rollback) -> bool:
    """Whether the correction is live as before, although the gate has nothing against the model without it."""
    candidate = done.candidate
    return candidate is not None and candidate.blessed and done.served.version != candidate.version


if __name__ == "__main__":
    work(JobReporter(sys.argv[1]))
