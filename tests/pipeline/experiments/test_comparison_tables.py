"""The tables of a comparison: intervals, differences paired by seed, controls."""

import numpy as np
import pytest
from scipy import stats

from topiclens.pipeline.experiments import comparison_tables
from topiclens.pipeline.experiments.comparison_tables import CONTROLS, DETECTION, FIGURES


def result(value, **others):
    """A training whose every figure is the value, unless told otherwise, and whose controls are a tenth of it."""
    top = dict.fromkeys(DETECTION, value)
    controls = {name: dict.fromkeys(DETECTION, value / 10) for name in CONTROLS}
    flat = {path: value for path in FIGURES if "." not in path}
    return flat | {"top": top, "controls": controls} | others


def test_the_interval_is_students():
    values = [0.5, 0.6, 0.55, 0.7, 0.62]
    mean, half = comparison_tables.interval(values)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_the_table_shows_means_intervals_and_what_was_not_measured():
    rows = [result(0.7, purity=None), result(0.9, purity=None)]
    head, *table = comparison_tables.figures_table({"LSTM-B": rows[:1], "LSTM-I": rows}).rows
    assert head == ["figure", "LSTM-B", "LSTM-I"] and table[0][0] == "F1"
    assert ["AUC", "0.7000", "0.8000 ± 1.2706"] in table and ["seeds", "1", "2"] in table
    assert ["purity", *2 * ["not measured"]] in table


def test_differences_are_paired_by_seed():
    theirs = [0.2, 0.5, 0.8]  # the seeds differ much, the models in each seed by little
    gaps = [0.01, 0.012, 0.011]
    ours = [result(base + gap) for base, gap in zip(theirs, gaps)]
    found = comparison_tables.differences(ours, [result(base) for base in theirs])["f1"]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(gaps), scale=stats.sem(gaps))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    # All figures have the same p-value here: Holm's takes it times their number.
    assert found.p == pytest.approx(min(1, len(FIGURES) * stats.ttest_1samp(gaps, 0).pvalue))


def test_holm_by_hand():
    assert comparison_tables.holm([0.01, 0.04, 0.03, np.nan]) == pytest.approx([0.03, 0.06, 0.06, np.nan], nan_ok=True)
    assert comparison_tables.holm([0.9, 0.8]) == [1, 1]
    assert comparison_tables.holm([]) == []


def test_captions_are_no_worse_where_the_whole_interval_is_above_the_margin():
    theirs = [result(0.4), result(0.41), result(0.42)]
    for loss, no_worse in ((0.004, True), (0.009, False)):  # half the interval is 0.0025 wide
        ours = [result(0.4 + n / 100, CIDEr=0.4 + n / 100 - loss + (n - 1) / 1000) for n in range(3)]
        models, _ = comparison_tables.differences_tables({"LSTM-B": theirs, "LSTM-I": ours}, "LSTM-I")
        (cells,) = [row for row in models.rows if row[0] == "CIDEr"]
        assert cells[1].endswith("no worse") is no_worse


def test_controls_stand_beside_the_neurons_and_in_the_differences():
    results = {"LSTM-B": [result(0.2), result(0.3)], "LSTM-I": [result(0.4), result(0.5)]}
    head, *rows = comparison_tables.controls_table(results).rows
    assert head[:3] == ["model", "detector of a topic", "F1"] and len(rows) == 2 * (2 + len(CONTROLS))
    assert ["LSTM-I", "random names", "0.0450 ± 0.0635"] in [row[:3] for row in rows]
    models, controls = comparison_tables.differences_tables(results, "LSTM-I")
    assert models.rows[0] == ["figure", "LSTM-B"] and len(models.rows) == 1 + len(FIGURES)
    assert controls.rows[0] == ["figure", *CONTROLS.values()]
    assert [row[0] for row in controls.rows[1:]] == [
        FIGURES[path] for path in FIGURES if path.split(".")[-1] in DETECTION
    ]


def test_a_result_without_a_figure_or_a_control_is_not_whole():
    whole = result(0.5, purity=None)
    assert comparison_tables.is_complete(whole)
    assert not comparison_tables.is_complete({"auc": 0.5})
    for name in ("f1", "top", "controls"):
        assert not comparison_tables.is_complete({key: value for key, value in whole.items() if key != name})
