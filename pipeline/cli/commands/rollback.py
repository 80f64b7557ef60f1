"""`topiclens rollback`."""

from __future__ import annotations

import argparse

from topiclens.pipeline.cli import arguments, output
from topiclens.pipeline.cli.commands.refine import tell_changes

HELP = "serve an earlier version, or take one correction back"
EXAMPLE = "topiclens rollback 3f2a9c --root runs/sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="VERSION_OR_CORRECTION",
                        help="a version, or the id of a correction (its beginning is enough)")  # fmt: skip
    arguments.add_by(parser)
    arguments.add_refinement(parser)


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair import refinements

    by, settings = options.by or arguments.user(), arguments.settings_of(options, "refinement").refinement
    progress = output.ProgressLine()
    done = refinements.rollback(options.root, options.what, by, settings=settings, progress=progress)
    progress.close()
    if done.withdrawn is not None:
        print(f"Correction {done.withdrawn.id} is revoked. It was in no served version.")
        return 0
    served = done.served.version if done.served else None
    if done.candidate is not None:
        print(done.candidate.verdict.to_markdown())
        if served != done.candidate.version:
            print(tell_changes(done.candidate))
            print(f"Nothing was taken back: version {served} is served as before.")
            return 1
    print(f"Version {served} is served.")
    return 0
