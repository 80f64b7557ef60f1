"""The order of the queue, and how it follows the version that is served."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from topiclens.components.refinement.acquisition import AcquisitionScore, MissingTopic, PredictedCaption
from topiclens.components.refinement.outlook import Outlook
from topiclens.pipeline.review.ranking import RankedClip, Ranking
from topiclens.serving.review.backend import Unavailable

GAINS = {"a": 0.2, "b": 0.9, "c": 0.9, "d": 0.5}


class ClipScorer:
    def prepare(self):
        return False  # there is nothing to read

    def __call__(self, video_id, said):
        value = GAINS[video_id]
        return RankedClip(video_id, said, (), AcquisitionScore(value, value, 0.0, None, ()))


class PredictionCache:
    """Tells a clip at a time, once `go` is set; `broken` after the first."""

    def __init__(self, version, go=None, broken=False):
        self.version, self.said, self._go, self._broken = version, {}, go, broken

    def complete(self, explain):
        for video_id in GAINS:
            if self._go is not None:
                self._go.wait(10)
            if self._broken and self.said:
                raise Unavailable("gone")
            self.said[video_id] = PredictedCaption(f"{video_id} by {self.version}", -1.0, np.zeros(2))
            yield len(self.said)


def settled(ranking, count=len(GAINS)):
    end = time.monotonic() + 10
    while len(ranking.ordered()) < count and time.monotonic() < end:
        time.sleep(0.01)
    return [judged.video_id for judged in ranking.ordered()]


@pytest.fixture
def told():
    return []


def test_the_largest_gain_comes_first_and_of_equal_ones_the_lower_id(told):
    ranking = Ranking(ClipScorer(), GAINS, PredictionCache, None, lambda what, share: told.append((what, share)))
    ranking.follow("1")
    assert settled(ranking) == ["b", "c", "d", "a"]
    assert ranking.score("d", None).said.caption == "d by 1"
    ranking.follow("1")  # nothing is left to do
    assert settled(ranking) == ["b", "c", "d", "a"] and told[-1] == (
        f"Captioned {len(GAINS)} of {len(GAINS)} clips",
        1.0,
    )


def test_another_version_is_asked_anew_and_the_old_one_is_forgotten(told):
    go = threading.Event()
    waiting = SimpleNamespace(one=PredictionCache("1", go), two=PredictionCache("2"))
    ranking = Ranking(
        ClipScorer(),
        GAINS,
        lambda version: waiting.one if version == "1" else waiting.two,
        None,
        lambda what, share: told.append((what, share)),
    )
    ranking.follow("1")
    ranking.follow("2")
    go.set()
    settled(ranking)
    assert {judged.said.caption[-1] for judged in ranking.ordered()} == {"2"}


def test_what_the_version_before_said_stands_until_the_served_one_is_asked(told):
    go = threading.Event()
    there = {"1": PredictionCache("1"), "2": PredictionCache("2", go)}
    ranking = Ranking(ClipScorer(), GAINS, there.get, None, lambda what, share: told.append((what, share)))
    ranking.follow("1")
    settled(ranking)
    assert ranking.earlier() == {}
    ranking.follow("2")
    assert ranking.ordered() == [] and {one.said.caption[-1] for one in ranking.earlier().values()} == {"1"}
    assert set(ranking.earlier()) == set(GAINS)
    go.set()
    settled(ranking)
    assert ranking.earlier() == {} and {one.said.caption[-1] for one in ranking.ordered()} == {"2"}


def test_a_server_that_was_gone_is_asked_again_at_the_next_look(told):
    there = iter([PredictionCache("1", broken=True), PredictionCache("1")])
    ranking = Ranking(
        ClipScorer(),
        GAINS,
        lambda version: next(there),
        None,
        lambda what, share: told.append((what, share)),
    )
    ranking.follow("1")
    assert settled(ranking, 1) == ["a"]
    end = time.monotonic() + 10
    while len(ranking.ordered()) < len(GAINS) and time.monotonic() < end:
        ranking.follow("1")
    assert settled(ranking) == ["b", "c", "d", "a"]


def test_a_clip_is_judged_at_once_where_the_thread_is_not_there_yet(told):
    ranking = Ranking(ClipScorer(), GAINS, PredictionCache, None, lambda what, share: told.append((what, share)))
    assert ranking.score("d", PredictedCaption("now", -1.0)).said.caption == "now"
    assert ranking.ordered() == []


class Tried:
    """A scorer of clips that miss a man, which can be taught where an outlook says so."""

    def prepare(self):
        return False

    def __call__(self, video_id, said, outlooks=None):
        value = GAINS[video_id]
        missing, promise = (MissingTopic(1, "man", value, ("why",)),), (outlooks or {}).get(1)
        score = AcquisitionScore(value, value, 0.0, None, ())
        return RankedClip(video_id, said, missing, score, promise, outlooks is not None)


@pytest.mark.parametrize("wanted, most, asked, order", [
    (9, 9, "bcda", "dabc"), (1, 9, "bcd", "dbca"), (2, 9, "bcda", "dabc"), (9, 2, "bc", "bcda"),
])  # fmt: skip
def test_clips_that_can_be_taught_come_first_and_are_looked_for_in_their_order(wanted, most, asked, order, monkeypatch):
    monkeypatch.setattr("topiclens.pipeline.review.ranking.AHEAD", wanted)
    monkeypatch.setattr("topiclens.pipeline.review.ranking.MOST_TRIED", most)
    tried = []

    def outlooks(version, clip):
        tried.append((version, clip.video_id, [one.topic for one in clip.missing]))
        return {1: Outlook(1, 0.5, "a man")} if clip.video_id in "ad" else {}

    ranking = Ranking(Tried(), GAINS, PredictionCache, None, lambda what, share: None, outlooks)
    ranking.follow("1")
    ranking._thread.join(10)
    assert tried == [("1", name, [1]) for name in asked]
    assert [clip.video_id for clip in ranking.ordered()] == list(order)
