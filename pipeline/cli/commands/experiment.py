"""Repeat an experiment of the paper on a run's model."""

import argparse
import os

from topiclens.pipeline.cli import arguments, checks, output

EXAMPLE = "topiclens experiment corrections --root runs/msrvtt --items 20"
RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=("corrections",),
                        help="corrections: half of a video's frames corrects, the other half tests")  # fmt: skip
    arguments.add_root(parser)
    parser.add_argument("--items", type=int, default=20, metavar="N", help="videos to correct (default: %(default)s)")
    parser.add_argument("--split", default="val", choices=("train", "val", "test"), help="default: "
                        "%(default)s; choose settings on train, and report another")  # fmt: skip
    parser.add_argument("--said-by", type=float, metavar="SHARE", help="the share of a video's human captions that "
                        "must name the topic (default: 0.5)")  # fmt: skip
    parser.add_argument("--alternating", action="store_true",
                        help="put every second frame into one half, instead of cutting in the middle")  # fmt: skip
    parser.add_argument("--full", action="store_true",
                        help="score all captions of the split after each correction, not 200 of them")  # fmt: skip
    parser.add_argument("--baseline", metavar="ROOT", help="do the same with the model of this run, which was trained "
                        "with model.interpretive_weight=0: an f is fitted to it afterwards")  # fmt: skip
    arguments.add_changes(parser, " of refinement", "refinement.NAME=VALUE")
    arguments.add_json(parser, "the experiment with every video's results")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline import run_metadata

    folder = os.path.join(options.root, "experiments", options.name)
    settings, outcome = arguments.settings_of(options, "refinement").refinement, run_metadata.newest(options.root)
    outcome.folder("topiclens.NeuronLinks")
    baseline = run_metadata.newest(options.baseline) if options.baseline else None
    checks.check_writable(folder)
    from topiclens.pipeline.experiments.correct_halves import correct_halves  # imports TensorFlow: after the checks

    experiment = correct_halves(
        outcome, settings, items=options.items, split=options.split, min_share=options.said_by,
        alternating=options.alternating, full=options.full, baseline=baseline, folder=folder,
        progress=output.note,
    )  # fmt: skip
    if options.json:
        output.print_json(experiment.to_json(), indent=1)
    else:
        print(experiment.to_markdown())
    output.note(f"Kept in {folder}")
    return 0
