"""Refined models that are not served yet, and the folders of those that are.

ROOT/corrections.db                    the ledger
ROOT/serving/models.config             which version is served, for model servers
ROOT/serving/refusals.json             why corrections were refused, by id; whoever refined
ROOT/serving/topiclens/<version>/      versions, as training or a refinement left them
ROOT/serving/candidates/<version>/     a refined model on its way there
    model/                             its export
    candidate.json                     what the ledger will be told; written last, so that a folder with it is whole
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from topiclens.pipeline.run_metadata import serving_folder
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.serving.model_config import FILE as CONFIG_FILE
from topiclens.serving.saved_model import find_versions

_RECORD = "candidate.json"


@dataclass(frozen=True)
class ModelStore:
    """The folders of a run's versions."""

    root: str

    @property
    def versions(self) -> Path:
        return Path(serving_folder(self.root))

    @property
    def candidates(self) -> Path:
        return Path(self.root, "serving", "candidates")

    @property
    def config(self) -> Path:
        return Path(self.root, "serving", CONFIG_FILE)

    @property
    def _refusals(self) -> Path:
        return Path(self.root, "serving", "refusals.json")

    def refusals(self) -> dict[str, Reason]:
        """Why corrections were refused when they were taught last, by id."""
        told = read_json(self._refusals) if self._refusals.exists() else {}
        return {correction: from_plain(Reason, reason) for correction, reason in told.items()}

    def add_refusals(self, refused: Mapping[str, Reason]) -> None:
        """Keeps them beside those that are known; the root must be held."""
        if refused:
            write_json(self._refusals, to_plain({**self.refusals(), **refused}))

    def version(self, version: str) -> Path:
        """Where a version's export is, or would be."""
        return self.versions / version

    def numbers(self) -> list[int]:
        """Every version that is there, candidates too, in order."""
        return sorted({*find_versions(self.versions), *find_versions(self.candidates)})

    def free_number(self, known: Iterable[str]) -> str:
        """A name for a new version: larger than any that is there or known, and otherwise the time, as TFX pushes."""
        taken = [*self.numbers(), *(int(version) for version in known if version.isdecimal())]
        return str(max([int(time.time()), *(number + 1 for number in taken)]))

    def read(self) -> list[CandidateVersion]:
        """The candidates that are whole, oldest first."""
        return [
            CandidateVersion.load(folder)
            for _, folder in sorted(find_versions(self.candidates).items())
            if (folder / _RECORD).exists()
        ]

    def sweep(self) -> None:
        """Removes candidates that were never finished."""
        if not self.candidates.is_dir():
            return
        for folder in self.candidates.iterdir():
            if folder.is_dir() and not (folder / _RECORD).exists():
                shutil.rmtree(folder)


@dataclass(frozen=True)
class CandidateVersion:
    """A refined model, and what the ledger is told when it is published."""

    version: str  # its name to be
    parent: str  # the version that was refined
    corrections: tuple[str, ...]  # the ids of those that it adds to its parent's, in order
    revoked: tuple[str, ...]  # the ids of the live corrections that cease to be live with it
    by: str  # who asked for it
    verdict: Verdict  # what the gate said
    settings: Mapping[str, str | float | bool | None] = field(default_factory=dict)  # what the refinement was told

    @property
    def blessed(self) -> bool:
        return self.verdict.blessed

    def folder(self, store: ModelStore) -> Path:
        return store.candidates / self.version

    def model(self, store: ModelStore) -> Path:
        """Its export, while it is not published."""
        return self.folder(store) / "model"

    def save(self, store: ModelStore) -> None:
        """Says that the candidate is whole."""
        write_json(self.folder(store) / _RECORD, to_plain(self))

    @classmethod
    def load(cls, folder: str | os.PathLike) -> CandidateVersion:
        return from_plain(cls, read_json(Path(folder, _RECORD)))

    def discard(self, store: ModelStore) -> None:
        """Removes it; its record goes last, so that nobody takes what is left for whole."""
        shutil.rmtree(self.model(store), ignore_errors=True)
        shutil.rmtree(self.folder(store))
