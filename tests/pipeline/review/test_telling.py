"""What the page is told of ledgers and jobs."""

import pytest

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.records import CorrectedTopic, State, now
from topiclens.pipeline.review import telling
from topiclens.pipeline.review.jobs import Course, Order
from topiclens.serving.review.changes import JobState

VERDICT = {
    "blessed": True, "reasons": [{"check": "corrected", "met": True, "words": "It says man.", "correction": "a"}],
    "culprits": [], "captions": {"a": "a man"}, "metrics": {"CIDEr": [0.4, 0.5]}, "taught": ["a"], "set_aside": {},
    "passing": [], "advice": "", "mu": 0.1,
}  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    """One correction that was published with version 2, and taken back with version 1."""
    ledger = Ledger.open(tmp_path / "corrections.db")
    ledger.record_version("1", parent=None, by="training")
    topic = CorrectedTopic(3, "dance", ("dancing",))
    one = ledger.propose(
        author="Ann", video_id="v1", content="0" * 64, topic=topic, caption_before="a girl", model_before="1"
    )
    ledger.transition(one.id, State.PREVIEWED, by="Ann", caption="a girl dancing")
    ledger.transition(one.id, State.IN_CANDIDATE, by="Ben")
    ledger.record_version("2", parent="1", corrections=[one.id], by="Ben", verdict="# Refinement: blessed\n\n- all")
    ledger.serve("1", by="Cid", revoked=[one.id])
    return ledger


def job(running=False, outcome=None, steps=(), error=""):
    order = Order("/srv/run", "1 correction to version 1", "Ann", now(), ("a",))
    return telling.job("000001", order, Course(running, steps, outcome, error))


@pytest.mark.parametrize(
    "course, state",
    [
        ({"running": True}, JobState.RUNNING),
        ({"outcome": {"candidate": "2", "verdict": VERDICT}}, JobState.BLESSED),
        ({"outcome": {"candidate": "2", "verdict": {**VERDICT, "blessed": False}}}, JobState.REFUSED),
        ({"error": "It was broken off."}, JobState.FAILED),
    ],
)
def test_a_job_is_as_far_as_its_worker_left_it(course, state):
    assert job(**course).state is state


def test_a_verdict_keeps_reasons_captions_and_metrics():
    verdict = job(outcome={"candidate": "2", "verdict": VERDICT}).verdict
    assert verdict.reasons[0].text == "It says man." and verdict.reasons[0].holds
    assert verdict.captions == {"a": "a man"}
    assert (verdict.metrics[0].name, verdict.metrics[0].before, verdict.metrics[0].after) == ("CIDEr", 0.4, 0.5)


def test_a_model_without_a_correction_that_is_not_published_says_why():
    told = job(outcome={"kept": True, "candidate": "2", "verdict": VERDICT, "revoked": ["a", "b", "c"]})
    assert told.state is JobState.REFUSED and not told.verdict.blessed
    assert "Without it 2 other live corrections could not be taught again." in told.verdict.reasons[-1].text


@pytest.mark.parametrize("root", [".", "runs", "runs/mine"])
def test_a_root_that_is_a_word_leaves_sentences_alone(root):
    said = "The folder of version 7 is gone. These runs lack it; wait. See runs, and try again."
    assert telling.without_paths(said, root) == said
    assert telling.without_paths(f"{root}/serving/7 is gone.", root) == "the run's folder is gone."


def test_what_a_publication_takes_back_is_told():
    assert job(outcome={"candidate": "2", "verdict": VERDICT, "revoked": ["b"]}).takes_back == ("b",)


def test_what_could_not_be_taught_and_what_to_do_are_among_the_reasons():
    row = {**VERDICT, "blessed": False, "set_aside": {"a": "No neuron."}, "advice": "Without it the rest passes."}
    told = [(reason.text, reason.holds) for reason in job(outcome={"verdict": row}).verdict.reasons[1:]]
    assert told == [("No neuron.", False), ("Without it the rest passes.", False)]


def test_progress_only_grows_and_never_ends_before_the_end():
    courses = [(), (("Reading", 0.0),), (("Reading", 1.0),), (("Reading", 1.0), ("Learning", 0.5))]
    shares = [job(running=True, steps=steps).share for steps in courses]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1
    assert job(running=True, steps=courses[-1]).lines == ("Reading", "Learning (50%)")


def test_errors_tell_nothing_of_where_things_are():
    error = "No version is left in /srv/run/serving/topiclens. Ann is refining on root '/srv/run', wait."
    told = telling.without_paths(error, "/srv/run")
    assert "/srv" not in told and "Ann is refining, wait" in told


def test_versions_tell_what_is_in_them_and_which_answers(ledger):
    newest, oldest = telling.versions(ledger, lambda name: name == "1")
    assert (newest.version, newest.parent, newest.served, newest.available) == ("2", "1", False, False)
    assert newest.verdict == "Refinement: blessed" and newest.added == newest.corrections != ()
    assert oldest.served and oldest.available and oldest.corrections == ()


def test_history_tells_who_did_what_newest_first(ledger):
    entries = telling.history(ledger)
    assert [entry.time for entry in entries] == sorted((entry.time for entry in entries), reverse=True)
    told = [(entry.by, entry.what) for entry in entries]
    assert told[-1] == ("training", "served version 1")
    assert ("Ann", "said that the caption misses “dance”") in told
    assert ("Ann", "saw the caption with “dance”: “a girl dancing”") in told
    assert ("Ben", "published “dance”") in told and ("Cid", "rolled back to version 1") in told
    assert {entry.video_id for entry in entries if "dance" in entry.what} == {"v1"}


def test_a_correction_keeps_its_changes(ledger):
    told = telling.correction(ledger.corrections()[0], "as good as can be")
    assert [change.by for change in told.changes] == ["Ann", "Ann", "Ben", "Ben", "Cid"]
    assert (told.topic, told.caption_after, told.note) == ("dance", "a girl dancing", "as good as can be")
