"""A root without a model: versions are small folders that tell what was taught to them, and so what must be live.

Nothing here imports TensorFlow, so that a process may be made, killed and made again many times a minute.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.repair.proposals import VideoFeatures
from topiclens.schemas.plain import to_plain
from topiclens.schemas.verdicts import Reason, Verdict

TAUGHT = "taught.json"


def train(root, version: str, taught=()) -> Path:
    """What a run of the pipeline leaves, made aside, as the Pusher does.

    Args:
        taught: ids of the corrections that its own step of refinement taught.
    """
    store = ModelStore(str(root))
    shutil.rmtree(store.versions / ".incoming", ignore_errors=True)
    folder = _write(store.versions / ".incoming" / version, list(taught))
    if taught:
        (folder / "assets.extra").mkdir()
        (folder / "assets.extra" / "verdict.json").write_text(
            json.dumps(to_plain(Verdict(True, (), taught=tuple(taught))))
        )
    return folder.rename(store.version(version))


def taught_to(folder: Path) -> list[str]:
    """The ids of the corrections that a version was taught, its ancestors' first."""
    return json.loads((folder / TAUGHT).read_text())


def _write(folder: Path, ids: list[str]) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    (folder / TAUGHT).write_text(json.dumps(ids))
    return folder


@dataclass(frozen=True)
class Topic:
    id: int = 3
    name: str = "dance"
    words: tuple[str, ...] = ("dancing", "stage")


@dataclass(frozen=True)
class Point:
    strength: float
    caption: str


@dataclass(frozen=True)
class Sweep:
    """Two strengths, of which the second brings the topic in, unless none does."""

    works: bool = True

    naming = ("dancing",)
    verdict = "as the stand-in says"

    @property
    def points(self) -> tuple[Point, Point]:
        return Point(0.0, "a girl"), Point(0.5, "a girl dancing" if self.works else "a girl")

    def at(self, strength: float) -> Point:
        return next(point for point in self.points if point.strength == strength)


@dataclass(frozen=True)
class AskedModel:
    """Sees every video that is asked for; no strength brings a topic into the video `hopeless`."""

    version: str = "100"

    def topic(self, wanted) -> Topic:
        return Topic()

    def video(self, wanted: str) -> VideoFeatures:
        return VideoFeatures(wanted, "0" * 64, np.ones((2, 4), np.float32))

    def sweep(self, video: VideoFeatures, topic: int, strengths=None, stretch=None) -> Sweep:
        return Sweep(works=not video.video_id.startswith("hopeless"))


def teach(root, parent: str, output: str, batch, live, settings=None, progress=None) -> Verdict:
    """Teaches a batch; the gate refuses the corrections of the video `bad`, and the video `mute` teaches nothing."""
    ids = [correction.id for correction in batch if correction.video_id != "mute"]
    culprits = tuple(correction.id for correction in batch if correction.video_id == "bad")
    _write(Path(output), [*taught_to(Path(parent)), *ids])
    captions = dict.fromkeys(ids, "a girl dancing")
    passing = tuple(item for item in ids if item not in culprits)
    aside = {correction.id: "No strength brings it in." for correction in batch if correction.video_id == "mute"}
    reasons = tuple(Reason("corrected", False, "It has no further word of dance: not met.", one) for one in culprits)
    return Verdict(not culprits, reasons, culprits, captions, taught=tuple(ids), passing=passing, set_aside=aside)


def disagreements(root, ledger) -> list[str]:
    """What ledger, served folder, pinned version and candidates do not agree on; nothing after a recovery."""
    from topiclens.serving import model_config

    store, found = ModelStore(str(root)), list(ledger.disagreements())
    served = ledger.served()
    live = sorted(correction.id for correction in ledger.corrections("live"))
    taught = sorted(taught_to(store.version(served.version)))
    if taught != live:
        found.append(f"version {served.version} was taught {taught}, and {live} are live")
    pinned = model_config.read_policy(store.config, "topiclens").labels["stable"]
    if str(pinned) != served.version:
        found.append(f"version {pinned} is pinned, and {served.version} is served")
    recorded = {version.version for version in ledger.versions()}
    waiting = {item for candidate in store.read() for item in candidate.corrections if candidate.blessed}
    loose = {correction.id for correction in ledger.corrections("in candidate")} - waiting
    if loose:
        found.append(f"{sorted(loose)} are in a candidate that is not there")
    for number in os.listdir(store.versions):
        if number.isdecimal() and number not in recorded:
            found.append(f"version {number} is there and not recorded")
    for folder in store.candidates.iterdir() if store.candidates.is_dir() else ():
        if folder.name in recorded or not (folder / "candidate.json").exists():
            found.append(f"candidate {folder.name} is published or half made, and still there")
    return found
