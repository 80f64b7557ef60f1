"""Show why a caption is what it is, on a page for each video."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, checks, output

if TYPE_CHECKING:
    from topiclens.components.relevance.explanation import Explanation

EXAMPLE = "topiclens explain clip.mp4 --root runs/sample --output pages"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("videos", nargs="*", default=[], metavar="VIDEO")
    which.add_argument("--id", dest="ids", nargs="+", default=[], metavar="ID",
                       help="videos of the run's dataset instead of files, by the features that the run stored; also "
                       "where the dataset brought features alone")  # fmt: skip
    arguments.add_root(parser, "the run whose model is explained and whose topics name neurons")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--model", metavar="DIR", help="an exported model or a folder of versions (default: the root's)")
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server")
    parser.add_argument("--pixels", action="store_true", help="also heat maps: which parts of the frames speak for the "
                        "caption and for each word; not with --server")  # fmt: skip
    parser.add_argument("--check", action="store_true", help="also whether the caption's log-probability falls when "
                        "its most relevant frames are taken away; not with --server")  # fmt: skip
    arguments.add_sampling(parser)
    parser.add_argument("--output", metavar="DIR", help="the folder for the pages (default: ROOT/explanations)")
    arguments.add_json(parser, "one explanation a video")


def run(options: argparse.Namespace) -> int:
    videos, folder = options.ids or options.videos, options.output or os.path.join(options.root, "explanations")
    told: Iterable[tuple[str, Explanation | str, str | None]]
    told = [(video, fault, None) for video, fault in _check(options, folder).items()]
    if not told:
        from topiclens.pipeline.explaining import explain_videos

        told = explain_videos(
            videos, folder, root=options.root, stored=bool(options.ids), model=options.model, server=options.server,
            pixels=options.pixels, check=options.check, **arguments.sampling_of(options),
        )  # fmt: skip
    failed = 0
    for video, explained, page in told:
        failed += isinstance(explained, str)
        if options.json:
            row = {"error": explained} if isinstance(explained, str) else dataclasses.asdict(explained)
            output.print_json({**row, "video": video, "page": page})
        elif isinstance(explained, str):
            print(f"{video}: {explained}", file=sys.stderr)
        else:
            print(f"{video}: {explained.caption}\n{_seen(explained)}    {page}", flush=True)
    if failed < len(videos) > 1 and not options.json:
        print(f"All of them: {os.path.join(folder, 'index.html')}")
    return 1 if failed else 0


def _seen(explained: Explanation) -> str:
    """The topics that the model sees most, each with the moment at which it sees most of it: a line each."""
    seen = [line for line in explained.timelines if line.relevant and line.score is not None]
    return "".join(
        f"    sees {line.name} {line.score:.2f}"
        + ("" if line.peak is None else f", most at {explained.moments[line.peak]} ({line.scores[line.peak]:.2f})")
        + "\n"
        for line in seen
    )


def _check(options: argparse.Namespace, output_folder: str) -> dict[str, str]:
    """What is wrong with the videos, where not one of them can be used."""
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.exports import sampling_of

    if options.server and (options.pixels or options.check):
        raise checks.InputError(
            f"{'--pixels' if options.pixels else '--check'} needs the model's weights, which a server does not hand "
            "out. Name the model's folder with --model in place of --server."
        )
    sampling = arguments.sampling_of(options)
    model = None
    if options.ids:
        if any(value is not None for value in sampling.values()):
            raise checks.InputError("--id explains the frames that the run stored: no sampling can be chosen for them.")
        outcome = run_metadata.newest(options.root)
        outcome.folder("Examples")
        model = options.model or outcome.model
    elif not options.server:
        model = options.model or run_metadata.serving_folder(options.root)
    if model and not options.server:
        sampling_of(checks.check_model(model), **sampling)
    checks.check_writable(output_folder)
    faults = {} if options.ids else checks.check_videos(options.videos)
    if options.server and not faults:
        checks.check_server(options.server)
    return faults
