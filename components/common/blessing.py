"""Whether a model may be published, and why: for the Pusher and for people."""

import dataclasses
import os
import pathlib
from typing import Any

from topiclens.schemas.files import read_json, write_json, write_text
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.verdicts import Reason

BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"


@dataclasses.dataclass(frozen=True)
class Blessing:
    """The reasons for and against publishing a model, found on one split of the data."""

    split: str
    reasons: tuple[Reason, ...]

    @property
    def blessed(self) -> bool:
        return all(reason.met for reason in self.reasons)


def verdict_of(passed: bool) -> str:
    """How a reason ends."""
    return "met" if passed else "not met"


def write_blessing(folder: str | os.PathLike, blessing: Blessing) -> None:
    """Writes `reasons.txt` and `reasons.json`, then the empty file `BLESSED` or `NOT_BLESSED`, never both."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    verdict, other = (BLESSED, NOT_BLESSED) if blessing.blessed else (NOT_BLESSED, BLESSED)
    (folder / other).unlink(missing_ok=True)
    lines = [f"{'+' if reason.met else '-'} {reason.words}" for reason in blessing.reasons]
    write_text(folder / "reasons.txt", "\n".join((verdict, *lines)) + "\n")
    write_json(folder / "reasons.json", {"blessed": blessing.blessed, **to_plain(blessing)})
    write_text(folder / verdict, "")


def mark(artifact: Any, blessing: Blessing) -> None:
    """Says on a TFX `ModelBlessing` whether the model is blessed, which is what the Pusher looks at, and why."""
    artifact.set_int_custom_property("blessed", int(blessing.blessed))
    artifact.set_string_custom_property("reasons", " ".join(reason.words for reason in blessing.reasons))


def read_blessing(folder: str | os.PathLike) -> Blessing:
    """Reads what `write_blessing` wrote."""
    return from_plain(Blessing, read_json(pathlib.Path(folder) / "reasons.json"))
