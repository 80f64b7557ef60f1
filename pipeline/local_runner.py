"""Runs the pipeline on this machine: LocalDagRunner, metadata in SQLite, Beam in this process or a few."""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator

from absl import logging as absl_logging
from tfx.v1.orchestration import LocalDagRunner
from tfx.v1.orchestration.metadata import sqlite_metadata_connection_config

from topiclens.pipeline import topic_register
from topiclens.pipeline.pipeline import Paths, create_pipeline
from topiclens.pipeline.repair.corrections import list_live_corrections, list_written_captions, recover_root
from topiclens.pipeline.run_metadata import METADATA, Outcome, model_artifact, newest
from topiclens.pipeline.settings import Settings, cache_folder

LOCAL_BEAM = (
    # Named in full: Beam's short name DirectRunner tries to download another runner in its newer releases.
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # No container is started; but where none is named, TFX packs itself for remote workers, anew in every step.
    "--sdk_container_image=unused",
)


class RootInUse(RuntimeError):
    """Another run writes to the same root."""


def run(settings: Settings, *, data: str, root: str, base_model: str | None = None, verbose: bool = False) -> Outcome:
    """Runs every step whose inputs or settings changed since the last run on this root.

    Args:
        base_model: a run's root, or a Model artifact, to start training from.
        verbose: whether all figures of each epoch are printed.
    Raises:
        RootInUse: another run is at work on this root.
    """
    os.makedirs(root, exist_ok=True)
    with _alone(root), _announced(verbose):
        content = fingerprint(data, without=root)
        decided = topic_register.governance_of(settings, root)
        written = list_written_captions(root, settings.refinement)
        captions = f"{content} {json.dumps(written)}" if written else content
        asked = topic_register.request_key(settings, captions, decided)
        paths = Paths(
            data=os.path.abspath(data),
            root=os.path.abspath(root),
            content=content,
            base_model=model_artifact(base_model) if base_model else None,
            cache=os.path.abspath(cache_folder()),
            previous_topics=topic_register.previous_of(settings, root, asked),
        )
        recover_root(paths.root, settings.refinement)
        # One worker stays in this process, which spares the start of others.
        workers = ["--direct_running_mode=multi_processing", f"--direct_num_workers={settings.run.workers}"]
        pipeline = create_pipeline(
            settings,
            paths,
            governance=decided,
            corrections=list_live_corrections(paths.root, settings.refinement),
            written=written,
            metadata_connection_config=sqlite_metadata_connection_config(os.path.join(paths.root, METADATA)),
            beam_pipeline_args=[*LOCAL_BEAM, *(workers if settings.run.workers > 1 else ())],
        )
        LocalDagRunner().run(pipeline)
        outcome = newest(paths.root)
        if outcome.blessed:
            topic_register.remember(outcome, asked, paths.previous_topics)
        recover_root(paths.root, settings.refinement)
    return outcome


def fingerprint(data: str, *, without: str = "") -> str:
    """Tells one state of a dataset folder from another, by the names, sizes and times of its files.

    `without` is a folder to leave out, where the run's own root lies within.
    """
    digest = hashlib.sha256()
    without = os.path.abspath(without)
    for folder, subfolders, names in os.walk(data):
        subfolders[:] = sorted(name for name in subfolders if os.path.abspath(os.path.join(folder, name)) != without)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                status = os.stat(path)
                digest.update(f"{os.path.relpath(path, data)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def _alone(root: str) -> Iterator[None]:
    with open(os.path.join(root, ".lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RootInUse(
                f"Another run is at work on root {root!r}. Wait for it, stop it, or name another --root."
            ) from error
        yield


class _Announcer(logging.Handler):
    """Says which step begins, out of all that TFX logs, and what the steps themselves have to say."""

    def __init__(self):
        super().__init__()
        self._began = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.name != "absl":
            print(f"          {message}", flush=True)
        elif message.startswith("Component ") and message.endswith(" is running."):
            print(f"[{time.monotonic() - self._began:5.0f} s] {message.split()[1]}", flush=True)
        elif record.levelno >= logging.ERROR:
            print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _announced(verbose: bool) -> Iterator[None]:
    """Prints one line a step, and the steps' own, in place of TFX's log."""
    announcer = _Announcer()
    verbosity = absl_logging.get_verbosity()  # absl keeps a level of its own beside its logger's
    levels = {
        "absl": logging.INFO,
        "topiclens.components": logging.INFO,
        "topiclens.trainer": logging.DEBUG if verbose else logging.INFO,
        "apache_beam.io.tfrecordio": logging.ERROR,  # it warns of a faster checksum that no wheel brings
    }
    loggers = [logging.getLogger(name) for name in levels]
    before = [(logger.level, logger.propagate) for logger in loggers]
    absl_logging.set_verbosity(absl_logging.INFO)
    for logger in loggers:
        logger.addHandler(announcer)
        logger.setLevel(levels[logger.name])
        logger.propagate = False
    absl_logging.get_absl_handler().setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        absl_logging.get_absl_handler().setLevel(logging.NOTSET)
        absl_logging.set_verbosity(verbosity)
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(announcer)
            logger.setLevel(level)
            logger.propagate = propagate
