"""`topiclens refine`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, output
from topiclens.pipeline.cli.commands.corrections import shorten

if TYPE_CHECKING:
    from topiclens.pipeline.repair.model_store import CandidateVersion

HELP = "teach the corrections to the model, and check what comes of it"
EXAMPLE = "topiclens refine --root runs/sample --publish"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_by(parser)
    parser.add_argument("--only", nargs="+", metavar="ID", help="these corrections and no others")
    parser.add_argument("--publish", action="store_true", help="serve it if it passes the checks; what was refined "
                        "already is not refined again")  # fmt: skip
    arguments.add_refinement(parser)


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair import refinements

    by, settings = options.by or arguments.user(), arguments.settings_of(options, "refinement").refinement
    candidate = refinements.find_refined(options.root, only=options.only, settings=settings)
    if candidate is not None:
        print(f"Version {candidate.version} was refined and blessed before.")
    else:
        progress = output.ProgressLine()
        candidate = refinements.refine(options.root, by, only=options.only, settings=settings, progress=progress)
        progress.close()
        print(candidate.verdict.to_markdown())
    if not candidate.blessed:
        if passing := candidate.verdict.passing:
            output.note("The corrections that pass without the others: topiclens refine --only "
                        f"{shorten(passing)} --root {options.root}")  # fmt: skip
        return 1
    print(tell_changes(candidate))
    if options.publish:
        served = refinements.publish(options.root, by, version=candidate.version, settings=settings)
        print(f"Version {served.version} is served.")
    else:
        output.note(f"It is not served yet: topiclens refine --publish --root {options.root}")
    return 0


def tell_changes(candidate: CandidateVersion) -> str:
    """Which corrections a candidate brings and which it takes, in a sentence."""
    adds = f"It teaches {shorten(candidate.corrections)} to version {candidate.parent}"
    takes = f"; {shorten(candidate.revoked)} will be live no more" if candidate.revoked else ""
    return f"{adds}{takes}."
