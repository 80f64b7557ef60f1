"""Rows survive being written and read, whatever characters their captions hold."""

import json

import pytest

from topiclens.schemas import json_lines

LINE_ENDS = "\u2028 \u2029 \x85 \r \r\n \n \x0b \x0c \x1c \x1d \x1e"  # all that splitlines() takes for line ends


def test_rows_survive_a_round_trip_with_every_character_that_may_end_a_line(tmp_path):
    rows = [{"video_id": f"ü{end}b", "captions": [f'a "dog"{end}runs']} for end in LINE_ENDS.split(" ")]
    json_lines.write_rows(tmp_path / "rows.jsonl", rows)
    assert list(json_lines.read_rows(tmp_path / "rows.jsonl")) == rows
    assert json_lines.format_rows(rows[:1]) == json_lines.format_rows([dict(reversed(rows[0].items()))])


def test_lines_are_numbered_as_an_editor_does(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": 2}')
    assert [(number, json.loads(text)["a"]) for number, text in json_lines.number_lines(path)] == [(1, 1), (4, 2)]
    assert [row["a"] for row in json_lines.read_rows(path)] == [1, 2]


@pytest.mark.parametrize("line, said", [("[1]", "expected a JSON object, got"), ("{", "not JSON"), ("1e", "not JSON")])
def test_a_line_that_is_no_row_is_named(tmp_path, line, said):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(json_lines.JsonLinesError, match=f"rows.jsonl, line 2: {said}"):
        list(json_lines.read_rows(path))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "rows.jsonl"
    json_lines.write_rows(path, [{"a": 1}])

    def broken():
        yield {"a": 2}
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        json_lines.write_rows(path, broken())
    assert list(json_lines.read_rows(path)) == [{"a": 1}] and list(tmp_path.iterdir()) == [path]
