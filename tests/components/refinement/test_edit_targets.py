"""What is taught: of which topic, in which frames, how strongly."""

from dataclasses import replace

import numpy as np
import pytest

from topiclens.components.refinement.edit_targets import (
    EditTarget,
    corrected_videos,
    halves,
    on_first_halves,
)
from topiclens.components.topics.table import Topic
from topiclens.schemas.corrections import CorrectedTopic, Correction, now
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch

TOPICS = [
    Topic(0, "dog", ("dog", "runs"), None, 0.5),
    Topic(1, "dance", ("dancing", "girl", "stage"), None, 0.5),
    Topic(2, "dance, show", ("dancing", "girl", "show"), None, 0.5),
]


def edit_target(name="v1", topic=1, strength=1.0, frames=5) -> EditTarget:
    video = VideoRecord(name, "val", np.arange(1.0, 2 * frames + 1).reshape(frames, 2), (), np.zeros(3))
    missed = CorrectedTopic(topic, TOPICS[topic].name, TOPICS[topic].words)
    correction = Correction("0" * 32, now(), "Ann", name, "5f" * 32, missed, "a man", "1")
    return EditTarget(correction, video, topic, strength)


def test_all_that_was_said_of_a_video_is_taught_at_once_the_stronger_of_two_doses():
    targets = [
        edit_target("v1", 1, 1.0),
        edit_target("v2", 1, 0.5),
        edit_target("v1", 0, 2.0),
        edit_target("v1", 1, 1.5),
    ]
    videos = corrected_videos(targets)
    assert [(one.video.video_id, dict(one.topics)) for one in videos] == [("v1", {1: 1.5, 0: 2.0}), ("v2", {1: 0.5})]


def test_halves_share_no_frame_and_lose_none():
    video = edit_target(frames=5).video
    first, second = halves(video)
    assert len(first.frames) == 2 and len({video.video_id, first.video_id, second.video_id}) == 3
    np.testing.assert_array_equal(np.concatenate([first.frames, second.frames]), video.frames)


def test_a_video_of_one_frame_has_no_halves_and_is_not_taught_by_them():
    assert halves(edit_target(frames=1).video) is None
    assert [len(one.video.frames) for one in on_first_halves([edit_target(frames=1), edit_target(frames=4)])] == [2]


def stretched(start, end, topic=1, strength=1.0, frames=6) -> EditTarget:
    """A video with a frame each second, of which a stretch was corrected."""
    taught = edit_target("v1", topic, strength, frames)
    correction = replace(taught.correction, stretch=Stretch(start, end))
    return replace(taught, correction=correction, video=taught.video.timed(range(frames)))


def test_a_stretch_is_taught_in_its_frames_alone_and_where_two_overlap_the_stronger():
    (one,) = corrected_videos([stretched(1, 3, strength=1.0), stretched(3, 4, strength=2.0), stretched(0, 1, topic=0)])
    np.testing.assert_array_equal(one.topics[1], [0, 1, 1, 2, 2, 0])
    np.testing.assert_array_equal(one.topics[0], [1, 1, 0, 0, 0, 0])
    (both,) = corrected_videos([edit_target("v1", frames=6), stretched(2, 3, strength=0.5)])
    np.testing.assert_array_equal(both.topics[1], [1] * 6)


@pytest.mark.parametrize(("start", "end", "lengths"), [(3, 5, (4, 2)), (0, 1, (1, 5)), (0, 5, (3, 3))])
def test_the_halves_of_a_video_part_where_its_stretch_is_half_over(start, end, lengths):
    taught = stretched(start, end)
    stretch, found = taught.correction.stretch, halves(taught.video, taught.correction.stretch)
    assert tuple(len(half.frames) for half in found) == lengths
    assert all(stretch.holds(half.seconds).any() and len(half.seconds) == len(half.frames) for half in found)
    (first,) = on_first_halves([taught])
    np.testing.assert_array_equal(first.video.frames, found[0].frames)
    assert halves(taught.video, Stretch(1.5, 2.5)) is None, "a stretch of one frame has no halves"
