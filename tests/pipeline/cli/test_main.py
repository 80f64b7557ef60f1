"""The command as a person meets it: help with examples, faults in one sentence."""

import contextlib
import subprocess
import sys

import pytest

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
    monkeypatch.setattr("topiclens.serving.review.server.serve", lambda *served, **asked: told.update(asked))
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
