"""Measure how much a caption depends on a clip's first and last frames."""

import argparse
import dataclasses

from topiclens.pipeline.cli import arguments, checks, output

EXAMPLE = "topiclens border --root runs/sample --steps 1 2 4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    parser.add_argument("--model", metavar="DIR", help="another exported model than the run's own")
    parser.add_argument("--frames", type=int, metavar="N", help="frames to take of a clip (default: the model's)")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2], metavar="N",
                        help="steps to measure, in frames, for the policies that have one (default: 1 2)")  # fmt: skip
    parser.add_argument("--videos", type=int, default=100, help="validation videos, at most (default: %(default)s)")
    arguments.add_json(parser, "one sampling policy a line")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.exports import sampling_of

    outcome = run_metadata.newest(options.root)
    model = checks.check_model(options.model or outcome.model)
    sampling = sampling_of(model, n_frames=options.frames)
    for step in options.steps:
        dataclasses.replace(sampling, policy="step", step=step)  # refuses what cannot be
    from topiclens.components.relevance.border import recommend
    from topiclens.pipeline.experiments.borders import advice, measure_borders

    measured = measure_borders(
        outcome, model=model, n_frames=options.frames, steps=options.steps, videos=options.videos,
        progress=output.note,
    )  # fmt: skip
    if options.json:
        output.print_json(*map(dataclasses.asdict, measured))
        return 0
    rows = [
        (one.sampling.name, f"{one.effect.index:.3f}", f"{one.effect.low:.3f}–{one.effect.high:.3f}",
         f"{one.metric:.3f}") for one in measured
    ]  # fmt: skip
    print(output.table(("policy", "border index", "95 % interval", "CIDEr"), *rows))
    print("\n" + advice(measured[0], recommend(measured), sampling_of(model)))
    return 0
