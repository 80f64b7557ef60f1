"""The evaluation puts the metrics together: checks, splits, slices, and what it leaves on disk."""

import json

import pytest

from topiclens.components.captions import evaluator, report
from topiclens.components.captions.cider import CiderScorer
from topiclens.components.captions.evaluator import CaptionsError, EpochScores, evaluate_captions, score_captions
from topiclens.components.captions.report import (
    best_and_worst,
    format_summary,
    read_figures,
    split_figures,
    write_report,
)

PURE = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr")
REFERENCES = {"dog": ["A dog runs.", "The dog is running!"], "cat": ["A cat sleeps."], "man": ["Someone eats."]}
CAPTIONS = {"dog": "the dog runs", "cat": "a dog runs", "man": ""}


def test_captions_are_read_as_coco_caption_tokenises_them():
    raw = score_captions(
        {"a": ["The dogs' ball isn't red!"], "b": ["x"]}, {"a": "the dogs ball is n't red", "b": "x"}, PURE
    )
    assert raw["ROUGE-L"] == 1.0
    assert raw["BLEU-4"] == pytest.approx(1.0, abs=1e-6)


def test_the_order_of_the_videos_changes_nothing(corpus):
    references, captions = corpus(1)
    backwards = [dict(reversed(given.items())) for given in (references, captions)]
    assert score_captions(references, captions, PURE) == pytest.approx(score_captions(*backwards, PURE))


def test_metrics_come_in_the_fields_order_whatever_order_they_are_asked_in():
    assert list(score_captions(REFERENCES, CAPTIONS, reversed(PURE))) == list(PURE)


def test_a_slice_of_all_videos_has_the_corpus_figures(corpus):
    references, captions = corpus(2)
    evaluation = evaluate_captions(references, captions, PURE, slices={"all": references})
    assert evaluation.slices["all"].metrics == pytest.approx(evaluation.metrics)
    assert evaluation.slices["all"].videos == len(references)


def test_a_slice_is_judged_by_its_own_videos_alone():
    evaluation = evaluate_captions(
        REFERENCES, CAPTIONS, PURE, slices={"dogs": ["dog", "elsewhere"], "nothing": ["elsewhere"]}
    )
    assert list(evaluation.slices) == ["dogs"]
    alone = score_captions({"dog": REFERENCES["dog"]}, {"dog": CAPTIONS["dog"]}, ("BLEU-1", "ROUGE-L"))
    assert {metric: evaluation.slices["dogs"].metrics[metric] for metric in alone} == pytest.approx(alone)


def test_small_slices_are_marked_and_large_ones_come_first():
    members = {"one": ["dog"], "all": list(REFERENCES), "two": ["cat", "man"]}
    evaluation = evaluate_captions(REFERENCES, CAPTIONS, PURE, slices=members, small_slice=2)
    assert [(name, part.small) for name, part in evaluation.slices.items()] == [
        ("all", False),
        ("two", False),
        ("one", True),
    ]


def test_an_empty_caption_counts_as_zero_and_stops_nothing():
    scores = evaluate_captions(REFERENCES, CAPTIONS, PURE).by_video["man"]
    assert scores == pytest.approx(dict.fromkeys(PURE, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("references", "captions", "message"),
    [
        (REFERENCES, {**CAPTIONS, "bird": "a bird"}, "1 videos have a caption but no references .'bird'."),
        (REFERENCES, {"dog": "a dog"}, "2 videos have references but no caption .'cat', 'man'."),
        ({**REFERENCES, "bird": []}, {**CAPTIONS, "bird": "a bird"}, "'bird' has no reference caption"),
        ({**REFERENCES, "dog": "A dog."}, CAPTIONS, "references of video 'dog' are a string"),
        (REFERENCES, {**CAPTIONS, "dog": b"a dog"}, "video 'dog' is b'a dog', a bytes; expected a string"),
        (REFERENCES, {**CAPTIONS, "dog": None}, "video 'dog' is None"),
        ({**REFERENCES, "dog": [3]}, CAPTIONS, "video 'dog' is 3"),
        ({}, {}, "no references"),
    ],
)
def test_captions_that_cannot_be_judged_are_refused_by_name(references, captions, message):
    with pytest.raises(CaptionsError, match=message):
        score_captions(references, captions, PURE)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no metric BLEU-5; those known are BLEU-1, "):
        score_captions(REFERENCES, CAPTIONS, ("BLEU-5",))


def test_epochs_prepare_the_references_once_and_score_as_a_whole_evaluation_does(corpus, monkeypatch):
    references, captions = corpus(3)
    prepared = []
    monkeypatch.setattr(evaluator, "CiderScorer", lambda sentences: prepared.append(1) or CiderScorer(sentences))
    epoch = EpochScores(("CIDEr", "BLEU-4"))
    first, second = epoch(references, captions), epoch(dict(references), captions)
    assert prepared == [1]
    assert first == second
    epoch({"video0": ["a man"]}, {"video0": "a man"})
    assert prepared == [1, 1]
    assert first["CIDEr"] == pytest.approx(score_captions(references, captions)["CIDEr"])


@pytest.fixture
def evaluation(corpus):
    references, captions = corpus(0)
    return evaluate_captions(references, captions, PURE, slices={"topic 3: dog | cat": list(references)[:5]})


def test_what_is_written_is_what_was_judged(evaluation, tmp_path):
    write_report(tmp_path, {"val": evaluation})
    figures = read_figures(tmp_path)["val"]
    assert figures["metrics"] == evaluation.metrics
    assert figures["videos"] == len(evaluation.captions)
    assert figures["slices"]["topic 3: dog | cat"]["small"]
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert {row["video_id"]: row["caption"] for row in rows} == evaluation.captions
    assert rows[0]["references"] == evaluation.references[rows[0]["video_id"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captions.jsonl", "metrics.json", "summary.md"]


def test_the_same_judgement_is_written_to_the_same_bytes(evaluation, tmp_path):
    for name in ("one", "two"):
        write_report(tmp_path / name, {"val": evaluation})
    for file in ("captions.jsonl", "metrics.json", "summary.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_write_that_fails_leaves_the_earlier_file_whole(evaluation, tmp_path, monkeypatch):
    write_report(tmp_path, {"val": evaluation})
    before = (tmp_path / "metrics.json").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(report.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, {"test": evaluation})
    assert (tmp_path / "metrics.json").read_bytes() == before


def test_the_summary_is_a_sound_table_that_names_what_was_not_measured(evaluation, fake_java):
    text = format_summary({"val": evaluation})
    assert f"| val | {len(evaluation.captions)} | {evaluation.metrics['BLEU-1']:.3f} |" in text
    assert r"topic 3: dog \| cat" in text
    assert "5 (few)" in text
    widths = {line.replace(r"\|", "").count("|") for line in text.splitlines() if line.startswith("| val")}
    assert widths == {len(PURE) + 3}
    without = evaluate_captions(REFERENCES, CAPTIONS, start_meteor=lambda: evaluator.Meteor(java="no-such-java"))
    assert "METEOR not measured: no Java ('no-such-java' is not on the PATH)." in format_summary({"val": without})


def test_best_and_worst_captions_are_the_extremes_and_never_the_same(evaluation):
    best, worst = best_and_worst(evaluation, 5)
    ciders = {video_id: scores["CIDEr"] for video_id, scores in evaluation.by_video.items()}
    assert [ciders[video_id] for video_id in best] == sorted(ciders.values(), reverse=True)[:5]
    assert [ciders[video_id] for video_id in worst] == sorted(ciders.values())[:5]
    best, worst = best_and_worst(evaluation, 1000)
    assert not set(best) & set(worst)


def test_figures_tell_other_references_apart_and_ignore_their_order(corpus):
    references, captions = corpus(0)
    shuffled = {video_id: texts[::-1] for video_id, texts in reversed(references.items())}
    fingerprints = [
        split_figures(evaluate_captions(given, captions, ("BLEU-1",)))["references_sha256"]
        for given in (references, shuffled, {**references, "video0": ["another one"]})
    ]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
