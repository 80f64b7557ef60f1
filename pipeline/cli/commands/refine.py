"""Teach the corrections to the model, and check what comes of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, output
from topiclens.pipeline.cli.commands.corrections import shorten

if TYPE_CHECKING:
    from topiclens.pipeline.repair.model_store import CandidateVersion

EXAMPLE = "topiclens refine --root runs/sample --publish"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_by(parser)
    parser.add_argument("--only", nargs="+", metavar="ID", help="these corrections and no others")
    parser.add_argument("--publish", action="store_true", help="serve it if it passes the checks; what was refined "
                        "already is not refined again")  # fmt: skip
    arguments.add_json(parser, "the refined version, what the checks say of it, and whether it is served")
    arguments.add_refinement(parser)


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair import refinements
    from topiclens.schemas.plain import to_plain

    by, settings = options.by or arguments.user(), arguments.settings_of(options, "refinement").refinement
    candidate = refinements.find_refined(options.root, only=options.only, settings=settings)
    said = f"Version {candidate.version} was refined and blessed before." if candidate else ""
    if candidate is None:
        progress = output.ProgressLine()
        candidate = refinements.refine(options.root, by, only=options.only, settings=settings, progress=progress)
        progress.close()
        said = candidate.verdict.to_markdown()
    if not options.json:
        print(said)
        if candidate.blessed:
            print(tell_changes(candidate))
    served = candidate.blessed and options.publish
    if served:
        refinements.publish(options.root, by, version=candidate.version, settings=settings)
    if options.json:
        output.print_json({**to_plain(candidate), "served": served})
    elif served:
        print(f"Version {candidate.version} is served.")
    elif candidate.blessed:
        output.note(f"It is not served yet: topiclens refine --publish --root {options.root}")
    elif passing := candidate.verdict.passing:
        output.note("The corrections that pass without the others: topiclens refine --only "
                    f"{shorten(passing)} --root {options.root}")  # fmt: skip
    return 0 if candidate.blessed else 1


def tell_changes(candidate: CandidateVersion) -> str:
    """Which corrections a candidate brings and which it takes, in a sentence."""
    adds = f"It teaches {shorten(candidate.corrections)} to version {candidate.parent}"
    takes = f"; {shorten(candidate.revoked)} will be live no more" if candidate.revoked else ""
    return f"{adds}{takes}."
