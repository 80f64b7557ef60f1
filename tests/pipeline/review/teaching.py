"""A worker that refines a root without a model. While the root has a file `hold`, it teaches for ever."""

import sys
import time
from pathlib import Path

from tests.pipeline.repair import stand_ins
from topiclens.pipeline.review.jobs import JobReporter, work


def teach(root, parent, output, batch, live, settings, progress):
    progress("Teaching 1 correction with mu 1", 0.5)
    while Path(root, "hold").exists():
        time.sleep(0.01)
    return stand_ins.teach(root, parent, output, batch, live)


if __name__ == "__main__":
    work(JobReporter(sys.argv[1]), teach)
