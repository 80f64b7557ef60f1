"""Say that a caption misses a topic, and see the caption with it."""

import argparse

from topiclens.pipeline.cli import arguments, checks, output

EXAMPLE = "topiclens correct clip-17 --topic dance --author Ann --root runs/sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO_ID_OR_FILE")
    parser.add_argument("--topic", required=True, metavar="TOPIC", help="the topic that is missing: its name or its id")
    arguments.add_stretch(parser, "the video shows it")
    arguments.add_by(parser, "--author", "who says so")
    arguments.add_root(parser)
    arguments.add_changes(parser, " of refinement, or of what a file may cost",
                          "refinement.NAME=VALUE or limits.NAME=VALUE")  # fmt: skip
    arguments.add_json(parser, "the correction")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair.proposals import propose
    from topiclens.schemas.corrections import State

    settings, stretch = arguments.settings_of(options, "refinement", "limits"), arguments.stretch_of(options)
    checks.check_correction(options.root, options.video, options.topic, settings.refinement)
    (proposal,) = propose(
        options.root, options.video, [options.topic], options.author or arguments.user(), stretch=stretch,
        settings=settings.refinement, limits=settings.limits,
    )  # fmt: skip
    if options.json:
        output.print_json(proposal.correction.to_json())
    else:
        correction = proposal.correction
        print(f"now:  {correction.caption_before}")
        if proposal.strength is None:
            print(proposal.sweep.verdict)
            print(f"Correction {correction.id} is kept as proposed; no refinement takes it in.")
        else:
            with_it = proposal.sweep.at(proposal.strength).caption
            print(f"with {correction.missed}, strength {proposal.strength:g}:  {with_it}")
            if correction.state is State.REFUSED:  # and said again
                print(
                    f"Correction {correction.id} was refused; 'topiclens refine --only {correction.id}' tries it again."
                )
            else:
                print(f"Correction {correction.id} is previewed; 'topiclens refine' teaches it to the model.")
    return 0
