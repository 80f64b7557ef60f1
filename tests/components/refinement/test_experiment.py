"""The experiment's figures, counted by hand, and its table."""

import json
from dataclasses import replace

import pytest

from topiclens.components.refinement.experiment import Experiment, Others, Proportion, Result, Together
from topiclens.components.refinement.gate import Half
from topiclens.components.refinement.half_trials import HalfTrial, InaccurateCaption
from topiclens.schemas.plain import from_plain, to_plain

MISSED, GAINED = Half(("a dog", "a dog"), (0.1, 0.1), (0.2, 0.1)), Half(("a dog", "a man"), (0.1, 0.5), (0.2, 0.6))
METRICS = {"BLEU-4": 0.4, "CIDEr": 1.0}


def trial(tested, taught=GAINED, direction="first → second", lost=0):
    return HalfTrial(direction, "Strength 1 …", 1.5, 0.1, taught, tested, lost, 4.0, 1.0, 0.5, 0.1, seconds=2.0)


def result(number, forth, back=MISSED, control=MISSED, metrics=METRICS):
    item = InaccurateCaption(f"clip{number}", 1, "man", ("man",), 4, 5, ("a dog", "a dog"))
    return Result(
        item, trial(forth, lost=number - 1), trial(back, direction="second → first"), "dance", trial(control), metrics,
        Others(9, 9 - number, 5, number - 1),
    )  # fmt: skip


PASSED_OVER = Result(
    InaccurateCaption("clip9", 2, "sea", ("waves",), 3, 5, ("a", "a")), HalfTrial("first → second", "No further word.")
)
RESULTS = [
    result(1, GAINED, back=GAINED, metrics={"BLEU-4": 0.5, "CIDEr": 1.1}),
    PASSED_OVER,
    result(2, GAINED, metrics={"BLEU-4": 0.3, "CIDEr": 1.2}),
    result(3, MISSED, control=GAINED),
]
TOGETHER = Together({"clip1": GAINED, "clip2": MISSED, "clip3": MISSED}, {"BLEU-4": 0.2, "CIDEr": 0.9}, 0.1, 9.0)


@pytest.fixture(scope="module")
def experiment():
    counts = (("videos", 100), ("missing", 4))
    return Experiment("frames", 0.664, counts, RESULTS, TOGETHER, METRICS, "the captions of 9 videos", {"seed": 0})


def test_halves_that_gain_a_word_of_the_topic_are_counted(experiment):
    figures = experiment.figures()
    expected = {
        "enhanced": 3, "not_enhanced": 1, "second_halves_gained": 2, "first_halves_gained": 3,
        "second_halves_by_both_measures": 2, "back_taught": 3, "back_gained": 1, "control_gained": 1,
        "together_gained": 1, "seconds": 2.0, "taken_in": 0.75, "unreachable": 0.125,
    }  # fmt: skip
    assert {name: figures[name] for name in expected} == expected
    assert figures["topic_score"] == pytest.approx((0.1, (0.5 + 0.5 + 0.1) / 3))
    assert figures["expected_words"] == pytest.approx((0.2, (0.6 + 0.6 + 0.1) / 3))


def test_reliability_generality_and_locality_are_told_with_their_intervals(experiment):
    figures = experiment.figures()
    expected = {
        "reliability": (3, 3), "generality": (2, 3), "other_topic": (1, 3), "losing_a_topic": (2, 3),
        "wrong_gains": (3, 15), "unchanged": (21, 27),
    }  # fmt: skip
    assert {name: (figures[name]["count"], figures[name]["of"]) for name in expected} == expected
    text = experiment.to_markdown()
    assert "| generality: the other half names it too | 2 of 3 (66.7%; 20.8% to 93.9%) |" in text
    beside = replace(experiment, baseline=replace(experiment, results=[result(1, MISSED)]))
    assert "| generality: the other half names it too | 2 of 3 (66.7%; 20.8% to 93.9%) | 0 of 1" in beside.to_markdown()
    assert (
        beside.to_json()["baseline"]["figures"]["generality"]["count"] == 0 and experiment.to_json()["baseline"] is None
    )


@pytest.mark.parametrize("count, of", [(0, 20), (17, 20), (20, 20), (3, 5000)])
def test_wilsons_interval_holds_the_shares_that_the_count_does_not_contradict(count, of):
    for share in Proportion(count, of).interval:  # at its ends the count is 1.96 standard deviations off, or the end is
        deviation = abs(count / of - share) - 1.96 * (share * (1 - share) / of) ** 0.5
        assert deviation == pytest.approx(0, abs=1e-9)
    assert Proportion(0, 0).interval == (0, 1)


def test_the_table_tells_each_video_and_what_the_metrics_do(experiment):
    text = experiment.to_markdown()
    assert "The captions of two halves have 66% of their words in common." in text
    assert "**2 of 3 second halves gain a word that names the topic** (the paper: 17 of 20)" in text
    assert "| clip1 | man | 4 of 5 | first → second | a dog → a man | a dog → a man | man | 1.5 | 0.1 | 2.0 |" in text
    assert "| clip3 | man | 4 of 5 | first → second | a dog → a man | a dog (stays) | – | 1.5 |" in text
    assert "| – (dance) | 0.5000 | 1.1000 |" in text
    assert "| before | 0.4000 | 1.0000 |" in text and "| after one correction, the worst | 0.3000 | 1.0000 |" in text
    assert "- clip9: No further word." in text and "| missing | 4 |" in text
    assert text.count("second → first") == 3


def test_results_survive_being_kept():
    for one in RESULTS:
        assert from_plain(Result, json.loads(json.dumps(to_plain(one)))) == one
    assert from_plain(Together, json.loads(json.dumps(to_plain(TOGETHER)))) == TOGETHER


def test_an_experiment_in_which_nothing_could_be_taught_says_so():
    text = Experiment("frames", 0.0, (), [PASSED_OVER], None, METRICS, "9 videos", {}).to_markdown()
    assert "No video could be enhanced" in text
