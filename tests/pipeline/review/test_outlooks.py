"""Suggestions are tried until one promises, once a version, whoever was killed in between."""

import numpy as np
import pytest

from topiclens.components.refinement.outlook import Outlook
from topiclens.pipeline.review.clips import Clips
from topiclens.pipeline.review.outlooks import TRIED, Outlooks
from topiclens.schemas import features

PROMISES = {3, 4}


class Model:
    """Notes what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, version, video_id, topic):
        self.asked.append((version, video_id, topic))
        return Outlook(topic, 0.5, "a dog\u2028runs", None if topic in PROMISES else "kept")


@pytest.fixture
def clips():
    names = ("v0", "../v1")
    records = [
        {
            features.VIDEO_ID: name.encode(),
            features.CAPTIONS: np.array([b"a dog"], object),
            features.FRAMES: np.ones((3, 4), np.float32),
            features.TOPICS: np.array([0, 1]),
        }
        for name in names
    ]
    clips = Clips({name: {"split": "test"} for name in names}, {"test": lambda: records})
    clips.choose("")
    return clips


def test_topics_are_tried_in_their_order_up_to_the_first_that_promises(clips, tmp_path):
    model = Model()
    known = Outlooks(tmp_path, clips, model).until_one_promises("1", "v0", [1, 3, 4])
    assert [topic for _, _, topic in model.asked] == [1, 3] == list(known)
    assert [one.promising for one in known.values()] == [False, True]


def test_a_clip_that_nothing_can_be_taught_of_is_given_up_after_a_few(clips, tmp_path):
    model = Model()
    assert len(Outlooks(tmp_path, clips, model).until_one_promises("1", "v0", range(10, 20))) == TRIED
    assert len(model.asked) == TRIED


def test_no_further_topic_is_tried_once_the_time_is_up(clips, tmp_path):
    model = Model()
    assert Outlooks(tmp_path, clips, model).until_one_promises("1", "v0", [1, 2], seconds=0) == {}
    assert model.asked == []


def test_what_was_asked_is_kept_for_the_next_page_but_not_for_another_version(clips, tmp_path):
    first = Outlooks(tmp_path, clips, Model()).until_one_promises("1", "../v1", [1, 3])
    model = Model()
    again = Outlooks(tmp_path, clips, model)
    assert again.until_one_promises("1", "../v1", [1, 3]) == first and model.asked == []
    assert again.known("1", "v0") == {}, "equal frames, another clip"
    again.until_one_promises("2", "../v1", [3])
    assert model.asked == [("2", "../v1", 3)]
    assert {path.parent.parent for path in tmp_path.rglob("*.jsonl")} == {tmp_path}
