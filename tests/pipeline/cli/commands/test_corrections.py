"""Corrections on the command line, with stand-ins for the model: what people are told, and what they get written."""

import functools
import json

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import look
from topiclens.pipeline.cli import checks
from topiclens.pipeline.cli import main as cli
from topiclens.pipeline.repair import corrections, proposals, refinements
from topiclens.pipeline.repair.corrections import lock_root


@pytest.fixture
def root(tmp_path, monkeypatch) -> str:
    """A root with a pushed version, whose refinements are taught by the stand-in."""
    stand_ins.train(tmp_path, "100")
    refine, rollback = refinements.refine, refinements.rollback
    monkeypatch.setattr(refinements, "refine", lambda *a, **options: refine(*a, **options, teacher=stand_ins.teach))
    monkeypatch.setattr(refinements, "rollback", lambda *a, **options: rollback(*a, **options, teacher=stand_ins.teach))
    return str(tmp_path)


@pytest.fixture
def run(root, capsys):
    def run(*arguments) -> str:
        """What a command prints; a code other than 0 goes before it."""
        capsys.readouterr()
        code = cli.main([*arguments, "--root", root])
        printed = capsys.readouterr()
        return (f"{code} " if code else "") + printed.out + printed.err

    return run


def propose(root, video) -> proposals.Proposal:
    return proposals.propose(root, video, ["dance"], "Ann", model=stand_ins.AskedModel())[0]


def test_a_proposal_is_told_with_its_strength_or_with_why_there_is_none(root, run, monkeypatch):
    by_stand_in = functools.partial(proposals.propose, model=stand_ins.AskedModel())
    monkeypatch.setattr(proposals, "propose", by_stand_in)
    monkeypatch.setattr(checks, "check_correction", lambda *asked: None)
    told = run("correct", "v1", "--topic", "dance", "--author", "Ann")
    (correction,) = look(root)
    assert told.startswith("now:  a girl\nwith dance, strength 0.5:  a girl dancing\n") and correction.id in told
    told = run("correct", "hopeless", "--topic", "dance")
    assert "as the stand-in says" in told and "no refinement takes it in" in told
    told = run("correct", "v2", "--topic", "dance", "--from", "3", "--to", "5")
    assert "with dance, 3 s to 5 s, strength 0.5:  a girl dancing" in told
    listed = json.loads(run("corrections", "--json").splitlines()[-1])
    assert listed["stretch"] == {"start_s": 3.0, "end_s": 5.0}
    assert "v2 misses dance, 3 s to 5 s" in run("corrections", "--history", listed["id"])
    assert run("correct", "v2", "--topic", "dance", "--from", "5", "--to", "3").startswith("1 ")


def test_what_was_refused_and_is_said_again_is_told_with_the_way_to_try_it_again(root, run, monkeypatch):
    monkeypatch.setattr(proposals, "propose", functools.partial(proposals.propose, model=stand_ins.AskedModel()))
    monkeypatch.setattr(checks, "check_correction", lambda *asked: None)
    say = ("correct", "bad", "--topic", "dance", "--author", "Ann")
    assert "is previewed" in run(*say)
    assert "not blessed" in run("refine")
    (correction,) = look(root)
    assert f"was refused; 'topiclens refine --only {correction.id}'" in run(*say)
    assert run("refine").startswith("1 ") and "refine --only ID" in run("refine")
    assert f"{correction.id[:8]}  refused" in run("corrections", "--state", "refused") and len(look(root)) == 1


def test_corrections_are_listed_with_their_captions_and_in_one_state(root, run):
    assert run("corrections").startswith("No corrections.")
    one = propose(root, "v1").correction.id
    propose(root, "hopeless")
    lines = run("corrections").splitlines()
    assert lines[0].split()[:4] == ["id", "state", "video", "misses"] and max(map(len, lines)) <= 80
    first, second = (line.split() for line in lines[1:] if not line.startswith(" "))
    assert first[:4] == [one[:8], "previewed", "v1", "dance"] and second[1] == "proposed"
    shown = " ".join(line[lines[0].index("captions") :].strip() for line in lines[1:])
    assert "a girl → a girl dancing" in shown
    assert json.loads(run("corrections", "--state", "previewed", "--json"))["id"] == one


def test_the_way_from_a_proposal_to_a_rollback_is_told_in_words(root, run):
    one, bad = propose(root, "v1").correction.id, propose(root, "bad").correction.id
    refused = run("refine", "--by", "Ben")
    assert (
        refused.startswith("1 # Refinement: not blessed")
        and f"topiclens refine --only {one[:8]} --root {root}" in refused
    )
    assert f"teaches {one[:8]} to version 100" in run("refine", "--only", one[:8])
    published = run("refine", "--only", one, "--publish", "--by", "Ben")
    version = corrections.open_ledger(root).served().version
    assert f"Version {version} was refined and blessed before." in published
    assert f"Version {version} is served." in published
    listed = run("versions").splitlines()
    assert listed[1].split()[:4] == ["100", "trained", "–", "0"]
    assert listed[2].split()[:4] == [version, "100", one[:8], "1"] and listed[-1].endswith("(now)")
    assert "live with version " + version in run("corrections", "--history", one[:8])
    assert run("rollback", one[:8], "--by", "Cleo") == "Version 100 is served.\n"
    assert run("rollback", bad) == f"Correction {bad} is revoked. It was in no served version.\n"


def test_programs_read_what_a_refinement_and_a_rollback_did(root, run):
    one = propose(root, "v1").correction.id
    refined = json.loads(run("refine", "--publish", "--json", "--quiet"))
    version = corrections.open_ledger(root).served().version
    assert (refined["version"], refined["corrections"], refined["served"]) == (version, [one], True)
    assert refined["verdict"]["blessed"] and refined["parent"] == "100"
    back = json.loads(run("rollback", one, "--json", "--quiet"))
    assert back["served"]["version"] == "100" and back["withdrawn"] is None and not back["refused"]


def test_a_ledger_travels_as_json_lines(root, run, tmp_path):
    one = propose(root, "v1").correction.id
    file = str(tmp_path / "ledger.jsonl")
    assert run("corrections", "--export", file) == f"Wrote 3 lines to {file}\n"
    assert run("corrections", "--import", file) == "0 lines brought something new.\n"
    elsewhere = f"refinement.ledger={tmp_path / 'elsewhere.db'}"
    assert run("corrections", "--set", elsewhere).startswith("No corrections.")
    assert look(root)[0].id == one


def test_whoever_comes_second_is_told_who_is_at_work(root, run):
    propose(root, "v1")
    with lock_root(root, "Ann", "refining"):
        assert "Ann is refining (process" in run("refine")


def test_what_reads_leaves_a_root_without_a_ledger_as_it_is(root, run, tmp_path):
    def content():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    before = content()
    (told,) = map(json.loads, run("versions", "--json").splitlines())
    assert (told["version"], told["by"], told["is_served"], told["has"]) == ("100", "pipeline", True, [])
    assert "100" in run("versions") and run("corrections").startswith("No corrections.")
    assert content() == before
    propose(root, "v1")
    (recorded,) = map(json.loads, run("versions", "--json").splitlines())
    assert recorded["version"] == told["version"] and (tmp_path / corrections.LEDGER_FILE).exists()
