"""What a version says of clips is asked once, whoever was killed in between, and again for another version."""

import itertools

import numpy as np
import pytest

from topiclens.pipeline.review import ranking
from topiclens.pipeline.review.clips import Clips
from topiclens.pipeline.review.ranking import PredictionCache
from topiclens.schemas import features
from topiclens.serving.answers import ExplainedCaption


def read_records(count=10, seed=0):
    rng = np.random.default_rng(seed)
    for i in range(count):
        yield {
            features.VIDEO_ID: f"v{i}".encode(),
            features.CAPTIONS: np.array([b"a dog"], object),
            features.FRAMES: rng.normal(size=(3, 4)).astype(np.float32),
            features.TOPICS: np.array([0, 1]),
        }


def read_clips(parsed=read_records):
    rows = {f"v{i}": {"split": "val"} for i in range(10)}
    clips = Clips(rows, {"val": parsed})
    clips.read("val")
    return clips


@pytest.fixture
def clips(monkeypatch):
    monkeypatch.setattr(ranking, "BATCH", 4)
    return read_clips()


class Model:
    """Says of a clip what its first number is, and counts what it was asked."""

    def __init__(self, scores=True):
        self.asked, self._scores = 0, scores

    def __call__(self, clips, version):
        self.asked += len(clips)
        return [
            ExplainedCaption(f"{clip[0, 0]:.6f}", -1.5, (), None, None, np.array([0.25, 0.5]) if self._scores else None)
            for clip in clips
        ]


def test_every_clip_gets_its_own_caption_and_progress_is_told(clips, tmp_path):
    predictions = PredictionCache(tmp_path, "1", clips)
    assert list(predictions.complete(Model())) == [4, 8, 10]
    for video_id in clips.ids(["val"]):
        assert predictions.said[video_id].caption == f"{clips.frames(video_id)[0, 0]:.6f}"
    assert predictions.said["v3"].log_prob == -1.5 and predictions.said["v3"].topic_scores.tolist() == [0.25, 0.5]


def test_a_page_that_was_killed_asks_for_the_rest_alone(clips, tmp_path):
    list(itertools.islice(PredictionCache(tmp_path, "1", clips).complete(Model()), 2))
    model = Model()
    assert list(PredictionCache(tmp_path, "1", clips).complete(model)) == [4, 8, 10] and model.asked == 2


@pytest.mark.parametrize("changed", ["version", "clips"])
def test_another_version_and_other_clips_are_asked_anew(clips, tmp_path, changed):
    list(PredictionCache(tmp_path, "1", clips).complete(Model()))
    other = read_clips(lambda: read_records(seed=1)) if changed == "clips" else clips
    model = Model()
    list(PredictionCache(tmp_path, "2" if changed == "version" else "1", other).complete(model))
    assert model.asked == 10


def test_a_captioner_that_learnt_no_topics_has_no_scores(clips, tmp_path):
    predictions = PredictionCache(tmp_path, "1", clips)
    list(predictions.complete(Model(scores=False)))
    assert predictions.said["v0"].topic_scores is None


def test_equal_clips_have_equal_keys_in_whatever_order_they_come(clips):
    def keys(of):
        return [key for key, _ in of.batches(4)]

    assert keys(read_clips(lambda: reversed(list(read_records())))) == keys(clips)
    assert keys(read_clips(lambda: read_records(9)))[:2] == keys(clips)[:2], "a batch knows nothing of the others"
    assert not set(keys(read_clips(lambda: read_records(seed=1)))) & set(keys(clips))


def test_a_caption_may_hold_what_python_takes_for_a_line_end(clips, tmp_path):
    def explain(asked, version):
        return [ExplainedCaption("a\u2028dog\x85runs\r", -1.5, (), None, None, None) for _ in asked]

    list(PredictionCache(tmp_path, "1", clips).complete(explain))
    again = PredictionCache(tmp_path, "1", clips)
    list(again.complete(Model()))
    assert {said.caption for said in again.said.values()} == {"a\u2028dog\x85runs\r"}
