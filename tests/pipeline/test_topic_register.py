"""Whose topic ids a run keeps, from run to run on one root."""

import pathlib

import pytest

from tests.components.topics.conftest import planted_documents
from topiclens.components.topics import fitting
from topiclens.components.topics.governance import Governance, GovernanceError
from topiclens.pipeline import topic_register
from topiclens.pipeline.run_metadata import Outcome
from topiclens.pipeline.settings import Settings

SETTINGS = Settings()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of two topic models."""
    folders = []
    for seed in (0, 1):
        folders.append(str(tmp_path_factory.mktemp(f"model{seed}")))
        fitting.fit(planted_documents(20), n_topics=3, iterations=2, seed=seed).model.save(folders[-1])
    return folders


def _run(root, settings, model, content="data", governance=Governance(), blessed=True):
    """What `local_runner.run` does about topics; gives the earlier model that the run keeps ids of."""
    asked = topic_register.request_key(settings, content, governance)
    previous = topic_register.previous_of(settings, str(root), asked)
    if blessed:
        topic_register.remember(Outcome(str(root), {"topiclens.TopicModel": model}, True), asked, previous)
    return previous


def _bytes(folder):
    return pathlib.Path(folder, "model.npz").read_bytes()


def test_the_first_run_has_no_earlier_one_and_neither_has_its_repetition(tmp_path, models):
    assert _run(tmp_path, SETTINGS, models[0]) is None
    assert _run(tmp_path, SETTINGS, models[0]) is None


def test_a_run_that_asks_for_something_else_keeps_the_last_ids_and_so_does_its_repetition(tmp_path, models):
    _run(tmp_path, SETTINGS, models[0])
    other = SETTINGS.changed(["topics.alpha=0.1"])
    previous = _run(tmp_path, other, models[1])
    assert _bytes(previous) == _bytes(models[0])
    assert _run(tmp_path, other, models[1]) == previous, "its own topics are not its earlier ones"
    back = _run(tmp_path, SETTINGS, models[0])
    assert _bytes(back) == _bytes(models[1]), "the last are those of the run in between"


@pytest.mark.parametrize("change", [{"content": "more data"}, {"governance": Governance(ban=(2,))}])
def test_other_captions_and_decisions_are_something_else(tmp_path, models, change):
    _run(tmp_path, SETTINGS, models[0])
    assert _bytes(_run(tmp_path, SETTINGS, models[1], **change)) == _bytes(models[0])


@pytest.mark.parametrize("change", ["training.epochs=3", "evaluation.split=test", "topics.governance=x"])
def test_what_has_nothing_to_do_with_topics_leaves_them_alone(tmp_path, models, change):
    _run(tmp_path, SETTINGS, models[0])
    assert _run(tmp_path, SETTINGS.changed([change]), models[0], governance=Governance(rename={1: "x"})) is None


def test_topics_of_a_run_that_was_not_blessed_are_nobodys_last(tmp_path, models):
    _run(tmp_path, SETTINGS, models[0])
    other = SETTINGS.changed(["topics.alpha=0.1"])
    first = _run(tmp_path, other, models[1], blessed=False)
    assert _run(tmp_path, other, models[1]) == first


def test_another_model_may_be_named_and_none_too(tmp_path, models):
    _run(tmp_path, SETTINGS, models[0])
    named = SETTINGS.changed([f"topics.previous={models[1]}"])
    previous = _run(tmp_path, named, models[0])
    assert _bytes(previous) == _bytes(models[1]) and previous.startswith(str(tmp_path)), "kept, should it go away"
    assert _run(tmp_path, SETTINGS.changed(["topics.alpha=0.1", "topics.previous=none"]), models[0]) is None
    with pytest.raises(FileNotFoundError, match="No topic model in"):
        _run(tmp_path, SETTINGS.changed(["topics.previous=nowhere"]), models[0])


def test_topics_that_were_decided_upon_are_held_where_no_run_left_its_own(tmp_path, models):
    outcome = Outcome(str(tmp_path), {"topiclens.TopicModel": models[0]}, False)
    topic_register.hold(outcome)
    topic_register.hold(Outcome(str(tmp_path), {"topiclens.TopicModel": models[1]}, False))
    assert _bytes(_run(tmp_path, SETTINGS, models[1])) == _bytes(models[0])


def test_decisions_lie_in_the_root_or_where_a_setting_says(tmp_path):
    (tmp_path / "governance.json").write_text('{"ban": [1]}')
    (tmp_path / "mine.json").write_text('{"ban": [2]}')
    assert topic_register.governance_of(SETTINGS, str(tmp_path)).ban == (1,)
    mine = SETTINGS.changed([f"topics.governance={tmp_path / 'mine.json'}"])
    assert topic_register.governance_of(mine, str(tmp_path)).ban == (2,)
    assert not topic_register.governance_of(SETTINGS, str(tmp_path / "new"))
    with pytest.raises(GovernanceError, match="There is no file 'nowhere.json'"):
        topic_register.governance_of(SETTINGS.changed(["topics.governance=nowhere.json"]), str(tmp_path))
