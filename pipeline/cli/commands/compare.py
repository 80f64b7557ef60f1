"""Compare LSTM-I, LSTM-B and LSTM-I with shuffled topics."""

import argparse
import os

from topiclens.pipeline.cli import arguments, checks, output

EXAMPLE = "topiclens compare --root runs/flickr8k --preset flickr8k --seeds 5"
RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser, "the run whose records are used")
    arguments.add_preset(parser)
    arguments.add_changes(parser)
    parser.add_argument("--seeds", type=arguments.at_least_one, default=5, metavar="N",
                        help="trainings of each model (default: 5)")  # fmt: skip
    parser.add_argument("--also", type=float, nargs="+", default=[], metavar="LAMBDA",
                        help="more weights of the interpretive loss, beside the preset's")  # fmt: skip
    parser.add_argument(
        "--topic-seeds",
        action="store_true",
        help="fit the topics anew with every seed too, so that intervals cover both",
    )
    parser.add_argument("--jobs", type=arguments.at_least_one, default=1, metavar="N",
                        help="trainings at once, which share the cores (default: 1)")  # fmt: skip
    parser.add_argument("--full", action="store_true", help="train at full size, not with the reduced decoder")
    arguments.add_json(parser, "the figures of every training")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.presets import preset

    settings, outcome = preset(options.preset), run_metadata.newest(options.root)
    settings.changed(options.changes)  # refuses what cannot be
    from topiclens.pipeline.experiments import comparison, comparison_tables  # imports TensorFlow: after the checks

    if not options.full:
        settings = comparison.reduced(settings, comparison.training_videos(outcome))
    settings = settings.changed(options.changes)
    name = ("full" if options.full else "reduced") + ("-topic-seeds" if options.topic_seeds else "")
    folder = os.path.join(options.root, "comparison", name)
    checks.check_writable(folder)
    results = comparison.compare(
        outcome, settings, other_weights=options.also, seeds=options.seeds, folder=folder,
        topic_seeds=options.topic_seeds, jobs=options.jobs, progress=output.note,
    )  # fmt: skip
    if options.json:
        output.print_json(results, indent=1)
    else:
        for one in comparison_tables.tables(results, comparison.OURS):
            print(f"{one.title}. {one.note}", output.table(*one.rows), sep="\n\n", end="\n\n")
    output.note(f"Kept in {folder}")
    return 0
