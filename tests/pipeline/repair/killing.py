"""Kills whoever corrects, refines, publishes and takes back, and looks at what is left.

    python -m tests.pipeline.repair.killing ROOT --kills 50 --seed 0

A process of its own, so that it can fork without the threads of a test run. Each child does what people do, as fast as
it can, and tells its parent what it was told is done; a SIGKILL ends it at the n-th call of a function or after so many
milliseconds of the processor, drawn at random. Then the root is put right, and everything must agree.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.pipeline.repair import stand_ins
from topiclens.pipeline.repair import corrections, proposals, refinements, versions
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.schemas.corrections import State

CALLS, SECONDS = 200_000, 0.2  # of its own: a child is killed before so many calls or, every other one, so much time


class Person:
    """Does one thing after the other to a root, whatever its state allows."""

    def __init__(self, root: str, rng: random.Random):
        self._root, self._rng = root, rng
        self._store, self._ledger = ModelStore(root), corrections.open_ledger(root)

    def act(self) -> tuple[str, str]:
        """Does something; returns what, and the id or version that it came back with."""
        everything = self._ledger.corrections()
        live = [one.id for one in everything if one.state is State.LIVE]
        waiting = [one for one in everything if one.state in (State.PREVIEWED, State.IN_CANDIDATE)]
        possible = {"propose": 4, "train": 0.3}
        if waiting:
            possible |= {"refine": 5, "withdraw": 0.5}
        if any(candidate.blessed for candidate in self._store.read()):
            possible |= {"publish": 12}
        if live:
            possible |= {"take back": 1, "roll back": 1}
        what = self._rng.choices(list(possible), list(possible.values()))[0]
        match what:
            case "propose":
                video = self._rng.choices(["v1", "v2", "v3", "bad", "hopeless"], [4, 4, 4, 1, 1])[0]
                (made,) = proposals.propose(self._root, video, ["dance"], "Ann", model=stand_ins.AskedModel())
                return what, made.correction.id
            case "train":
                known = (version.version for version in self._ledger.versions())
                return what, stand_ins.train(self._root, self._store.free_number(known)).name
            case "refine":
                only = None if self._rng.random() < 0.2 else self._teachable(live, waiting)
                return what, refinements.refine(self._root, "Ben", only=only, teacher=stand_ins.teach).version
            case "withdraw":
                return what, self._rolled_back(self._rng.choice(waiting).id).withdrawn.id
            case "publish":
                return what, refinements.publish(self._root, "Ben").version
            case "take back":
                return what, self._rolled_back(self._rng.choice(live)).served.version
            case _:
                recorded = [version.version for version in self._ledger.versions()]
                return what, self._rolled_back(self._rng.choice(recorded)).served.version

    def _teachable(self, live, waiting) -> list[str] | None:
        """What the gate takes: without the video `bad`, and with what a new training lacks."""
        kept = versions.list_carried(self._ledger, versions.find_parent(self._ledger))
        good = [one.id for one in waiting if one.video_id != "bad"]
        return [one for one in live if one not in kept] + good or None

    def _rolled_back(self, what: str) -> refinements.Rollback:
        return refinements.rollback(self._root, what, "Cleo", teacher=stand_ins.teach)


def child(root: str, seed: int, pipe: int, calls: int | None) -> None:
    """Acts until it is killed; each thing done is a line in the pipe, and so is a fault."""
    person, left = Person(root, random.Random(seed)), calls

    def count(frame, event, argument) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if calls is not None:
        sys.setprofile(count)
    try:
        while True:
            told = dict(zip(("done", "what"), person.act()))
            os.write(pipe, json.dumps(told).encode() + b"\n")
    except BaseException:
        os.write(pipe, json.dumps({"fault": traceback.format_exc()}).encode() + b"\n")
        os._exit(1)


def processor_seconds(process: int) -> float:
    """What a process has had of the processor: a busy machine must not change what it has done."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def killed(root: str, rng: random.Random, by_time: bool) -> list[dict]:
    """Starts a child, has it killed, and returns what it was told is done."""
    seed, calls, seconds = rng.getrandbits(32), rng.randrange(CALLS), rng.uniform(0, SECONDS)
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        child(root, seed, write, None if by_time else calls)
    os.close(write)
    if by_time:
        while processor_seconds(process) < seconds:
            time.sleep(0.001)
        os.kill(process, signal.SIGKILL)
    with os.fdopen(read, "rb") as pipe:
        lines = pipe.read().splitlines()
    os.waitpid(process, 0)
    return [json.loads(line) for line in lines]


class Witness:
    """Remembers what was told, and finds what is missing."""

    def __init__(self, root: str):
        self._root, self._histories, self._servings = root, {}, ()

    def faults(self, told: list[dict]) -> list[str]:
        """What does not agree once a root was put right, with what was told and with what was there before."""
        found = [line["fault"] for line in told if "fault" in line]
        with corrections.open_recovered_ledger(self._root) as ledger:
            pass
        found += stand_ins.disagreements(self._root, ledger)
        histories = {one.id: one.history for one in ledger.corrections()}
        servings, recorded = ledger.servings(), {version.version for version in ledger.versions()}
        for correction_id, before in self._histories.items():
            if histories.get(correction_id, ())[: len(before)] != before:
                found.append(f"the history of correction {correction_id} was {before}")
        if servings[: len(self._servings)] != self._servings:
            found.append(f"servings were {self._servings}")
        for line in told:
            match line.get("done"), line.get("what"):
                case ("propose", correction_id) if correction_id not in histories:
                    found.append(f"proposal {correction_id} was told to be kept, and is lost")
                case ("withdraw", correction_id) if histories[correction_id][-1].state is not State.REVOKED:
                    found.append(f"correction {correction_id} was told to be revoked, and is not")
                case ("publish" | "take back" | "roll back", version) if version not in {s.version for s in servings}:
                    found.append(f"version {version} was told to be served, and never was")
                case ("train", version) if version not in recorded:
                    found.append(f"version {version} was trained, and is not known")
        self._histories, self._servings = histories, servings
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, witness, done = random.Random(options.seed), Witness(options.root), collections.Counter()
    os.makedirs(options.root, exist_ok=True)
    stand_ins.train(options.root, "100")
    for kill in range(options.kills):
        told = killed(options.root, rng, by_time=bool(kill % 2))
        done.update(line["done"] for line in told if "done" in line)
        if faults := witness.faults(told):
            print(json.dumps({"kill": kill, "faults": faults, "done": done}, indent=1))
            return 1
    print(json.dumps({"kills": options.kills, "done": done}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
