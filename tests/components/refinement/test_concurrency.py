"""Several processes write to one ledger: nothing is lost, one wins each transition, and a killed one leaves no half."""

import dataclasses
import json
import subprocess
import sys
import threading

import pytest

from topiclens.components.refinement import store
from topiclens.components.refinement.database import Database
from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError

WRITERS = 3
PROPOSALS = 10

# Each waits for a line on its standard input, so that all begin together.
PREFIX = """
import itertools, json, sys
sys.modules["rfc3987_syntax"] = None  # where it is installed, jsonschema loads it for two seconds, and nobody needs it
from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import CorrectedTopic
url, me, job = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
contents = (f"{number:064x}" for number in itertools.count())
def propose():
    return ledger.propose(author=me, video_id="v", content=next(contents), topic=CorrectedTopic(4, "dance", ("dance",)),
                          caption_before="a girl", model_before="1").id
print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger.open(url)
"""
SAME = """{"author": "Ann", "video_id": "v", "content": "5f" * 32, "caption_before": "a girl", "model_before": "1",
"topic": CorrectedTopic(4, "dance", ("dance",))}"""
PROPOSE_AND_COMPETE = """
mine = [propose() for _ in range(job["proposals"])]
won = []
for contested in job["contested"]:
    try:
        ledger.transition(contested, "previewed", by=me)
        won.append(contested)
    except LedgerError as error:
        assert "cannot become 'previewed'" in str(error), error
print(json.dumps([mine, won]))
"""
PUBLISH = """
candidate = job["candidates"][me]
try:
    ledger.record_version(f"v{me}", parent="1", corrections=[candidate], by=me)
    print(json.dumps(True))
except LedgerError as error:
    assert "lacks the live correction" in str(error), error
    print(json.dumps(False))
"""
PROPOSE_FOR_EVER = """
while True:
    print(propose(), flush=True)
"""


def start(script: str, url: str, name: str, job: object) -> subprocess.Popen:
    command = [sys.executable, "-c", PREFIX + script, url, name, json.dumps(job)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_together(script: str, url: str, job: object) -> list:
    """What each of `WRITERS` processes printed, that all began at the same time."""
    processes = [start(script, url, str(number), job) for number in range(WRITERS)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    outputs = []
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        outputs.append(json.loads(output))
    return outputs


def test_processes_that_write_at_once_lose_nothing_and_one_wins_each_transition(url, making):
    ledger = making.started(url)
    contested = [ledger.propose(**making.proposal | {"content": f"{number:064x}"}).id for number in range(5)]
    outputs = run_together(PROPOSE_AND_COMPETE, url, {"proposals": PROPOSALS, "contested": contested})
    written = {correction.id for correction in ledger.corrections()} - set(contested)
    assert written == {correction_id for mine, _ in outputs for correction_id in mine}
    assert len(written) == WRITERS * PROPOSALS
    assert sorted(correction_id for _, won in outputs for correction_id in won) == sorted(contested)
    for correction_id in contested:
        winner = next(str(number) for number, (_, won) in enumerate(outputs) if correction_id in won)
        assert [event.by for event in ledger.correction(correction_id).history] == ["Ann", winner]


def test_processes_that_say_the_same_at_once_write_one_correction(url, making):
    ledger = making.started(url)
    said = f"print(json.dumps(ledger.propose(**{SAME}).id))"
    assert {*run_together(said, url, None)} == {correction.id for correction in ledger.corrections()}
    assert len(ledger.corrections()) == 1


def test_of_processes_that_publish_from_one_parent_at_once_one_succeeds(url, making):
    ledger = making.started(url)
    candidates = {str(number): making.candidate(ledger) for number in range(WRITERS)}
    outcomes = run_together(PUBLISH, url, {"candidates": candidates})
    assert outcomes.count(True) == 1
    winner = str(outcomes.index(True))
    assert ledger.served().version == f"v{winner}"
    assert [live.id for live in ledger.corrections(state="live")] == [candidates[winner]]
    assert ledger.disagreements() == ()


def test_processes_that_open_a_new_ledger_at_once_all_can(url):
    outputs = run_together("print(json.dumps([propose()]))", url, None)
    assert {correction.id for correction in Ledger.open(url).corrections()} == {one for (one,) in outputs}


def test_what_was_acknowledged_outlives_a_killed_writer(url):
    writer = start(PROPOSE_FOR_EVER, url, "Ann", None)
    assert writer.stdout.readline() == "ready\n", writer.stderr.read()
    writer.stdin.write("go\n")
    writer.stdin.flush()
    acknowledged = [writer.stdout.readline().strip() for _ in range(5)]
    writer.kill()
    acknowledged += [line.strip() for line in writer.stdout if len(line) == 33]  # a last one may be cut short
    writer.communicate(timeout=60)
    ledger = Ledger.open(url)
    kept = [correction.id for correction in ledger.corrections()]
    assert set(acknowledged) <= set(kept) and len(kept) - len(acknowledged) <= 1
    assert ledger.propose(author="Ben", video_id="v", content="5f" * 32, topic=ledger.corrections()[0].topic,
                          caption_before="", model_before="1")  # fmt: skip


def test_threads_that_share_a_ledger_win_each_transition_once(ledger, making):
    correction_id = ledger.propose(**making.proposal).id
    outcomes = []

    def compete(name):
        try:
            ledger.transition(correction_id, "previewed", by=name)
            outcomes.append(name)
        except LedgerError:
            outcomes.append(None)

    threads = [threading.Thread(target=compete, args=(str(number),)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [name for name in outcomes if name]
    assert len(outcomes) == WRITERS and ledger.correction(correction_id).history[-1].by == winner


def test_no_two_events_of_a_correction_can_have_one_number(url, making):
    """The lock keeps writers apart; should anybody write without it, the key still does."""
    ledger = making.started(url)
    moved = ledger.transition(ledger.propose(**making.proposal).id, "previewed", by="Ann")
    with pytest.raises(LedgerError, match="(?i)unique"), Database(url).writing() as connection:
        store.append(connection, moved, known=dataclasses.replace(moved, events=()))
    assert len(ledger.correction(moved.id).history) == 2
