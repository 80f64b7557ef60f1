"""A manifest's rows are read as written; a bad line is told by its number, field, value and fault."""

import json

import pytest

from topiclens.components.videos import manifest

ROW = {"video_id": "a", "path": "a.mp4", "captions": ["a dog runs"], "split": "train"}


def line(**changes) -> bytes:
    row = {name: value for name, value in (ROW | changes).items() if value is not ...}
    return json.dumps(row).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start": 0, "end": 2.5},
        {"label": "animals", "info": {"licence": "CC-BY"}},
        {"path": ..., "features": "f/a.npy"},
        {"path": ..., "features": "train.npz#photo#1.jpg"},
        {"path": ...},
        {"captions": []},
    ],
)
def test_a_valid_row_is_read_as_written(changes):
    assert manifest.parse_line(1, line(**changes)) == {k: v for k, v in (ROW | changes).items() if v is not ...}


@pytest.mark.parametrize(
    "bad,message",
    [
        (b"{'video_id': 'a'}", "line 7: not JSON"),
        (b'{"video_id": "a", "start": NaN}', "line 7: not JSON .NaN is not a JSON number"),
        (b'{"video_id": "a", "start": 1e999}', "line 7: not JSON .1e999 is not a JSON number"),
        (b"[" * 100_000, "line 7: not JSON"),
        (b'{"video_id": "\xff"}', "line 7: not UTF-8 text"),
        (rb'{"video_id": "\ud800"}', "line 7: not UTF-8 text"),
        (b'["a"]', r'line 7: expected a JSON object, got \["a"\]'),
        (line(captions=...), "line 7: 'captions' is a required property. A row's fields are `video_id`"),
        (line(lable="x"), r"line 7: .*'lable' was unexpected.*fields are .*`label`"),
        (line(features="a.npy"), "line 7: the row has both `path` and `features`"),
        (line(split="dev"), "line 7: `split` is \"dev\"; expected one of 'train', 'val', 'test'"),
        (line(video_id="../a"), 'line 7: `video_id` is "../a"; expected Unique'),
        (line(video_id="a\n"), 'line 7: `video_id` is "a.n"; expected Unique'),
        (line(video_id=""), 'line 7: `video_id` is ""'),
        (line(video_id="a" * 300), "line 7: `video_id` is .*…; expected at most 200 characters"),
        (line(video_id=5), "line 7: `video_id` is 5; expected text"),
        (line(captions="a dog"), 'line 7: `captions` is "a dog"; expected a list'),
        (line(captions=["a dog", 3]), r"line 7: `captions`\[1\] is 3; expected text"),
        (line(start=-1), "line 7: `start` is -1; expected at least 0"),
        (line(end=0), "line 7: `end` is 0; expected more than 0"),
        (line(start=True), "line 7: `start` is true; expected a number"),
        (line(start=3, end=2), "line 7: the segment ends at 2 s, which is not after its start at 3 s"),
        (line(path=..., features="a.npy", start=1), "line 7: `start` and `end` cut a segment out of a `path`"),
        (line(path=..., features="a.pkl"), 'line 7: `features` is "a.pkl"; expected `file.npy`'),
        (line(path="a\0b"), "line 7: `path` is .*; expected The clip"),
        (line(label=""), 'line 7: `label` is ""; expected text that is not empty'),
    ],
)
def test_a_bad_line_is_told_by_number_field_and_fault(bad, message):
    with pytest.raises(manifest.ManifestError, match=message):
        manifest.parse_line(7, bad)


def test_the_error_carries_the_id_where_it_can_be_read():
    with pytest.raises(manifest.ManifestError) as error:
        manifest.parse_line(1, line(split="dev"))
    assert error.value.video_id == "a"
