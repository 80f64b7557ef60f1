"""What is measured of a parent once serves later refinements, for as long as it means the same."""

import dataclasses

import pytest

from tests.components.refinement.planted_parent import SETTINGS, TOPICS, TRAIN, VAL, correction
from topiclens.components.captions.meteor import SharedMeteor
from topiclens.components.refinement.candidate_captioner import RefinedEncoder
from topiclens.components.refinement.edit_targets import EditTarget
from topiclens.components.refinement.gate import FineCaption
from topiclens.components.refinement.gate_evaluator import GateEvaluator, ParentCache
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.trainer.exported import EXTRA

JUDGED = dataclasses.replace(SETTINGS, max_slice_drop={"BLEU-4": 1.0})
RENAMED = tuple(dataclasses.replace(topic, name=f"{topic.name}, renamed") for topic in TOPICS)


class PlantedCandidates:
    """A parent and a candidate that say the same of every video."""

    def __init__(self):
        self.untouched, self.candidate = RefinedEncoder([]), RefinedEncoder([])

    def captions(self, candidate, videos, progress=None):
        return {video.video_id: "dog dog dog" for video in videos}


@pytest.fixture
def evaluator(tmp_path, monkeypatch):
    """Holds a new evaluator over the same parent, which remembers what earlier ones measured."""
    monkeypatch.setattr(RefinementSettings, "slice_videos", 1)
    parent = tmp_path / "1"
    (parent / EXTRA).mkdir(parents=True)
    (parent / EXTRA / "captioner.json").write_text("{}")
    (parent / EXTRA / "captioner.weights.h5").write_bytes(b"weights")

    def held(topics, told=lambda what, share: None, val=VAL) -> GateEvaluator:
        memory = ParentCache(str(parent), VAL)
        return GateEvaluator(PlantedCandidates(), TRAIN, val, topics, [], JUDGED, memory, told, SharedMeteor())

    return held


def test_captions_called_fine_are_checked_but_those_of_videos_that_are_taught(evaluator):
    held, said = evaluator(TOPICS), []
    held.candidates.captions = lambda one, videos, progress=None: (
        said.append([v.video_id for v in videos])
        or {video.video_id: "dog dog dog" if one is held.candidates.untouched else "man man man" for video in videos}
    )
    held.candidates.naming = [("dog",), ("man",), ("sea",)]
    held._fine = [FineCaption(video, "dog dog dog") for video in (VAL[0], VAL[1], VAL[1], TRAIN[0])]
    targets = [EditTarget(correction("val0"), VAL[0], 1, 1.0)]
    (reason,) = held._called_fine(targets, held.candidates.candidate)
    assert not reason.met and "3 captions that people called fine: 3 changed" in reason.words
    assert said == [["val1", "train0"]] * 2, "each video once"
    held._fine = held._fine[:1]
    assert list(held._called_fine(targets, held.candidates.candidate)) == []


def test_the_parents_figures_are_measured_once(evaluator):
    first, again = [], []
    measured, recalled = (
        one.figures(one.candidates.untouched, ["BLEU-4"])
        for one in (
            evaluator(TOPICS, lambda *what: first.append(what)),
            evaluator(TOPICS, lambda *what: again.append(what)),
        )
    )
    assert measured == recalled and first and not again


def test_figures_of_topics_that_are_called_otherwise_now_are_measured_anew(evaluator):
    for topics in (TOPICS, RENAMED):
        later = evaluator(topics)
        reasons = list(later._metrics(later.candidates.candidate, {"metrics": {}}, ["BLEU-4"]))
        assert all(reason.met for reason in reasons)
        assert f"of topic 1: {topics[1].name}, which" in reasons[-1].words


def test_without_a_corrected_video_figures_are_others_and_without_any_video_none_is_measured(evaluator):
    whole, fewer = (evaluator(TOPICS, val=val) for val in (VAL, VAL[1:]))
    figures = [one.figures(one.candidates.untouched, ["BLEU-4"]) for one in (whole, fewer)]
    assert figures[0]["slices"] != figures[1]["slices"]
    nothing = evaluator(TOPICS, val=[])
    reasons = list(nothing._metrics(nothing.candidates.candidate, {"metrics": {}}, ["BLEU-4", "CIDEr"]))
    assert [reason.met for reason in reasons] == [True, True]
    assert reasons[1].words.startswith("CIDEr was not measured: every video of validation was corrected; passed over")
