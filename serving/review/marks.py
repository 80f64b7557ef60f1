"""What people did about the clips of the queue, and which clip comes next for one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from topiclens.schemas.corrections import Correction, Look, Opinion, State, WrittenCaption
from topiclens.serving.review.shown import ClipMark, ClipState, QueueFilter

_STATES = {Opinion.FINE: ClipState.FINE, Opinion.UNSURE: ClipState.UNSURE, Opinion.SKIP: ClipState.SKIPPED}
Marks = Mapping[str, tuple[ClipMark, ...]]  # video id -> one of each person who did something about it


def marks_of(
    captions: Mapping[str, str],
    version: str,
    looks: Iterable[Look],
    corrections: Iterable[Correction],
    written: Iterable[WrittenCaption] = (),
) -> Marks:
    """What each person did last about each clip.

    A look holds while the caption stays as it was; a correction, or a caption that was written, until it is taken back.

    Args:
        captions: video id -> what the served version says, of those that it has captioned.
        version: that is served.
    """
    found: defaultdict[str, dict[str, ClipMark]] = defaultdict(dict)
    said = [
        *((look.video_id, ClipMark(look.by, _STATES[look.opinion], look.time)) for look in looks
          if look.version == version or look.caption == captions.get(look.video_id)),
        *((one.video_id, ClipMark(one.author, ClipState.CORRECTED, one.time)) for one in corrections
          if one.state is not State.REVOKED),
        *((one.video_id, ClipMark(one.by, ClipState.REWRITTEN, one.time)) for one in written
          if one.withdrawn_by is None),
    ]  # fmt: skip
    for video_id, mark in sorted(said, key=lambda one: one[1].time):
        found[video_id][mark.by] = mark
    return {video_id: tuple(people.values()) for video_id, people in found.items()}


def looked_at(marks: Marks, person: str) -> set[str]:
    """The ids of the clips that a person did something about."""
    return {video_id for video_id, people in marks.items() if any(mark.by == person for mark in people)}


def is_wanted(marks: Sequence[ClipMark], wanted: QueueFilter) -> bool:
    """Whether a clip with these marks is one of those that a filter's reviewer and state ask for.

    A reviewer without a state asks for all that this person did something about.
    """
    states = {mark.state for mark in marks if wanted.reviewer in ("", mark.by)} or {ClipState.NEW}
    if wanted.state is not None:
        return wanted.state in states
    return not wanted.reviewer or ClipState.NEW not in states


def share_out(video_ids: Sequence[str], people: Sequence[str]) -> dict[str, str | None]:
    """Video id -> whose it is, by turns; nobody's where there are no people."""
    return {video_id: people[place % len(people)] if people else None for place, video_id in enumerate(video_ids)}


def next_clip(
    order: Sequence[str], after: str | None, among: Collection[str], marks: Marks, person: str, wanted: QueueFilter
) -> str | None:
    """The next clip for a person: that follows in the order, begun anew after its end, and was not looked at by them.

    Where a reviewer or a state is asked for, it is the one that follows, looked at or not.

    Args:
        order: the ids of all clips.
        after: where in it the person is; None at its beginning.
        among: those that are wanted.
    """
    place = order.index(after) + 1 if after in order else 0
    following, seen = [*order[place:], *order[:place]], looked_at(marks, person)
    if wanted.reviewer or wanted.state is not None:
        following, seen = [*order[place:]], set()
    return next((name for name in following if name in among and name not in seen and name != after), None)
