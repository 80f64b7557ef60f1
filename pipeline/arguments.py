"""What the ``topiclens`` command takes, with an example of each subcommand."""

from __future__ import annotations

import argparse

DEFAULT_ROOT = "runs/sample"


def parser() -> argparse.ArgumentParser:
    """What may be asked for; `command` of the result is the subcommand's name."""
    whole = argparse.ArgumentParser(
        prog="topiclens",
        description="Video captioning whose neurons have names.",
        epilog="Example: topiclens run --preset sample --root runs/sample",
    )
    whole.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    run = _command(commands, "run", "run the pipeline: clips and captions to a pushed captioner",
                   "topiclens run --preset msvd --data data/msvd --root runs/msvd "
                   "--set training.epochs=20")  # fmt: skip
    run.add_argument("--preset", default="sample", help="the settings to start from (default: sample)")
    run.add_argument("--data", help="the dataset's folder (the sample preset brings its own)")
    run.add_argument("--root", default=DEFAULT_ROOT, help=f"the folder for all results (default: {DEFAULT_ROOT})")
    run.add_argument("--base-model", metavar="DIR", help="start from this exported model's weights")
    run.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.NAME=VALUE",
                     help="change one setting; repeat for more")  # fmt: skip
    run.add_argument("--caption-held-out", type=int, nargs="?", const=6, default=0, metavar="N",
                     help="afterwards serve the model and caption N held-out videos over its API")  # fmt: skip
    run.add_argument("--compile", metavar="FILE",
                     help="write the Kubeflow/Vertex pipeline specification instead of running")  # fmt: skip
    run.add_argument("--image", default="topiclens:0.1.0", help="with --compile: the container image of the steps")

    caption = _command(commands, "caption", "caption videos",
                       "topiclens caption clip.mp4 --model runs/sample/serving/topiclens --beam 5")  # fmt: skip
    caption.add_argument("videos", nargs="+", metavar="VIDEO")
    where = caption.add_mutually_exclusive_group()
    where.add_argument("--model", default=f"{DEFAULT_ROOT}/serving/topiclens", metavar="DIR",
                       help="an exported model, or a folder of versions (default: %(default)s)")  # fmt: skip
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server, such as grpc://127.0.0.1:8500")
    caption.add_argument("--with", dest="suppositions", action="append", default=[], metavar="TOPIC[=STRENGTH]",
                         help="what would be said if the video showed this topic, by its id or its name; repeat for "
                         "more (strength: 1; a negative one takes the topic away)")  # fmt: skip
    caption.add_argument("--beam", type=int, metavar="N", help="beam width, if not the one the model was exported with")
    _add_sampling(caption)
    caption.add_argument("--json", action="store_true", help="one JSON object a video")

    explain = _command(commands, "explain", "show why a caption is what it is, on a page a video",
                       "topiclens explain clip.mp4 --root runs/sample --output pages")  # fmt: skip
    which = explain.add_mutually_exclusive_group(required=True)
    which.add_argument("videos", nargs="*", default=[], metavar="VIDEO")
    which.add_argument("--id", dest="ids", nargs="+", default=[], metavar="ID",
                       help="videos of the root's dataset in place of files, by the features that its run stored: also "
                       "where the dataset brought features alone")  # fmt: skip
    explain.add_argument("--root", default=DEFAULT_ROOT,
                         help="the run whose model is explained and whose topics name neurons (default: %(default)s)")
    where = explain.add_mutually_exclusive_group()
    where.add_argument("--model", metavar="DIR", help="an exported model or a folder of versions (default: the root's)")
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server, which tells all but relevance")
    _add_sampling(explain)
    explain.add_argument("--output", metavar="DIR", help="the folder for the pages (default: ROOT/explanations)")
    explain.add_argument("--json", action="store_true", help="print the explanations, one JSON object a video")

    topics = _command(commands, "topics", "show the topics of a run, and decide about them",
                      "topiclens topics --root runs/sample --rename 7 surfing --merge 3 12 --ban 5")  # fmt: skip
    topics.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    topics.add_argument("--file", metavar="FILE",
                        help="where decisions are kept, as topics.governance names it (default: ROOT/governance.json)")
    _add_decisions(topics)

    neurons = _command(commands, "neurons", "show which neurons carry which topic",
                       "topiclens neurons --root runs/sample")  # fmt: skip
    neurons.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    neurons.add_argument("--json", action="store_true", help="the links as the run keeps them")

    compare = _command(commands, "compare", "compare LSTM-I, LSTM-B and LSTM-I with shuffled topics",
                       "topiclens compare --root runs/flickr8k --preset flickr8k --seeds 5")  # fmt: skip
    compare.add_argument("--root", default=DEFAULT_ROOT, help="the run whose records are used (default: %(default)s)")
    compare.add_argument("--preset", default="sample", help="the settings to start from (default: sample)")
    compare.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.NAME=VALUE",
                         help="change one setting; repeat for more")  # fmt: skip
    compare.add_argument("--seeds", type=int, default=5, metavar="N", help="trainings of each model (default: 5)")
    compare.add_argument("--also", type=float, nargs="+", default=[], metavar="LAMBDA",
                         help="more weights of the interpretive loss, beside the preset's")  # fmt: skip
    compare.add_argument("--full", action="store_true", help="train at full size, not with the reduced decoder")

    border = _command(commands, "border", "measure how much words owe to a clip's first and last frames",
                      "topiclens border --root runs/sample --steps 1 2 4")  # fmt: skip
    border.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    border.add_argument("--model", metavar="DIR", help="another exported model than the run's own")
    border.add_argument("--frames", type=int, metavar="N", help="frames that a policy takes (default: as the model)")
    border.add_argument("--steps", type=int, nargs="+", default=[1, 2], metavar="N",
                        help="of the policies that have one, in frames of the videos (default: 1 2)")  # fmt: skip
    border.add_argument("--videos", type=int, default=100, help="validation videos at most (default: %(default)s)")

    evaluate = _command(commands, "evaluate", "judge a model's captions against the human ones",
                        "topiclens evaluate --root runs/sample --split test")  # fmt: skip
    evaluate.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    evaluate.add_argument("--model", metavar="DIR", help="another exported model than the run's own")
    evaluate.add_argument("--split", default="val", choices=("train", "val", "test"))

    settings = _command(commands, "settings", "show every setting of a preset, and what it means",
                        "topiclens settings --preset paper")  # fmt: skip
    settings.add_argument("--preset", default="sample", help="default: %(default)s; 'defaults' shows the defaults")
    settings.add_argument("--markdown", action="store_true", help="as the README's table")

    serve = _command(commands, "serve", "serve the pushed versions with the stand-in for TensorFlow Serving",
                     "topiclens serve --root runs/sample --grpc-port 8500 --rest-port 8501")  # fmt: skip
    serve.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--grpc-port", type=int, default=8500, help="default: %(default)s")
    serve.add_argument("--rest-port", type=int, default=8501, help="default: %(default)s")
    return whole


def _command(commands, name: str, purpose: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=purpose, description=purpose.capitalize() + ".", epilog=f"Example: {example}"
    )
    parser.set_defaults(command=name)
    return parser


def _add_decisions(parser: argparse.ArgumentParser) -> None:
    """What a person may decide about topics, each named by its id or its name."""
    group = parser.add_argument_group("decisions", "kept in a file for the next run; repeat any of them for more:")
    many = {"action": "append", "default": []}
    group.add_argument("--rename", nargs=2, metavar=("TOPIC", "NAME"), help="give a topic another name", **many)
    group.add_argument("--merge", nargs="+", metavar="TOPIC", help="topics that are one, the first", **many)
    group.add_argument("--ban", metavar="TOPIC", help="a topic that is none: it occurs in no video any more", **many)
    group.add_argument("--seed", nargs="+", metavar=("NAME", "WORD"),
                       help="words that are a topic, of that name; it is looked for as one", **many)  # fmt: skip
    group.add_argument("--undo", metavar="TOPIC", help="take back all that was decided about a topic", **many)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    """How frames are taken of a clip: as the model was trained, unless said otherwise."""
    group = parser.add_argument_group("sampling", "as the model was trained, or by default for a server, unless given:")
    group.add_argument("--sampling", metavar="POLICY", help="equal, centred, step or random_clip (features.sampling)")
    group.add_argument("--step", type=int, metavar="N", help="frames from one sampled frame to the next")
    group.add_argument("--frames", type=int, metavar="N", help="frames a clip, at most")
