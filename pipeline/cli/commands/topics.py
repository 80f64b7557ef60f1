"""Show the topics of a run, and decide about them."""

import argparse
import dataclasses
from typing import Any

from topiclens.pipeline.cli import arguments, output

EXAMPLE = "topiclens topics --root runs/sample --rename 7 surfing --merge 3 12 --ban 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    parser.add_argument("--file", metavar="FILE", help="where decisions are kept, as topics.governance names it "
                        "(default: ROOT/governance.json)")  # fmt: skip
    arguments.add_json(parser, "one topic a line, as people decided it")
    parser.add_argument("--quality", action="store_true", help="show coherence, topics a video, and how well held-out "
                        "captions are predicted")  # fmt: skip
    parser.add_argument("--against", metavar="ROOT", help="with --quality: another run on the same videos, whose "
                        "topics are compared")  # fmt: skip
    group = parser.add_argument_group(
        "decisions", "A topic is named by its id or its name. Decisions are kept in a file for the next run. Each of "
        "these options may be\ngiven several times.")  # fmt: skip
    many: dict[str, Any] = {"action": "append", "default": []}
    group.add_argument("--rename", nargs=2, metavar=("TOPIC", "NAME"), help="give a topic another name", **many)
    group.add_argument("--merge", nargs="+", metavar="TOPIC", help="let several topics count as the first one", **many)
    group.add_argument("--ban", metavar="TOPIC", help="let a topic occur in no video any more", **many)
    group.add_argument("--seed", nargs="+", metavar=("NAME", "WORD"),
                       help="look for a topic of this name with these words", **many)  # fmt: skip
    group.add_argument("--undo", metavar="TOPIC", help="take back all that was decided about a topic", **many)


def run(options: argparse.Namespace) -> int:
    from topiclens.components.topics.table import table_rows
    from topiclens.pipeline.governing import decide, read_topics
    from topiclens.schemas.plain import to_plain

    decisions = {name: getattr(options, name) for name in ("undo", "rename", "merge", "ban", "seed")}
    if any(decisions.values()):
        print(decide(options.root, options.file, **decisions))
        return 0
    if options.quality or options.against:
        return _print_quality(options)
    topics, ahead = read_topics(options.root, options.file)
    if options.json:
        output.print_json(*to_plain(topics, defaults=False))
        return 0
    print(output.table(*table_rows(topics)))
    print(*ahead, sep="\n", end="\n" if ahead else "")
    return 0


def _print_quality(options: argparse.Namespace) -> int:
    from topiclens.pipeline.governing import quality_of_run

    quality = quality_of_run(options.root, options.against)
    if options.json:
        output.print_json(dataclasses.asdict(quality))
        return 0
    rows = [
        ("topics that can occur", str(quality.topics)),
        ("topics a video", f"{quality.topics_a_video:.2f}"),
        ("coherence (mean NPMI)", _figure(quality.mean_npmi, 3)),
        (f"perplexity, {quality.held_out_videos} held-out videos", _figure(quality.perplexity, 1)),
    ]
    if quality.agreement is not None:
        rows.append(("agreement of labels (mean F1)", _figure(quality.agreement, 3)))
    print(output.table(("figure", "value"), *rows))
    return 0


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
