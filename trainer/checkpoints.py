"""What a training needs to go on after a kill: one file for its whole state, one for its best weights.

`last.npz` holds every variable of the model (with the states of the dropout generators) and of the optimiser, and the
progress as JSON. `best.npz` holds the model of the best epoch. Each is written aside and renamed, so a kill at any
moment leaves whole files. `best.npz` is renamed first: at worst it is one epoch ahead of `last.npz`, and that epoch is
repeated and writes it again.
"""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from topiclens.schemas.files import read_bytes, read_json, write_bytes, write_json

LAST, BEST = "last.npz", "best.npz"
_FINGERPRINT = "fingerprint.json"


class CheckpointMismatch(ValueError):
    """A checkpoint folder that belongs to another training."""


@dataclasses.dataclass
class TrainingState:
    """How far a training has come; epochs are counted from 0, None is before the first.

    Attributes:
        epochs_done: whole epochs.
        best_score, best_epoch: of validation. Higher is better.
        lowered_at: the epoch after which the learning rate was last lowered on a plateau.
        finished: why training is over, or None.
        neuron_names: the topic of each neuron after the last epoch, -1 for none; None where neurons are not named.
        history: the logged figures of each epoch.
    """

    epochs_done: int = 0
    best_score: float | None = None
    best_epoch: int | None = None
    lowered_at: int | None = None
    finished: str | None = None
    neuron_names: list[int] | None = None
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def epochs_without_improvement(self, epoch: int) -> int:
        return 0 if self.best_epoch is None else epoch - self.best_epoch


class Checkpoints:
    """The checkpoint files of one folder, local or remote; the model is compiled and its optimiser built."""

    def __init__(self, folder: str | os.PathLike, model: keras.Model):
        self.folder = os.fspath(folder)
        self.model = model
        tf.io.gfile.makedirs(self.folder)
        for leftover in tf.io.gfile.glob(self._path("*.partial-*")):  # of a kill while writing
            tf.io.gfile.remove(leftover)

    def save(self, state: TrainingState) -> None:
        """Writes the whole state as the last checkpoint."""
        arrays = _named("model", self.model.variables) | _named("optimizer", self.model.optimizer.variables)
        arrays["progress"] = np.array(json.dumps(dataclasses.asdict(state)))
        self._write(LAST, arrays)

    def save_best(self) -> None:
        """Writes the model's present weights as the best ones."""
        self._write(BEST, _named("model", self.model.variables))

    def restore(self) -> TrainingState:
        """Puts the last checkpoint, if there is one, into the model and its optimiser."""
        if not tf.io.gfile.exists(self._path(LAST)):
            return TrainingState()
        arrays = self._read(LAST)
        _assign(self.model.variables, "model", arrays, self._path(LAST))
        _assign(self.model.optimizer.variables, "optimizer", arrays, self._path(LAST))
        return TrainingState(**json.loads(str(arrays["progress"])))

    def restore_best(self) -> bool:
        """Puts the best weights into the model; False where no epoch was validated."""
        if not tf.io.gfile.exists(self._path(BEST)):
            return False
        _assign(self.model.variables, "model", self._read(BEST), self._path(BEST))
        return True

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _write(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_bytes(self._path(name), buffer.getvalue())

    def _read(self, name: str) -> dict[str, np.ndarray]:
        with np.load(io.BytesIO(read_bytes(self._path(name))), allow_pickle=False) as arrays:
            return dict(arrays)


def fingerprint_of(facts: Mapping) -> str:
    """A training's name, from everything that decides its outcome."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=6).hexdigest()


def claim(folder: str | os.PathLike, facts: Mapping[str, Mapping]) -> None:
    """Marks a folder as that of a training, or checks that it is; `facts` decide the training's outcome.

    Facts are sections of names and values, such as {"training": {"seed": 0}, "data": {...}}. CheckpointMismatch: the
    folder belongs to another training; the message says what differs.
    """
    path = os.path.join(os.fspath(folder), _FINGERPRINT)
    facts = json.loads(json.dumps(facts, sort_keys=True))
    if not tf.io.gfile.exists(path):
        write_json(path, facts)
    elif (known := read_json(path)) != facts:
        raise CheckpointMismatch(
            f"{os.fspath(folder)} holds the checkpoints of another training: {'; '.join(_differences(known, facts))}. "
            "Choose another work folder, delete this one to begin anew, or set these back to resume."
        )


def _named(group: str, variables: Sequence) -> dict[str, np.ndarray]:
    return {f"{group}/{i}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}


def _assign(variables: Sequence, group: str, arrays: Mapping[str, np.ndarray], path: str) -> None:
    saved = [name for name in arrays if name.startswith(f"{group}/")]
    shapes = [tuple(variable.shape) for variable in variables]
    if [arrays[f"{group}/{i}"].shape for i in range(len(saved))] != shapes:
        raise CheckpointMismatch(
            f"{path} holds {len(saved)} {group} variables of other shapes than the {len(shapes)} of this program. "
            "It was probably written by another version: choose another work folder to begin anew."
        )
    for i, variable in enumerate(variables):
        variable.assign(arrays[f"{group}/{i}"])


def _differences(known: Mapping, wanted: Mapping) -> list[str]:
    sections = [(section, known.get(section, {}), wanted.get(section, {})) for section in sorted({*known, *wanted})]
    return [
        f"{section} {name} was {before.get(name)!r}, is now {now.get(name)!r}"
        for section, before, now in sections
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
