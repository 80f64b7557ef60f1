"""The rules that look at several rows keep the first of the manifest, in whatever order the rows come."""

import itertools

import pytest

from topiclens.components.videos.findings import (
    Accepted,
    Rejected,
    hold_out,
    keep_common_width,
    keep_first_of_id,
    keep_splits_apart,
)


def row(line: int, video_id: str = "", split: str = "train", content: str = "c", **segment) -> Accepted:
    return Accepted(line, {"video_id": video_id or f"v{line}", "split": split, "content": content, **segment})


def kept(findings) -> set[int]:
    return {found.line for found in findings if isinstance(found, Accepted)}


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_of_one_id_the_first_row_stays(order):
    rows = [row(2, "a"), row(5, "a"), row(9, "a", "val")]
    findings = sorted(keep_first_of_id([rows[place] for place in order]), key=lambda found: found.line)
    assert findings[0] is rows[0]
    same, other = findings[1:]
    assert same == Rejected(5, "a", "video_id 'a' is there twice, first on line 2. The first row stays.")
    assert (
        other.line == 9
        and "first on line 2 in split 'train', here in 'val': a video belongs to one split" in other.reason
    )


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_one_content_may_not_be_in_two_splits(order):
    rows = [row(1, split="train"), row(2, split="val"), row(3, split="train"), row(4, split="test")]
    findings = list(keep_splits_apart([rows[place] for place in order]))
    assert kept(findings) == {1, 3}
    reasons = {found.line: found.reason for found in findings if isinstance(found, Rejected)}
    assert "same frames as video 'v1' (line 1) of split 'train', and is itself in 'val'" in reasons[2]
    assert set(reasons) == {2, 4}


@pytest.mark.parametrize(
    "one,other,together",
    [
        ({"end": 5}, {"start": 5}, True),
        ({"start": 2, "end": 5}, {"start": 5, "end": 6}, True),
        ({"start": 2, "end": 5.1}, {"start": 5, "end": 6}, False),
        ({"start": 2, "end": 9}, {"start": 5, "end": 6}, False),
        ({}, {"start": 5, "end": 6}, False),
        ({"start": 3}, {"end": 3}, True),
    ],
)
def test_segments_of_one_film_may_be_in_two_splits_unless_they_overlap(one, other, together):
    for first, second in ((one, other), (other, one)):
        findings = keep_splits_apart([row(1, split="train", **first), row(2, split="val", **second)])
        assert kept(findings) == ({1, 2} if together else {1})


def test_texts_have_no_content_in_common():
    texts = [Accepted(line, {"video_id": f"v{line}", "split": "train"}) for line in (1, 2)]
    assert texts[0].content_key != texts[1].content_key


def test_the_width_of_most_rows_is_the_datasets():
    narrow = [Accepted(line, {"video_id": f"v{line}", "split": "train"}, 8) for line in (1, 2)]
    wide = [Accepted(line, {"video_id": f"v{line}", "split": "train"}, 1024) for line in (3, 4, 5)]
    clip = row(6)
    assert list(keep_common_width([clip])) == [clip]
    assert kept(keep_common_width([*narrow, *wide, clip])) == {3, 4, 5, 6}
    assert kept(keep_common_width([*wide[:2], *narrow])) == {3, 4}, "of two as common, the larger"
    (misfit,) = (found for found in keep_common_width([wide[0], *narrow]) if isinstance(found, Rejected))
    assert misfit.reason.startswith("its features are 1024 wide, those of the dataset 8.")


def test_videos_are_held_out_by_what_they_hold():
    shares = {"val": 0.2, "test": 0.1}
    films = [[row(line, f"{film}-{line}", content=f"film {film}") for line in range(2)] for film in range(2000)]
    splits = [[hold_out(segment, shares).split for segment in film] for film in films]
    assert all(first == second for first, second in splits)
    counts = [sum(first == split for first, _ in splits) / len(films) for split in ("train", "val", "test")]
    assert counts == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    assert hold_out(films[0][0], {}) is films[0][0]


def test_only_training_videos_are_held_out():
    everything = {"val": 0.999}
    given = row(1, split="test")
    text = Accepted(2, {"video_id": "text", "split": "train"})
    assert hold_out(given, everything) is given
    assert hold_out(text, everything) is text
    assert hold_out(row(3), everything).split == "val"
