"""The command as a person meets it: help with examples, faults in one sentence."""

import pytest

from pipeline import cli

COMMANDS = ["run", "caption", "explain", "topics", "neurons", "compare", "border", "evaluate", "settings", "serve"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"Example: topiclens {command}" in capsys.readouterr().out.replace("\n  ", " ").replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--preset", "msvd"], "needs --data"),
        (["run", "--preset", "coco", "--data", "."], "no preset 'coco'"),
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
    ],
)
def test_a_fault_is_one_message_and_no_traceback(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_no_command_is_wrong_usage():
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2


def test_settings_are_shown_as_set_takes_them(capsys):
    assert cli.main(["settings", "--preset", "paper"]) == 0
    assert 'training.optimizer = "adadelta"' in capsys.readouterr().out
