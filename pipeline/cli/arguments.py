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
                   "topiclens run --preset msvd --data clips --root runs/mine "
                   "--set features.backbone=efficientnet_lite0")  # fmt: skip
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
    caption.add_argument("--root", help="with --server: the run whose topics --with names")
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
    explain.add_argument(
        "--root",
        default=DEFAULT_ROOT,
        help="the run whose model is explained and whose topics name neurons (default: %(default)s)",
    )
    where = explain.add_mutually_exclusive_group()
    where.add_argument("--model", metavar="DIR", help="an exported model or a folder of versions (default: the root's)")
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server, which tells all but relevance")
    _add_sampling(explain)
    explain.add_argument("--output", metavar="DIR", help="the folder for the pages (default: ROOT/explanations)")
    explain.add_argument("--json", action="store_true", help="print the explanations, one JSON object a video")

    topics = _command(commands, "topics", "show the topics of a run, and decide about them",
                      "topiclens topics --root runs/sample --rename 7 surfing --merge 3 12 --ban 5")  # fmt: skip
    topics.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    topics.add_argument(
        "--file",
        metavar="FILE",
        help="where decisions are kept, as topics.governance names it (default: ROOT/governance.json)",
    )
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

    experiment = _command(commands, "experiment", "repeat an experiment of the paper on a run's model",
                          "topiclens experiment corrections --root runs/msrvtt --items 20")  # fmt: skip
    experiment.add_argument("name", choices=("corrections",),
                            help="corrections: half of a video's frames corrects, the other half tests")  # fmt: skip
    experiment.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    experiment.add_argument("--items", type=int, default=20, metavar="N",
                            help="videos that are corrected (default: %(default)s)")  # fmt: skip
    experiment.add_argument("--split", default="val", choices=("val", "test"))
    experiment.add_argument("--said-by", type=float, metavar="SHARE",
                            help="of a video's human captions that must say the topic (default: 0.5)")  # fmt: skip
    experiment.add_argument("--alternating", action="store_true",
                            help="halve videos by turns, every second frame, not in the middle")  # fmt: skip
    experiment.add_argument("--full", action="store_true",
                            help="judge all captions of the split after each correction, not 200 of them")  # fmt: skip
    experiment.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.NAME=VALUE",
                            help="change one setting of the refinement; repeat for more")  # fmt: skip

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

    correct = _command(commands, "correct", "say that a caption misses a topic, and see the caption with it",
                       "topiclens correct clip-17 --topic dance --author Ann --root runs/sample")  # fmt: skip
    correct.add_argument("video", metavar="VIDEO_ID_OR_FILE")
    correct.add_argument("--topic", required=True, metavar="TOPIC", help="the one that is missing: its name or its id")
    correct.add_argument("--author", default=None, metavar="NAME", help="who says so (default: your user name)")
    _add_repair(correct, "refinement.NAME=VALUE or limits.NAME=VALUE", "of the refinement, or of what a file may cost")

    corrections = _command(commands, "corrections", "list what people corrected, and what became of it",
                           "topiclens corrections --state live --root runs/sample")  # fmt: skip
    corrections.add_argument("--state", choices=("proposed", "previewed", "in candidate", "live", "revoked"))
    corrections.add_argument("--history", metavar="ID", help="of one correction: who did what with it, and when")
    corrections.add_argument("--json", action="store_true", help="one JSON object a correction")
    corrections.add_argument("--export", metavar="FILE", help="write the whole ledger as JSON Lines")
    corrections.add_argument("--import", dest="incoming", metavar="FILE", help="take in an export")
    _add_repair(corrections)

    refine = _command(commands, "refine", "teach the corrections to the model, and judge what comes of it",
                      "topiclens refine --root runs/sample --publish")  # fmt: skip
    refine.add_argument("--by", default=None, metavar="NAME", help="who asks for it (default: your user name)")
    refine.add_argument("--only", nargs="+", metavar="ID", help="these corrections and no others")
    refine.add_argument("--publish", action="store_true", help="serve it if the gate lets it through; what was refined "
                        "already is not refined again")  # fmt: skip
    _add_repair(refine)

    rollback = _command(commands, "rollback", "serve an earlier version, or take one correction back",
                        "topiclens rollback 3f2a9c --root runs/sample")  # fmt: skip
    rollback.add_argument("what", metavar="VERSION_OR_CORRECTION",
                          help="a version, or a correction's id, of which the beginning will do")  # fmt: skip
    rollback.add_argument("--by", default=None, metavar="NAME", help="who asks for it (default: your user name)")
    _add_repair(rollback)

    versions = _command(commands, "versions", "list the versions of the model, their corrections, and which is served",
                        "topiclens versions --root runs/sample")  # fmt: skip
    _add_repair(versions)

    serve = _command(commands, "serve", "serve the pushed versions with the stand-in for TensorFlow Serving",
                     "topiclens serve --root runs/sample --grpc-port 8500 --rest-port 8501")  # fmt: skip
    serve.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--grpc-port", type=int, default=8500, help="default: %(default)s")
    serve.add_argument("--rest-port", type=int, default=8501, help="default: %(default)s")

    review = _command(commands, "review", "open the review page, where people say what captions miss",
                      "topiclens review --root runs/sample --port 8600")  # fmt: skip
    review.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    review.add_argument("--server", metavar="ADDRESS", help="ask this model server, and start none")
    review.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    review.add_argument("--port", type=int, default=8600, help="0 takes a free one (default: %(default)s)")
    review.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.NAME=VALUE",
                        help="change one setting; repeat for more")  # fmt: skip
    people = review.add_argument_group("people", "whoever is on this machine may do everything, unless given:")
    people.add_argument("--name", help="what whoever is on this machine is called (default: the user's name)")
    people.add_argument("--token-file", metavar="FILE", help="people who may publish: a name and a token a line")
    people.add_argument("--reviewer-token-file", metavar="FILE", help="people who may review, and not publish")
    people.add_argument("--proxy-header", metavar="NAME", help="the header by which a reverse proxy names people")
    people.add_argument("--proxy", nargs="+", default=[], metavar="ADDRESS", help="where that proxy is")
    people.add_argument("--publisher", nargs="+", default=[], metavar="PERSON", help="whom of these may publish")
    people.add_argument("--public-host", nargs="+", default=[], metavar="NAME",
                        help="names, besides localhost, under which browsers reach the page")  # fmt: skip
    people.add_argument("--https", action="store_true", help="browsers reach it by HTTPS alone, through a proxy")
    return whole


def _command(commands, name: str, purpose: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=purpose, description=purpose.capitalize() + ".", epilog=f"Example: {example}"
    )
    parser.set_defaults(command=name)
    return parser


def _add_repair(
    parser: argparse.ArgumentParser, metavar: str = "refinement.NAME=VALUE", settings: str = "of the refinement"
) -> None:
    """Whose model is corrected, and how."""
    parser.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar=metavar,
                        help=f"change one setting {settings}; repeat for more")  # fmt: skip


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
