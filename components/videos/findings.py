"""What becomes of a manifest's rows, and the rules that look at several rows at once.

A rule takes the rows that share something and yields each of them again, accepted or rejected. The order in which the
rows come does not matter.
"""

import collections
import dataclasses
import hashlib
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping


@dataclasses.dataclass(frozen=True)
class Accepted:
    """A row that may be used.

    Attributes:
        line: its line in the manifest.
        row: the row as later steps read it: absolute paths, no empty caption, and `content`.
        width: the feature dimension, for precomputed features; otherwise None.
    """

    line: int
    row: dict
    width: int | None = None

    @property
    def video_id(self) -> str:
        return self.row["video_id"]

    @property
    def split(self) -> str:
        return self.row["split"]

    @property
    def content_key(self) -> Hashable:
        """The same for rows cut from the same video; of its own for a text."""
        return self.row.get("content", f"line {self.line}")


@dataclasses.dataclass(frozen=True)
class Rejected:
    """What was set aside: a video, or (`what` = "caption") one caption of a video that stays."""

    line: int
    video_id: str | None
    reason: str
    what: str = "video"


Finding = Accepted | Rejected


def apply_rules(found: Iterable[Finding], held_out: Mapping[str, float]) -> list[Finding]:
    """All rules, by id, by feature width and by content; then `hold_out` with the shares `held_out`."""
    found = _regroup(found, lambda accepted: accepted.video_id, keep_first_of_id)
    found = _regroup(found, lambda accepted: None, keep_common_width)
    found = _regroup(found, lambda accepted: accepted.content_key, keep_splits_apart)
    return [hold_out(one, held_out) if isinstance(one, Accepted) else one for one in found]


def _regroup(
    found: Iterable[Finding], key: Callable[[Accepted], Hashable], rule: Callable[[list[Accepted]], Iterable[Finding]]
) -> list[Finding]:
    """Applies a rule to the accepted rows that share a key; the rejected ones stay as they are."""
    rejected, groups = [], collections.defaultdict(list)
    for one in found:
        if isinstance(one, Accepted):
            groups[key(one)].append(one)
        else:
            rejected.append(one)
    return [*rejected, *(one for group in groups.values() for one in rule(group))]


def keep_first_of_id(rows: Iterable[Accepted]) -> Iterator[Finding]:
    """Of rows with one id, keeps the first of the manifest: which captions belong to which clip cannot be known."""
    first, *others = sorted(rows, key=lambda kept: kept.line)
    yield first
    for other in others:
        where = f"on line {first.line}"
        if other.split != first.split:
            where += f" in split {first.split!r}, here in {other.split!r}: a video belongs to one split"
        reason = f"video_id {other.video_id!r} is there twice, first {where}. The first row stays."
        yield Rejected(other.line, other.video_id, reason)


def keep_common_width(rows: Iterable[Accepted]) -> Iterator[Finding]:
    """Rejects features of another width than most rows have (of two as common, the larger): a model reads one width."""
    rows = list(rows)
    counts = collections.Counter(row.width for row in rows if row.width)
    common = max(counts, key=lambda width: (counts[width], width), default=None)
    for row in rows:
        if row.width in (None, common):
            yield row
        else:
            reason = f"its features are {row.width} wide, those of the dataset {common}."
            yield Rejected(row.line, row.video_id, f"{reason} Extract all of them with one network.")


def keep_splits_apart(rows: Iterable[Accepted]) -> Iterator[Finding]:
    """Of rows with the same content, rejects those that share frames with an earlier row of another split.

    A model must not be judged on videos that it was trained on. Segments of one film may be in different splits if they
    do not overlap; the same content twice in one split, under two ids, does no harm.
    """
    kept: list[Accepted] = []
    for row in sorted(rows, key=lambda accepted: accepted.line):
        clash = next((other for other in kept if other.split != row.split and _overlap(row.row, other.row)), None)
        if clash is None:
            kept.append(row)
            yield row
        else:
            reason = (
                f"it shows the same frames as video {clash.video_id!r} (line {clash.line}) of split {clash.split!r}, "
                f"and is itself in {row.split!r}: results would look better than they are. The first row stays."
            )
            yield Rejected(row.line, row.video_id, reason)


def _overlap(one: Mapping, other: Mapping) -> bool:
    def ends(row: Mapping) -> tuple[float, float]:
        return row.get("start", 0.0), row.get("end", math.inf)

    return ends(one)[0] < ends(other)[1] and ends(other)[0] < ends(one)[1]


def hold_out(accepted: Accepted, shares: Mapping[str, float]) -> Accepted:
    """Moves shares of the training videos to other splits, for a dataset that holds none out itself.

    The draw depends on the video's content: it is the same in every run, and segments of one film stay together.
    """
    if accepted.split != "train" or "content" not in accepted.row:
        return accepted
    draw = int.from_bytes(hashlib.sha256(f"hold out {accepted.content_key}".encode()).digest()[:8]) / 2**64
    for split, share in shares.items():
        if draw < share:
            return dataclasses.replace(accepted, row={**accepted.row, "split": split})
        draw -= share
    return accepted
