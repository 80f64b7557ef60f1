"""What a shell is offered, asked as the shell asks."""

import os
import subprocess
import sys

import pytest

from topiclens.pipeline.cli import main as cli


def complete(line: str) -> set[str]:
    """What argcomplete answers to a shell whose line ends in the cursor."""
    variables = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
    }
    variables |= {"COMP_LINE": line, "COMP_POINT": str(len(line.encode())), "COMP_TYPE": "9"}
    command = [sys.executable, "-c", "from topiclens.pipeline.cli.main import main; main()"]
    asked = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    return {word.strip() for word in asked.stdout.splitlines()}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("topiclens ev", {"evaluate"}),
        ("topiclens evaluate --spl", {"--split"}),
        ("topiclens evaluate --split ", {"train", "val", "test"}),
        ("topiclens run --preset p", {"paper"}),
        ("topiclens run --set vocab", {"vocabulary.min_count="}),
    ],
)
def test_commands_options_choices_presets_and_settings_are_completed(line, offered):
    assert complete(line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    assert "topiclens" in capsys.readouterr().out
