"""How strongly a topic is to be taught: by what a video and its parts say at each strength of it."""

import numpy as np
import pytest

from topiclens.components.refinement.strength_sweep import StrengthSweep, SweepPoint
from topiclens.components.refinement.taught_strength import parts, steady, taught_strength
from topiclens.schemas.records import VideoRecord

STRENGTHS = np.arange(0, 2.1, 0.5)


@pytest.mark.parametrize(
    "video, parts, expected",
    [
        ("..xxx", ["..xxx", "..xxx"], 1.5),  # 1.5 times the smallest
        (".xxxx", ["..xxx", "...xx"], 2.0),  # 1.5 times 1.5 is beyond the last
        (".xxxx", [".x.xx", ".xxxx"], 2.0),  # a part loses it at 1; from 1.5 on it stays
        ("..xx.", ["..x..", "..xx."], 1.0),  # at 1.5 a part has lost it
        (".x...", ["..xxx", "..xxx"], 0.5),  # the video itself has to say it
        ("xxxxx", ["...xx", "...xx"], 0.0),
        (".....", ["..xxx", "..xxx"], None),
    ],
)
def test_a_topic_is_taught_as_strongly_as_the_video_and_its_parts_ask_for(video, parts, expected):
    said = np.array([[letter == "x" for letter in row] for row in (video, *parts)])
    assert steady(said, STRENGTHS, 1.5) == expected


def test_parts_leave_out_a_third_or_every_second_frame():
    def frames_of(n):
        video = VideoRecord("a", "val", np.arange(1, n + 1, dtype=np.float32)[:, None], (), np.zeros(3))
        return [part.frames[:, 0].tolist() for part in parts(video)]

    assert frames_of(6) == [[1, 3, 5], [2, 4, 6], [1, 2, 3, 4], [3, 4, 5, 6]]
    assert frames_of(2) == [[1], [2]] and frames_of(1) == []


VIDEO = VideoRecord("a", "val", np.arange(1, 7, dtype=np.float32)[:, None], (), np.zeros(3))
NAMES = (VIDEO.video_id, *(part.video_id for part in parts(VIDEO)))


def asking(said, asked):
    """A captioner that says "dog" of the video and of its parts where `said` (1 + parts, strengths) says so; it notes
    what it was asked."""

    def ask(video, strengths):
        asked[video.video_id] = strengths
        row = dict(zip(STRENGTHS.tolist(), said[NAMES.index(video.video_id)], strict=True))
        tried = STRENGTHS if strengths is None else [0.0, *strengths]
        points = tuple(SweepPoint(one, "a dog" if row[one] else "a cat", None, ()) for one in map(float, tried))
        return StrengthSweep(video.video_id, 0, "dog", ("dog",), points, "")

    return ask


@pytest.mark.parametrize("seed", range(20))
def test_parts_are_asked_only_where_the_video_says_it_and_the_strength_is_that_of_asking_all(seed):
    said, asked = np.random.default_rng(seed).random((len(NAMES), len(STRENGTHS))) < 0.6, {}
    said[0, 0] = False  # without the topic, the caption has no word of it
    _, strength = taught_strength(asking(said, asked), VIDEO, 1.5)
    assert strength == steady(said, STRENGTHS, 1.5)
    assert asked.pop("a") is None
    assert all(strengths == STRENGTHS[said[0]].tolist() for strengths in asked.values())
    assert len(asked) == (len(NAMES) - 1) * said[0].any()


def test_what_is_said_already_needs_no_strength_and_no_question_about_parts():
    said, asked = np.ones((len(NAMES), len(STRENGTHS)), bool), {}
    assert taught_strength(asking(said, asked), VIDEO, 1.5, says=lambda caption: True)[1] == 0
    assert asked == {"a": None}
