"""Tables, colours and notes on a terminal of any width, and on none."""

import pytest

from topiclens.pipeline.cli import output

HEAD = ("id", "name", "words")
ROWS = [("7", "buildings, tall", " ".join(["word"] * 30)), ("12", "space", "earth"), ("3", "", "")]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_table_fits_and_loses_nothing(columns):
    lines = output.table(HEAD, *ROWS, columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert sorted(" ".join(lines).split()) == sorted(" ".join(map(" ".join, (HEAD, *ROWS))).split())


def test_numbers_stand_right_and_texts_left():
    assert output.table(HEAD[:2], *(row[:2] for row in ROWS), columns=80).splitlines() == [
        "id  name", " 7  buildings, tall", "12  space", " 3",
    ]  # fmt: skip


def test_the_width_is_the_one_that_the_shell_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    assert max(map(len, output.table(HEAD, *ROWS).splitlines())) <= 33


@pytest.mark.parametrize(
    ("terminal", "variables", "painted"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_there_is_colour_on_a_terminal_where_nobody_minds(terminal, variables, painted, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    assert output.paint("BLESSED", "green") == ("\x1b[32mBLESSED\x1b[0m" if painted else "BLESSED")


def test_notes_go_to_standard_error_unless_they_are_not_wanted(capsys):
    for quiet in (False, True):
        output.set_quiet(quiet)
        output.note("by the way")
    output.set_quiet(False)
    assert capsys.readouterr() == ("", "by the way\n")
