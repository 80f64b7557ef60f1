"""METEOR is the authors' own program, or it is not measured, and the reason is said."""

import shutil
import time

import pytest
from pycocoevalcap.meteor.meteor import Meteor as CocoMeteor

from topiclens.components.captions import meteor
from topiclens.components.captions.evaluator import evaluate_captions
from topiclens.components.captions.meteor import Meteor, MeteorUnavailable, SharedMeteor

REFERENCES = {"clip": ["a dog runs"], "other": ["two cats sleep"]}
CAPTIONS = {"clip": "a dog is running", "other": ""}


def ask(**arguments):
    with Meteor(**arguments) as program:
        return program.scores([program.statistics(["a dog runs"], "a dog")])


def test_without_java_the_reason_says_so():
    with pytest.raises(MeteorUnavailable, match="no Java .*'no-such-java' is not on the PATH"):
        ask(java="no-such-java")


def test_without_the_wheel_the_reason_says_so(fake_java, monkeypatch):
    monkeypatch.setattr(meteor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MeteorUnavailable, match="pycocoevalcap.* is not installed"):
        ask(java=fake_java("exit 0"))


def test_a_program_that_dies_at_the_start_is_reported_with_its_last_words(fake_java):
    java = fake_java('echo "Error: Could not reserve enough space for object heap" >&2; exit 1')
    with pytest.raises(MeteorUnavailable, match="exit code 1: Error: Could not reserve"):
        ask(java=java)


def test_a_program_that_dies_on_the_way_is_reported(fake_java):
    with pytest.raises(MeteorUnavailable, match="stopped with exit code 3"):
        ask(java=fake_java("read line; echo '1 2 3'; exit 3"))


def test_a_silent_program_is_stopped_with_everything_it_started(fake_java):
    start = time.monotonic()
    with pytest.raises(MeteorUnavailable, match="no answer within 0.5 s"):
        ask(java=fake_java("sleep 300"), start_seconds=0.5)
    assert time.monotonic() - start < 60


def test_an_answer_that_is_no_score_is_reported(fake_java):
    with pytest.raises(MeteorUnavailable, match="'Error: specify SCORE'.* where scores were expected"):
        ask(java=fake_java("read a; echo '1 2 3'; read b; echo 'Error: specify SCORE'; echo 0.5"))


def test_a_caption_cannot_forge_the_separator_of_the_protocol(fake_java, tmp_path):
    log = tmp_path / "asked"
    with Meteor(java=fake_java(f"while read line; do echo \"$line\" >> {log}; echo '1 2 3'; done")) as program:
        program.statistics(["a ||| b", "c\nd"], "e|||| f")
        program.statistics(["a"], "")
    assert log.read_text() == "SCORE ||| a b ||| c d ||| e f\nSCORE ||| a |||\n"


def test_the_judge_goes_on_without_meteor_and_says_why(fake_java):
    java = fake_java("exit 7")
    evaluation = evaluate_captions(REFERENCES, CAPTIONS, start_meteor=lambda: Meteor(java=java))
    assert "METEOR" not in evaluation.metrics
    assert evaluation.not_measured == {"METEOR": "METEOR stopped with exit code 7"}
    assert set(evaluation.metrics) == {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr"}


def test_a_metric_that_is_not_asked_for_starts_no_program():
    def refuse():
        raise AssertionError("METEOR was started")

    evaluation = evaluate_captions(REFERENCES, CAPTIONS, ("CIDEr",), start_meteor=refuse)
    assert evaluation.not_measured == {}


def test_evaluations_that_share_a_program_start_it_once_and_end_it(fake_java, tmp_path):
    log = tmp_path / "lives"
    answers = "case $line in EVAL*) seq 1 3;; *) echo 1;; esac"
    java = fake_java(f"echo begins >> {log}; while read line; do {answers}; done")
    with SharedMeteor(lambda: Meteor(java=java)) as shared:
        evaluate_captions(REFERENCES, CAPTIONS, ("CIDEr",), start_meteor=shared.open)
        assert not log.exists()  # nobody asked for it
        for _ in range(2):
            evaluation = evaluate_captions(REFERENCES, CAPTIONS, ("METEOR",), start_meteor=shared.open)
            assert evaluation.metrics == {"METEOR": 3.0}
        process = shared._program._process
    assert log.read_text() == "begins\n"
    assert process.poll() is not None


def test_a_shared_program_that_cannot_start_gives_every_evaluation_the_reason():
    with SharedMeteor(lambda: Meteor(java="no-such-java")) as shared:
        for _ in range(2):
            evaluation = evaluate_captions(REFERENCES, CAPTIONS, ("METEOR",), start_meteor=shared.open)
            assert "no Java" in evaluation.not_measured["METEOR"]


@pytest.mark.data
def test_meteor_equals_coco_captions_in_each_video_each_slice_and_the_corpus(corpus):
    if shutil.which("java") is None:
        pytest.skip("no Java on the PATH, which METEOR 1.5 needs")
    references, captions = corpus(0)
    some = list(references)[:10]
    evaluation = evaluate_captions(references, captions, ("METEOR",), slices={"some": some})
    coco, listed = CocoMeteor(), {key: [text] for key, text in captions.items()}
    expected, expected_each = coco.compute_score(references, listed)
    expected_some, _ = coco.compute_score(*({key: given[key] for key in some} for given in (references, listed)))
    assert evaluation.metrics["METEOR"] == pytest.approx(expected, abs=1e-6)
    assert [scores["METEOR"] for scores in evaluation.by_video.values()] == pytest.approx(expected_each, abs=1e-6)
    assert evaluation.slices["some"].metrics["METEOR"] == pytest.approx(expected_some, abs=1e-6)
