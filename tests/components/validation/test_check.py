"""Each thing that can be wrong with a record is found and said; a sound record passes."""

import dataclasses

import numpy as np
import pytest

from topiclens.components.validation import check
from topiclens.schemas.records import VideoRecord

SIZES = {"feature_dim": 4, "n_topics": 3, "max_frames": 28}
SOUND = VideoRecord("v", "train", np.ones((2, 4), np.float32), ("a dog",), np.array([0, 1, 0]))


def problems(**changes) -> list[str]:
    return list(check.problems_of(dataclasses.replace(SOUND, **changes), split="train", **SIZES))


def test_a_sound_record_has_no_problem():
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": "dev"}, "unknown split 'dev'"),
        ({"split": "val"}, "split 'val' in a file of split 'train'"),
        ({"frames": np.zeros((0, 0), np.float32)}, "0 frames"),
        ({"frames": np.ones((29, 4), np.float32)}, "29 frames"),
        ({"frames": np.ones((2, 7), np.float32)}, "7 wide, expected 4"),
        ({"frames": np.full((2, 4), np.nan, np.float32)}, "NaN"),
        ({"frames": np.full((2, 4), np.inf, np.float32)}, "infinite"),
        ({"frames": np.array([[1, 1, 1, 1], [0, 0, 0, 0]], np.float32)}, "all-zero frame"),
        ({"captions": ()}, "no caption"),
        ({"captions": ("...", "")}, "no caption"),
        ({"topics": np.array([0, 1])}, "2 topics, expected 3"),
        ({"topics": np.array([0, 2, 0])}, "other than 0 and 1"),
    ],
)
def test_a_fault_is_found_and_said(changes, said):
    (problem,) = problems(**changes)
    assert said in problem


def test_sound_records_let_the_run_go_on():
    check.demand_sound([], {})


def test_the_run_stops_and_names_the_videos():
    with pytest.raises(check.RecordsRejected, match=r"(?s)2 videos.*'a': no caption.*'b': NaN"):
        check.demand_sound([("b", "NaN"), ("a", "no caption")], {})


def test_an_anomaly_alone_stops_the_run():
    with pytest.raises(check.RecordsRejected, match="train/captions: too few"):
        check.demand_sound([], {"train/captions": "too few"})


def test_a_flood_of_problems_is_counted_not_printed():
    with pytest.raises(check.RecordsRejected, match="and 80 more") as caught:
        check.demand_sound([(f"v{number:03}", "NaN") for number in range(100)], {})
    assert len(str(caught.value).splitlines()) < 30
