"""The command as a person meets it: help with examples, faults in one sentence."""

import contextlib
import errno
import json
import os
import subprocess
import sys

import pytest

import topiclens
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.pipeline import run_metadata
from topiclens.pipeline.cli import checks
from topiclens.pipeline.cli import main as cli
from topiclens.serving.review.limits import PageLimits

COMMANDS = [
    "run", "caption", "explain", "topics", "neurons", "compare", "border", "evaluate", "settings", "serve", "correct",
    "corrections", "refine", "rollback", "versions", "review", "experiment", "completion",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"topiclens {command}" in capsys.readouterr().out.partition("Example:\n")[2]


def test_every_file_in_commands_is_a_command():
    assert sorted(COMMANDS) == [command.__name__.rpartition(".")[2] for command in cli.find_commands()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--preset", "msvd"], "needs --data"),
        (["run", "--preset", "coco", "--data", "."], "no preset 'coco'. There are"),
        (["run", "--set", "training.epochs=x"], "cannot be 'x'"),
        (["caption", "clip.mp4", "--model", "nowhere"], "nowhere"),
        (["caption", "clip.mp4", "--server", "grpc://127.0.0.1:1", "--beam", "3"], "--beam goes with --model"),
        (["caption", "clip.mp4", "--server", "localhost:1", "--sampling", "x"], "equal, centred, step, random_clip"),
        (["caption", "clip.mp4", "--server", "localhost:1", "--step", "2"], "--step goes with --sampling step or"),
        (["caption", "clip.mp4", "--with", "dance=much"], "--with takes TOPIC or TOPIC=STRENGTH"),
        (["explain", "clip.mp4", "--model", "nowhere"], "nowhere"),
        (["explain", "clip.mp4", "--root", "nowhere"], "nowhere/serving/topiclens"),
        (["topics", "--root", "nowhere"], "No run was ever started on root 'nowhere'"),
        (["evaluate", "--root", "nowhere"], "No run was ever started"),
        (["neurons", "--root", "nowhere"], "No run was ever started"),
        (["correct", "v1", "--topic", "dance", "--root", "nowhere"], "No run was ever started"),
        (["refine", "--root", "nowhere"], "No run was ever started"),
        (["refine", "--root", ".", "--set", "topics.alpha=1"], "takes --set refinement.NAME=VALUE only"),
        (["review", "--root", "nowhere"], "No run was ever started"),
        (["review", "--root", ".", "--set", "review.decode_seconds=-1"], "review.decode_seconds is -1"),
        (["refine", "--root", "."], "No version of the model was pushed yet"),
        (["rollback", "3f2a", "--root", "."], "No correction has an id, and no version is called, '3f2a'"),
    ],
)
def test_a_fault_is_one_message_and_no_traceback(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_the_review_page_is_served_within_the_limits_that_are_set(monkeypatch, tmp_path):
    told = {}
    outcome = run_metadata.Outcome(str(tmp_path), {"topiclens.TopicModel": ""}, True)
    monkeypatch.setattr(run_metadata, "newest", lambda root: outcome)
    monkeypatch.setattr(checks, "check_model", lambda model: model)
    monkeypatch.setattr(
        "topiclens.pipeline.review.open_backend.open_review_backend",
        lambda *root, **asked: contextlib.nullcontext("backend"),
    )
    monkeypatch.setattr("topiclens.serving.saved_model.resolve_version", lambda base: str(tmp_path))
    monkeypatch.setattr("topiclens.pipeline.exports.names_of", lambda root, version: (None, ()))
    monkeypatch.setattr("topiclens.serving.review.app.serve", lambda *served, **asked: told.update(asked))
    changes = ["--set", "review.max_upload_bytes=1000", "--set", "review.connections=7"]
    assert cli.main(["review", "--port", "0", *changes]) == 0
    clip = DecodingLimits()
    assert told["limits"] == PageLimits(
        max_upload_bytes=1000, connections=7, max_pixels=clip.max_pixels, max_frames=clip.max_frames
    )


def test_no_command_is_wrong_usage():
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2


@pytest.mark.parametrize("typed", ["0", "-1", "two", "1.5"])
def test_a_number_of_things_is_one_or_more(typed, capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare", "--jobs", typed])
    assert f"expected a whole number of 1 or more, not '{typed}'" in " ".join(capsys.readouterr().err.split())


def test_lists_and_tables_are_shown_without_waiting_for_what_they_do_not_need():
    """`topics`, `neurons`, `corrections` and `versions` load what takes seconds only where something is written."""
    code = "import sys, topiclens.pipeline.governing, topiclens.pipeline.repair.refinements"
    code += ", topiclens.components.neurons.links"
    code += "; print({'tensorflow', 'keras', 'jsonschema', 'nltk', 'tfx'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "set()", run.stderr


def test_settings_are_shown_as_set_takes_them(capsys):
    assert cli.main(["settings", "--preset", "paper"]) == 0
    assert 'training.optimizer = "adadelta"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["captoin"], "topiclens: there is no COMMAND 'captoin'. Did you mean caption?\nSee 'topiclens --help'."),
        (
            ["caption", "x.mp4", "--sever", "y"],
            "topiclens caption: there is no option '--sever'. Did you mean --server?",
        ),
        (["evaluate", "--split", "tset"], "there is no --split 'tset'. Did you mean test?"),
        (["experiment", "zebras"], "there is no name 'zebras'. Expected corrections."),
        (["caption"], "topiclens caption: the following arguments are required: VIDEO"),
    ],
)
def test_wrong_usage_is_answered_with_what_was_probably_meant(typed, said, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(typed)
    assert ended.value.code == 2 and said in capsys.readouterr().err


@pytest.fixture
def failing(monkeypatch):
    """Makes `topiclens serve` fail with an error."""

    def failing(error):
        def fail(options):
            raise error

        monkeypatch.setattr("topiclens.pipeline.cli.commands.serve.run", fail)

    return failing


def test_errors_of_the_system_are_a_sentence_with_what_to_do(failing, capsys):
    for error, said in (
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/b"), "The disk is full: '/a/b'. Free some space"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/a"), "There is no permission: '/a'."),
        (RuntimeError("OSError: [Errno 30] Read-only file system: '/r' [while running 'x']"), "only be read: '/r'."),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Nothing answers at the address."),
        (KeyError("getpwuid(): uid not found: 1234"), "Your user id has no name on this machine."),
    ):
        failing(error)
        assert cli.main(["serve"]) == 1
        told = capsys.readouterr().err
        assert said in told and "Traceback" not in told and len(told.strip().splitlines()) == 1


@pytest.mark.parametrize(("typed", "goes_on"), [(["serve"], False), (["compare"], True)])
def test_only_a_command_that_goes_on_where_it_was_stopped_says_so(typed, goes_on, monkeypatch, capsys):
    def stop(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"topiclens.pipeline.cli.commands.{typed[0]}.run", stop)
    assert cli.main(typed) == 130
    told = capsys.readouterr().err
    assert told.startswith("\nStopped.") and ("The same command goes on from here." in told) is goes_on


def test_a_fault_of_our_own_says_so_and_shows_where_when_asked(failing, capsys):
    failing(ZeroDivisionError("division by zero"))
    assert cli.main(["serve"]) == 1
    told = capsys.readouterr().err
    assert "fault of TopicLens (ZeroDivisionError: division by zero)" in told and "with --traceback" in told
    for typed in (["serve", "--traceback"], ["--traceback", "serve"]):
        assert cli.main(typed) == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def shell(command: str) -> subprocess.CompletedProcess:
    """Runs a line of a shell, with `topiclens` as a person has it."""
    line = f'set -o pipefail; topiclens() {{ {sys.executable} -m topiclens "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)


def test_help_and_version_cost_nothing_slow_and_print_nothing_else():
    said = shell("topiclens --version && topiclens --help")
    assert said.stdout.decode().startswith(f"topiclens {topiclens.__version__}\nusage: topiclens") and not said.stderr
    code = "import sys; from topiclens.pipeline.cli.main import make_parser; make_parser().format_help()"
    code += "; print({'numpy', 'tensorflow', 'tfx', 'apache_beam', 'sqlalchemy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).stdout == b"set()\n"


def test_a_reader_that_leaves_early_is_no_error():
    assert (said := shell("topiclens settings | true")).returncode == 1 and said.stderr == b""
    assert (said := shell("topiclens settings | head -1")).stdout.count(b"\n") == 1 and said.stderr == b""


def test_a_file_name_that_is_not_utf8_is_told_without_a_traceback(tmp_path):
    said = shell(f"cd {tmp_path}; topiclens explain $'\\xff.mp4' --root nowhere; topiclens settings $'\\xff'")
    assert said.returncode == 1 and b"Traceback" not in said.stderr and rb"\udcff" in said.stderr


def test_what_is_listed_comes_as_json_too(capsys):
    assert cli.main(["settings", "training.epochs", "vocabulary", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["vocabulary.min_count", "training.epochs"] and rows[1]["value"] == 40
