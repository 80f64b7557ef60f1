"""A worker that obeys the title of its order, in place of one that refines."""

import sys
import time

from topiclens.pipeline.review.jobs import JobReporter

if __name__ == "__main__":
    report = JobReporter(sys.argv[1])
    report.progress("Reading", 1.0)
    report.progress("Learning", 0.2)
    report.progress("Learning", 0.5)
    if report.request.title == "wait":
        time.sleep(60)
    if report.request.title == "fail":
        report.done({"error": "There is no memory left."})
        sys.exit(1)
    report.done({"candidate": "7"})
