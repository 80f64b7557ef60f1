"""Caption videos."""

import argparse
import sys
from collections.abc import Sequence

from topiclens.pipeline.cli import arguments, checks, output

EXAMPLE = "topiclens caption clip.mp4 --model runs/sample/serving/topiclens --beam 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--model", default=f"{arguments.DEFAULT_ROOT}/serving/topiclens", metavar="DIR",
                       help="an exported model, or a folder of versions (default: %(default)s)")  # fmt: skip
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server, such as grpc://127.0.0.1:8500")
    parser.add_argument("--with", dest="suppositions", action="append", default=[], metavar="TOPIC[=STRENGTH]",
                        help="what the caption would be if the video showed this topic, by its id or its name; repeat "
                        "for more (strength: 1; a negative one takes the topic away)")  # fmt: skip
    parser.add_argument(
        "--root", metavar="DIR", help="with --server: the run of its model, where the server does not tell its topics"
    )
    parser.add_argument("--beam", type=int, metavar="N", help="beam width, if not the one the model was exported with")
    arguments.add_sampling(parser)
    arguments.add_json(parser, "one object a video")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.captioning import caption_files
    from topiclens.pipeline.exports import sampling_of

    strengths = parse_strengths(options.suppositions)
    model = None if options.server else checks.check_model(options.model)
    sampling_of(model or {}, **arguments.sampling_of(options))
    if options.server and options.beam:
        raise checks.InputError("--beam goes with --model: a server's beam was fixed when its model was exported.")
    topics = checks.check_topics(strengths, model, options.root) if strengths else ()
    faults = checks.check_videos(options.videos)
    if options.server and not faults:
        checks.check_server(options.server)
    captions = [(video, None, fault) for video, fault in faults.items()] or caption_files(
        options.videos, options.model, options.server, options.beam, strengths, topics,
        **arguments.sampling_of(options),
    )  # fmt: skip
    failed = 0
    for video, caption, fault in captions:
        failed += fault is not None
        if options.json:
            output.print_json({"video": video, "error": fault} if caption is None else {
                "video": video, "caption": caption.text, "log_prob": round(caption.log_prob, 4)})  # fmt: skip
        elif caption is None:
            print(f"{video}: {fault}", file=sys.stderr)
        else:
            print(f"{video}: {caption.text}" if len(options.videos) > 1 else caption.text)
    return 1 if failed else 0


def parse_strengths(suppositions: Sequence[str]) -> dict[str, float]:
    """The strength of each topic; what is supposed twice of one topic adds up.

    Args:
        suppositions: TOPIC or TOPIC=STRENGTH each; the strength is 1 unless it is given.
    Raises:
        InputError: there is no topic, or the strength is no number.
    """
    strengths: dict[str, float] = {}
    for text in suppositions:
        topic, equals, strength = (part.strip() for part in text.partition("="))
        try:
            strengths[topic] = strengths.get(topic, 0.0) + (float(strength) if equals else 1.0)
        except ValueError:
            topic = ""
        if not topic:
            raise checks.InputError(f"--with takes TOPIC or TOPIC=STRENGTH, such as dance or dance=2, not {text!r}.")
    return strengths
