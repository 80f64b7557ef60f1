"""Score a model's captions against the human ones."""

import argparse
import os

from topiclens.pipeline.cli import arguments, checks, output

EXAMPLE = "topiclens evaluate --root runs/sample --split test"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    parser.add_argument("--model", metavar="DIR", help="another exported model than the run's own")
    parser.add_argument("--split", default="val", choices=("train", "val", "test"), help="default: %(default)s")
    arguments.add_json(parser, "the figures, and every caption with its own")


def run(options: argparse.Namespace) -> int:
    from topiclens.components.captions.generate import evaluate_examples
    from topiclens.components.captions.report import caption_rows, format_summary, split_figures
    from topiclens.components.topics.model import TopicModel
    from topiclens.pipeline import run_metadata

    outcome = run_metadata.newest(options.root)
    model = checks.check_model(options.model or outcome.model)
    examples = os.path.join(outcome.folder("Examples"), f"Split-{options.split}")
    if not os.path.isdir(examples):
        raise checks.InputError(
            f"The dataset of {options.root!r} has no split {options.split!r}. Name another --split."
        )
    topics = TopicModel.load(outcome.folder("topiclens.TopicModel")).topics
    evaluated = evaluate_examples(
        model, {options.split: examples}, topic_names={topic.id: topic.name for topic in topics}
    )
    if options.json:
        (one,) = evaluated.values()
        output.print_json({**split_figures(one), "captions": caption_rows(options.split, one)}, indent=1)
    else:
        print(format_summary(evaluated))
    return 0
