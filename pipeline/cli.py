"""The ``topiclens`` command. Each subcommand imports what it needs: a caption costs neither TFX nor Beam."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import warnings
from collections.abc import Sequence

DEFAULT_ROOT = "runs/sample"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns the exit status: 0 done, 1 a fault that the message explains, 2 wrong usage."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, message="pkg_resources is deprecated")
    options = _parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    except Exception as error:
        explained = _explained(error)
        if explained is None or options.traceback:
            raise
        print(f"\ntopiclens: {explained}", file=sys.stderr)
        return 1


def _explained(error: BaseException) -> str | None:
    """The message of an error that this package raised on purpose, wherever in the chain it stands."""
    ours = ("pipeline", "trainer", "components", "schemas", "serving")
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__module__.split(".")[0] in ours or isinstance(seen, FileNotFoundError):
            return str(seen)
        seen = seen.__cause__ or seen.__context__
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="topiclens",
        description="Video captioning whose neurons have names.",
        epilog="Example: topiclens run --preset sample --root runs/sample",
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _command(commands, "run", _run, "run the pipeline: clips and captions to a pushed captioner",
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

    caption = _command(commands, "caption", _caption, "caption videos",
                       "topiclens caption clip.mp4 --model runs/sample/serving/topiclens --beam 5")  # fmt: skip
    caption.add_argument("videos", nargs="+", metavar="VIDEO")
    where = caption.add_mutually_exclusive_group()
    where.add_argument("--model", default=f"{DEFAULT_ROOT}/serving/topiclens", metavar="DIR",
                       help="an exported model, or a folder of versions (default: %(default)s)")  # fmt: skip
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server, such as grpc://127.0.0.1:8500")
    caption.add_argument("--beam", type=int, metavar="N", help="beam width, if not the one the model was exported with")
    _add_sampling(caption)
    caption.add_argument("--json", action="store_true", help="one JSON object a video")

    explain = _command(commands, "explain", _explain, "show why a caption is what it is, on a page a video",
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

    topics = _command(commands, "topics", _topics, "show the topics of a run", "topiclens topics --root runs/sample")
    topics.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")

    neurons = _command(commands, "neurons", _neurons, "show which neurons carry which topic",
                       "topiclens neurons --root runs/sample")  # fmt: skip
    neurons.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    neurons.add_argument("--json", action="store_true", help="the links as the run keeps them")

    compare = _command(commands, "compare", _compare, "compare LSTM-I, LSTM-B and LSTM-I with shuffled topics",
                       "topiclens compare --root runs/flickr8k --preset flickr8k --seeds 5")  # fmt: skip
    compare.add_argument("--root", default=DEFAULT_ROOT, help="the run whose records are used (default: %(default)s)")
    compare.add_argument("--preset", default="sample", help="the settings to start from (default: sample)")
    compare.add_argument("--set", dest="changes", action="append", default=[], metavar="SECTION.NAME=VALUE",
                         help="change one setting; repeat for more")  # fmt: skip
    compare.add_argument("--seeds", type=int, default=5, metavar="N", help="trainings of each model (default: 5)")
    compare.add_argument("--also", type=float, nargs="+", default=[], metavar="LAMBDA",
                         help="more weights of the interpretive loss, beside the preset's")  # fmt: skip
    compare.add_argument("--full", action="store_true", help="train at full size, not with the reduced decoder")

    border = _command(commands, "border", _border, "measure how much words owe to a clip's first and last frames",
                      "topiclens border --root runs/sample --steps 1 2 4")  # fmt: skip
    border.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    border.add_argument("--model", metavar="DIR", help="another exported model than the run's own")
    border.add_argument("--frames", type=int, metavar="N", help="frames that a policy takes (default: as the model)")
    border.add_argument("--steps", type=int, nargs="+", default=[1, 2], metavar="N",
                        help="of the policies that have one, in frames of the videos (default: 1 2)")  # fmt: skip
    border.add_argument("--videos", type=int, default=100, help="validation videos at most (default: %(default)s)")

    evaluate = _command(commands, "evaluate", _evaluate, "judge a model's captions against the human ones",
                        "topiclens evaluate --root runs/sample --split test")  # fmt: skip
    evaluate.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    evaluate.add_argument("--model", metavar="DIR", help="another exported model than the run's own")
    evaluate.add_argument("--split", default="val", choices=("train", "val", "test"))

    settings = _command(commands, "settings", _settings, "show every setting of a preset, and what it means",
                        "topiclens settings --preset paper")  # fmt: skip
    settings.add_argument("--preset", default="sample", help="default: %(default)s; 'defaults' shows the defaults")
    settings.add_argument("--markdown", action="store_true", help="as the README's table")

    serve = _command(commands, "serve", _serve, "serve the pushed versions with the stand-in for TensorFlow Serving",
                     "topiclens serve --root runs/sample --grpc-port 8500 --rest-port 8501")  # fmt: skip
    serve.add_argument("--root", default=DEFAULT_ROOT, help="the root of the run (default: %(default)s)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--grpc-port", type=int, default=8500, help="default: %(default)s")
    serve.add_argument("--rest-port", type=int, default=8501, help="default: %(default)s")
    return parser


def _command(commands, name: str, function, purpose: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=purpose, description=purpose.capitalize() + ".", epilog=f"Example: {example}"
    )
    parser.set_defaults(command=function)
    return parser


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    """How frames are taken of a clip: as the model was trained, unless said otherwise."""
    group = parser.add_argument_group("sampling", "as the model was trained, or by default for a server, unless given:")
    group.add_argument("--sampling", metavar="POLICY", help="equal, centred, step or random_clip (features.sampling)")
    group.add_argument("--step", type=int, metavar="N", help="frames from one sampled frame to the next")
    group.add_argument("--frames", type=int, metavar="N", help="frames a clip, at most")


def _sampling(options) -> dict:
    return {"policy": options.sampling, "n_frames": options.frames, "step": options.step}


def _run(options) -> int:
    from pipeline.presets import preset

    settings = preset(options.preset).changed(options.changes)
    data = options.data or _sample(options)
    if options.compile:
        from pipeline.kubeflow_runner import compile_pipeline

        path = compile_pipeline(
            settings, data=data, root=options.root, image=options.image, output=options.compile,
            base_model=options.base_model,
        )  # fmt: skip
        print(f"Wrote the pipeline specification to {path}")
        return 0
    from pipeline import report
    from pipeline.local_runner import run

    print(f"Running the '{options.preset}' preset on {data}; results go to {options.root}", flush=True)
    outcome = run(settings, data=data, root=options.root, base_model=options.base_model)
    if outcome.blessed and options.caption_held_out:
        report.caption_held_out(outcome, options.caption_held_out)
    report.summarise(outcome)
    return 0 if outcome.blessed else 1


def _sample(options) -> str:
    from pipeline import configs
    from pipeline.sample.fetch import materialise

    if options.preset != "sample":
        raise configs.SettingError(f"The preset '{options.preset}' needs --data, the folder of its dataset.")
    folder = os.path.join(options.root, "data")
    materialise(folder, configs.cache_folder())
    return folder


def _caption(options) -> int:
    from pipeline.captioning import caption_files

    failed = 0
    for video, caption, fault in caption_files(
        options.videos, options.model, options.server, options.beam, **_sampling(options)
    ):
        failed += fault is not None
        if options.json:
            print(json.dumps({"video": video, "error": fault} if fault else {
                "video": video, "caption": caption.text, "log_prob": round(caption.log_prob, 4)}))  # fmt: skip
        elif fault:
            print(f"{video}: {fault}", file=sys.stderr)
        else:
            print(f"{video}: {caption.text}" if len(options.videos) > 1 else caption.text)
    return 1 if failed else 0


def _explain(options) -> int:
    from pipeline.configs import SettingError
    from pipeline.explaining import explain_files, explain_stored

    failed = 0
    output = options.output or os.path.join(options.root, "explanations")
    run = {"root": options.root, "model": options.model, "server": options.server}
    if options.ids and any(_sampling(options).values()):
        raise SettingError("--id explains the frames that the run stored: no sampling can be chosen for them.")
    if options.ids:
        explained = explain_stored(options.ids, output, **run)
    else:
        explained = explain_files(options.videos, output, **run, **_sampling(options))
    for video in explained:
        failed += video.fault is not None
        if options.json:
            told = {"error": video.fault} if video.fault else dataclasses.asdict(video.explanation)
            print(json.dumps({**told, "video": video.video, "page": video.page}, ensure_ascii=False), flush=True)
        elif video.fault:
            print(f"{video.video}: {video.fault}", file=sys.stderr)
        else:
            print(f"{video.video}: {video.explanation.caption}\n    {video.page}", flush=True)
    if len(options.ids or options.videos) > 1 and not options.json:
        print(f"All of them: {os.path.join(output, 'index.html')}")
    return 1 if failed else 0


def _topics(options) -> int:
    from components.topics.model import TopicModel
    from components.topics.table import format_table
    from pipeline import lineage

    print(format_table(TopicModel.load(lineage.newest(options.root).folder("components.TopicModel")).topics))
    return 0


def _neurons(options) -> int:
    from components import staging
    from components.neurons.links import LINKS_FILE, TopicLinks, format_table
    from pipeline import lineage

    folder = lineage.newest(options.root).folder("components.NeuronLinks")
    if options.json:
        print(staging.read_text(os.path.join(folder, LINKS_FILE)))
    else:
        print(format_table(TopicLinks.load(folder)))
    return 0


def _compare(options) -> int:
    from pipeline import comparison, lineage
    from pipeline.presets import preset

    settings = preset(options.preset)
    settings = (settings if options.full else comparison.reduced(settings)).changed(options.changes)
    folder = os.path.join(options.root, "comparison", "full" if options.full else "reduced")
    print(
        comparison.compare(
            lineage.newest(options.root), settings, other_weights=options.also, seeds=options.seeds, folder=folder
        )
    )
    print(f"Kept in {folder}")
    return 0


def _border(options) -> int:
    from pipeline import lineage
    from pipeline.borders import measure_borders

    measure_borders(
        lineage.newest(options.root), model=options.model, n_frames=options.frames, steps=options.steps,
        videos=options.videos,
    )  # fmt: skip
    return 0


def _evaluate(options) -> int:
    from pipeline import lineage, report

    report.evaluate(lineage.newest(options.root), options.model, options.split)
    return 0


def _settings(options) -> int:
    from pipeline.configs import Settings
    from pipeline.presets import preset
    from pipeline.settings_table import described

    chosen = Settings() if options.preset == "defaults" else preset(options.preset)
    for name, value, meaning in described(chosen):
        print(f"| `{name}` | `{value}` | {meaning} |" if options.markdown else f"{name} = {value}\n    {meaning}")
    return 0


def _serve(options) -> int:
    from serving.local.server import serve

    serve(
        os.path.join(options.root, "serving", "topiclens"),
        host=options.host, grpc_port=options.grpc_port, rest_port=options.rest_port,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
