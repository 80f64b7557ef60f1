"""A blessing says in words why, for every threshold."""

import pytest

from topiclens.components.captions.blessing import bless
from topiclens.components.captions.settings import EvaluationSettings


def figures(references="same", not_measured=None, **metrics):
    metrics = {name.replace("_", "-"): value for name, value in metrics.items()}
    return {"val": {"metrics": metrics, "not_measured": not_measured or {}, "references_sha256": references}}


def words(blessing):
    return [reason.words for reason in blessing.reasons]


def test_a_model_at_its_thresholds_is_blessed_and_one_below_any_is_not():
    thresholds = EvaluationSettings(minimum={"BLEU-4": 0.195, "CIDEr": 0.47})
    good = bless(figures(BLEU_4=0.195, CIDEr=0.5), thresholds, split="val")
    bad = bless(figures(BLEU_4=0.195, CIDEr=0.4699), thresholds, split="val")
    assert good.blessed
    assert not bad.blessed
    assert words(bad) == [
        "BLEU-4 on val is 0.1950; at least 0.195 is asked: met.",
        "CIDEr on val is 0.4699; at least 0.47 is asked: not met.",
    ]


def test_a_threshold_on_a_metric_that_was_not_measured_is_not_met_unless_it_may_be_passed_over():
    without = figures(not_measured={"METEOR": "no Java ('java' is not on the PATH)"}, CIDEr=0.5)
    strict = bless(without, EvaluationSettings(minimum={"METEOR": 0.185}), split="val")
    lenient = bless(without, EvaluationSettings(minimum={"METEOR": 0.185}, allow_unmeasured=True), split="val")
    assert not strict.blessed
    assert lenient.blessed
    assert words(strict)[0].startswith("METEOR not measured: no Java ('java' is not on the PATH).")
    assert words(lenient)[0].endswith("Its threshold is passed over, as `allow_unmeasured` asks.")


@pytest.mark.parametrize(("value", "blessed"), [(0.60, True), (0.5, True), (0.481, True), (0.479, False)])
def test_a_model_may_fall_no_further_below_the_last_blessed_one_than_allowed(value, blessed):
    thresholds = EvaluationSettings(minimum={}, max_drop={"CIDEr": 0.02})
    blessing = bless(figures(CIDEr=value), thresholds, split="val", previous=figures(CIDEr=0.5))
    assert blessing.blessed == blessed


@pytest.mark.parametrize(
    ("previous", "reason"),
    [
        (None, "No blessed model was judged on val before"),
        ({"test": {}}, "No blessed model was judged on val before"),
        (figures(CIDEr=0.9, references="other"), "other videos or references of val: it does not compare"),
        (figures(BLEU_4=0.9), "CIDEr of the last blessed model was not measured"),
    ],
)
def test_where_there_is_nothing_to_compare_with_the_drop_does_not_count_and_the_reason_says_so(previous, reason):
    blessing = bless(
        figures(CIDEr=0.1), EvaluationSettings(minimum={}, max_drop={"CIDEr": 0}), split="val", previous=previous
    )
    assert blessing.blessed
    assert reason in words(blessing)[0]


def test_no_number_is_worse_than_any_threshold():
    assert not bless(figures(CIDEr=float("nan")), EvaluationSettings(minimum={"CIDEr": 0}), split="val").blessed
    drop = EvaluationSettings(minimum={}, max_drop={"CIDEr": 1})
    assert not bless(figures(CIDEr=float("nan")), drop, split="val", previous=figures(CIDEr=0.5)).blessed


def test_without_thresholds_every_model_is_blessed_and_the_reason_says_so():
    blessing = bless(figures(CIDEr=0.0), EvaluationSettings(minimum={}), split="val")
    assert blessing.blessed
    assert words(blessing) == ["No threshold is set for val: every model that was judged is blessed."]


def test_a_split_that_was_not_judged_is_refused():
    with pytest.raises(ValueError, match="split 'test', but val was judged"):
        bless(figures(CIDEr=1.0), EvaluationSettings(minimum={}), split="test")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimum": {"BLEU4": 0.1}}, "`minimum` names BLEU4; the metrics are BLEU-1"),
        ({"max_drop": {"CIDEr": -0.1}}, "`max_drop` of CIDEr is -0.1; expected 0 or more"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EvaluationSettings(**settings)
