"""A worker that looks into the ledger of its root, in place of one that refines."""

import sys

from topiclens.pipeline.repair.corrections import open_ledger
from topiclens.pipeline.review.jobs import JobReporter
from topiclens.pipeline.settings import Settings

if __name__ == "__main__":
    report = JobReporter(sys.argv[1])
    report.progress("Looking", 1.0)
    settings = Settings().changed(report.request.changes).refinement
    report.done({"candidate": [one.id for one in open_ledger(report.request.root, settings).corrections()][0]})
