"""Serve an earlier version, or take one correction back."""

import argparse

from topiclens.pipeline.cli import arguments, output
from topiclens.pipeline.cli.commands.refine import tell_changes

EXAMPLE = "topiclens rollback 3f2a9c --root runs/sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="VERSION_OR_CORRECTION",
                        help="a version, or the id of a correction (its beginning is enough)")  # fmt: skip
    arguments.add_by(parser)
    arguments.add_json(parser, "the version that is served, and what was taken back")
    arguments.add_refinement(parser)


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair import refinements
    from topiclens.schemas.plain import to_plain

    by, settings = options.by or arguments.user(), arguments.settings_of(options, "refinement").refinement
    progress = output.ProgressLine()
    done = refinements.rollback(options.root, options.what, by, settings=settings, progress=progress)
    progress.close()
    served, candidate = done.served.version if done.served else None, done.candidate
    refused = candidate is not None and candidate.version != served
    if options.json:
        output.print_json({**to_plain(done), "refused": refused})
    elif done.withdrawn is not None:
        print(f"Correction {done.withdrawn.id} is revoked. It was in no served version.")
    else:
        if candidate is not None:
            print(candidate.verdict.to_markdown())
            if refused:
                print(tell_changes(candidate))
        nothing = f"Nothing was taken back: version {served} is served as before."
        print(nothing if refused else f"Version {served} is served.")
    return 1 if refused else 0
