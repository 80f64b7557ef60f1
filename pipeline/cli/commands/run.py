"""Run the pipeline: from clips and captions to a served captioner."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from topiclens import __version__
from topiclens.pipeline.cli import arguments, checks, output

if TYPE_CHECKING:
    from topiclens.pipeline.settings import Settings

EXAMPLE = "topiclens run --preset msvd --data clips --root runs/mine \\\n    --set features.backbone=efficientnet_lite0"
RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_preset(parser)
    parser.add_argument("--data", metavar="DIR", help="the dataset's folder (the sample preset brings its own)")
    arguments.add_root(parser, "the folder for all results")
    parser.add_argument(
        "--base-model", metavar="DIR", help="start from the weights of a run's root or of an exported model"
    )
    arguments.add_changes(parser)
    parser.add_argument("--verbose", action="store_true", help="print all figures of each epoch")
    parser.add_argument("--caption-held-out", type=int, nargs="?", const=6, default=0, metavar="N",
                        help="afterwards serve the model and caption N held-out videos over its API")  # fmt: skip
    parser.add_argument("--compile", metavar="FILE",
                        help="write the Kubeflow/Vertex pipeline specification instead of running")  # fmt: skip
    parser.add_argument(
        "--image", default=f"topiclens:{__version__}", help="with --compile: the container image of the steps"
    )


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.presets import preset

    settings = preset(options.preset).changed(options.changes)
    if options.compile:
        return _compile(options, settings)
    _check(options, settings)
    data = options.data or os.path.join(options.root, "data")
    if not options.data:
        from topiclens.pipeline.sample.fetch import materialise
        from topiclens.pipeline.settings import cache_folder

        materialise(data, cache_folder())
    output.note(f"Running the '{options.preset}' preset on {data}; results go to {options.root}")
    from topiclens.pipeline.cli import report
    from topiclens.pipeline.local_runner import run

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere if output.is_quiet() else sys.stdout):
        outcome = run(settings, data=data, root=options.root, base_model=options.base_model, verbose=options.verbose)
    if outcome.blessed and options.caption_held_out:
        report.caption_held_out(outcome, options.caption_held_out)
    report.summarise(outcome)
    return 0 if outcome.blessed else 1


def _compile(options: argparse.Namespace, settings: Settings) -> int:
    if not options.data:
        raise checks.InputError("--compile needs --data, the dataset's folder as the machines that run it see it.")
    checks.check_writable(os.path.dirname(options.compile) or ".")
    from topiclens.pipeline.kubeflow_runner import compile_pipeline

    path = compile_pipeline(
        settings, data=options.data, root=options.root, image=options.image, output=options.compile,
        base_model=options.base_model,
    )  # fmt: skip
    print(f"Wrote the pipeline specification to {path}")
    return 0


def _check(options: argparse.Namespace, settings: Settings) -> None:
    """Everything about the input that costs no TensorFlow to know; a refused run makes no root."""
    from topiclens.components.videos.importers import detect_layout
    from topiclens.pipeline.run_metadata import model_artifact
    from topiclens.pipeline.topic_register import governance_of

    if not options.data and options.preset != "sample":
        raise checks.InputError(f"The preset '{options.preset}' needs --data, the folder of its dataset.")
    if options.data:
        detect_layout(options.data)
    if options.base_model:
        model_artifact(options.base_model)
    governance_of(settings, options.root)
    checks.check_writable(options.root)
