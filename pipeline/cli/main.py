"""The ``topiclens`` command. Each subcommand imports what it needs: a caption costs neither TFX nor Beam."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import warnings
from collections.abc import Sequence

from topiclens.pipeline.cli.arguments import parser
from topiclens.pipeline.values import SettingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns the exit status: 0 done, 1 a fault that the message explains, 2 wrong usage."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, message="pkg_resources is deprecated")
    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options) or 0
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    except Exception as error:
        message = explained(error)
        if message is None or options.traceback:
            raise
        print(f"\ntopiclens: {message}", file=sys.stderr)
        return 1


def explained(error: BaseException) -> str | None:
    """The message of an error that this package raised on purpose, wherever in the chain it stands."""
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__module__.split(".")[0] == "topiclens" or isinstance(seen, FileNotFoundError):
            return str(seen)
        seen = seen.__cause__ or seen.__context__
    return None


def _sampling(options) -> dict:
    return {"policy": options.sampling, "n_frames": options.frames, "step": options.step}


def _run(options) -> int:
    from topiclens.pipeline.presets import preset

    settings = preset(options.preset).changed(options.changes)
    data = options.data or _sample(options)
    if options.compile:
        from topiclens.pipeline.kubeflow_runner import compile_pipeline

        path = compile_pipeline(
            settings, data=data, root=options.root, image=options.image, output=options.compile,
            base_model=options.base_model,
        )  # fmt: skip
        print(f"Wrote the pipeline specification to {path}")
        return 0
    from topiclens.pipeline.cli.commands import report
    from topiclens.pipeline.local_runner import run

    print(f"Running the '{options.preset}' preset on {data}; results go to {options.root}", flush=True)
    outcome = run(settings, data=data, root=options.root, base_model=options.base_model)
    if outcome.blessed and options.caption_held_out:
        report.caption_held_out(outcome, options.caption_held_out)
    report.summarise(outcome)
    return 0 if outcome.blessed else 1


def _sample(options) -> str:
    from topiclens.pipeline.sample.fetch import materialise
    from topiclens.pipeline.settings import cache_folder

    if options.preset != "sample":
        raise SettingError(f"The preset '{options.preset}' needs --data, the folder of its dataset.")
    folder = os.path.join(options.root, "data")
    materialise(folder, cache_folder())
    return folder


def _caption(options) -> int:
    from topiclens.pipeline.cli.commands.captioning import caption_files
    from topiclens.pipeline.cli.commands.supposing import Supposition

    suppositions = [Supposition.parse(text) for text in options.suppositions]
    failed = 0
    for video, caption, fault in caption_files(
        options.videos,
        options.model,
        options.server,
        options.beam,
        suppositions,
        options.root,
        **_sampling(options),
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
    from topiclens.pipeline.cli.commands.explaining import explain_files, explain_stored

    failed = 0
    output = options.output or os.path.join(options.root, "explanations")
    run = {"root": options.root, "model": options.model, "server": options.server}
    if options.ids and any(value is not None for value in _sampling(options).values()):
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
    from topiclens.pipeline.cli.commands.governing import Decisions, decide, show

    decisions = Decisions(options.undo, options.rename, options.merge, options.ban, options.seed)
    print(decide(options.root, decisions, options.file) if decisions else show(options.root, options.file))
    return 0


def _neurons(options) -> int:
    from topiclens.components.common import artifact_io
    from topiclens.components.neurons.links import LINKS_FILE, TopicLinks, format_table
    from topiclens.pipeline import run_metadata

    folder = run_metadata.newest(options.root).folder("topiclens.NeuronLinks")
    if options.json:
        print(artifact_io.read_text(os.path.join(folder, LINKS_FILE)))
    else:
        print(format_table(TopicLinks.load(folder)))
    return 0


def _compare(options) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.cli.commands import comparison
    from topiclens.pipeline.presets import preset

    outcome, settings = run_metadata.newest(options.root), preset(options.preset)
    if not options.full:
        settings = comparison.reduced(settings, comparison.training_videos(outcome))
    settings = settings.changed(options.changes)
    folder = os.path.join(options.root, "comparison", "full" if options.full else "reduced")
    print(comparison.compare(outcome, settings, other_weights=options.also, seeds=options.seeds, folder=folder))
    print(f"Kept in {folder}")
    return 0


def _experiment(options) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.cli.commands import experiments
    from topiclens.pipeline.settings import Settings

    folder = os.path.join(options.root, "experiments", options.name)
    print(
        experiments.correct_halves(
            run_metadata.newest(options.root),
            Settings().changed(options.changes).refinement,
            items=options.items,
            split=options.split,
            min_share=options.said_by,
            alternating=options.alternating,
            full=options.full,
            folder=folder,
        )  # fmt: skip
    )
    print(f"Kept in {folder}")
    return 0


def _border(options) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.cli.commands.borders import measure_borders

    measure_borders(
        run_metadata.newest(options.root), model=options.model, n_frames=options.frames, steps=options.steps,
        videos=options.videos,
    )  # fmt: skip
    return 0


def _evaluate(options) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.cli.commands import report

    report.evaluate(run_metadata.newest(options.root), options.model, options.split)
    return 0


def _settings(options) -> int:
    from topiclens.pipeline.cli.commands.settings_table import described
    from topiclens.pipeline.presets import preset
    from topiclens.pipeline.settings import Settings

    chosen = Settings() if options.preset == "defaults" else preset(options.preset)
    for name, value, meaning in described(chosen):
        print(f"| `{name}` | `{value}` | {meaning} |" if options.markdown else f"{name} = {value}\n    {meaning}")
    return 0


def _correct(options) -> int:
    from topiclens.pipeline.cli.commands import repairing
    from topiclens.pipeline.repair.proposals import propose

    author, settings = options.author or repairing.user(), _settings_of(options, "refinement", "limits")
    proposal = propose(
        options.root, options.video, options.topic, author, settings=settings.refinement, limits=settings.limits
    )
    print(repairing.told_proposal(proposal))
    return 0


def _corrections(options) -> int:
    from topiclens.pipeline.cli.commands import repairing

    return repairing.show_corrections(options, _refinement(options))


def _refine(options) -> int:
    from topiclens.pipeline.cli.commands import repairing

    return repairing.refine(options, _refinement(options))


def _rollback(options) -> int:
    from topiclens.pipeline.cli.commands import repairing

    return repairing.rollback(options, _refinement(options))


def _versions(options) -> int:
    from topiclens.pipeline.cli.commands import repairing

    print(repairing.told_versions(options.root, _refinement(options)))
    return 0


def _refinement(options):
    return _settings_of(options, "refinement").refinement


def _settings_of(options, *sections: str):
    """The settings with what was changed, all of it in the sections that the command takes."""
    from topiclens.pipeline.settings import Settings

    for change in options.changes:
        if change.partition(".")[0] not in sections:
            names = " or ".join(f"{section}.NAME" for section in sections)
            raise SettingError(f"{change!r} is no setting of the {' or the '.join(sections)}; expected {names}=VALUE.")
    return Settings().changed(options.changes)


def _serve(options) -> int:
    from topiclens.serving.local.server import serve

    serve(
        os.path.join(options.root, "serving", "topiclens"),
        host=options.host, grpc_port=options.grpc_port, rest_port=options.rest_port,
    )  # fmt: skip
    return 0


def _review(options) -> int:
    from topiclens.pipeline.review.open_backend import open_review_backend
    from topiclens.pipeline.settings import Settings
    from topiclens.serving.review.server import serve

    access, limits = _access(options), Settings().changed(options.changes).review.limits()
    access.check_bind(options.host)  # before anything is loaded
    with open_review_backend(
        options.root, server=options.server, changes=tuple(options.changes), tell=_note
    ) as backend:
        try:
            serve(
                backend, access, options.host, options.port, limits=limits,
                ready=lambda address: print(f"Review page: {address}\nStop with Ctrl-C.", flush=True),
            )  # fmt: skip
        except KeyboardInterrupt:
            print("\nStopped. A refinement that runs goes on.", file=sys.stderr)
    return 0


def _access(options):
    """Who may come to the review page."""
    import getpass

    from topiclens.serving.review.access import Access

    if options.proxy_header:
        return Access.behind_proxy(
            options.proxy_header, options.proxy, options.publisher, options.public_host, options.https
        )
    if options.token_file or options.reviewer_token_file:
        return Access.by_tokens(options.reviewer_token_file, options.token_file, options.public_host, options.https)
    return Access.on_loopback(options.name or getpass.getuser())


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_COMMANDS = {
    "run": _run,
    "caption": _caption,
    "explain": _explain,
    "topics": _topics,
    "neurons": _neurons,
    "compare": _compare,
    "experiment": _experiment,
    "border": _border,
    "evaluate": _evaluate,
    "settings": _settings,
    "correct": _correct,
    "corrections": _corrections,
    "refine": _refine,
    "rollback": _rollback,
    "versions": _versions,
    "serve": _serve,
    "review": _review,
}


if __name__ == "__main__":
    sys.exit(main())
