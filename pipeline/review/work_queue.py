"""The clips in the order in which people are to look at them, with what they did about them already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from topiclens.pipeline.review.clips import ClipMedia, Clips
from topiclens.pipeline.review.ranking import RankedClip, Ranking
from topiclens.schemas.corrections import Assignment, Look, State, WrittenCaption
from topiclens.serving.review.marks import Marks, is_wanted, looked_at, marks_of, next_clip
from topiclens.serving.review.shown import Described, QueueFilter, QueueItem, QueuePage, ReviewedCorrection

SEEN = 0.5  # from this score on, a model sees a topic
_UNKNOWN = ("", 0.0, ("not captioned yet",))
_EARLIER = "as the version before said; the served one is being asked"


@dataclass(frozen=True)
class WorkQueue:
    """The queue at one moment."""

    clips: Clips
    splits: tuple[str, ...]  # whose clips are the queue
    items: tuple[QueueItem, ...]  # its clips, the highest score first; last those that nobody has captioned yet
    ranked: Mapping[str, RankedClip]  # by id, those that are captioned
    marks: Marks  # of all clips that were read
    waiting: int  # how many the served version was not asked about yet
    assigned: Mapping[str, str] = field(default_factory=dict)  # id -> whose clip it is

    @classmethod
    def of(
        cls,
        clips: Clips,
        media: ClipMedia,
        ranking: Ranking,
        version: str,
        looks: Sequence[Look],
        corrections: Sequence[ReviewedCorrection],
        assignments: Sequence[Assignment],
        written: Sequence[WrittenCaption],
        splits: tuple[str, ...],
    ) -> WorkQueue:
        """The queue of the clips of some splits, for the version that is served."""
        corrected = Counter(one.video_id for one in corrections if one.state is not State.REVOKED)
        earlier, current = ranking.earlier(), ranking.ordered()  # in this order: what is ranked meanwhile is in both
        known = {one.video_id: one for one in [*earlier.values(), *current]}
        ranked = {one.video_id: one for one in sorted(known.values(), key=RankedClip.place)}
        marks = marks_of(
            {name: one.said.caption for name, one in ranked.items()},
            version,
            (look for look in looks if look.video_id in clips),
            (one for one in corrections if one.video_id in clips),
            (one for one in written if one.video_id in clips),
        )
        assigned = {one.video_id: one.to for one in assignments if one.to is not None and one.video_id in clips}
        ids, items = clips.ids(splits), []
        queued = set(ids)
        for name in [*(name for name in ranked if name in queued), *(name for name in ids if name not in ranked)]:
            one = ranked.get(name)
            caption, score, reasons = (one.said.caption, one.score.value, one.score.reasons) if one else _UNKNOWN
            items.append(
                QueueItem(
                    name,
                    caption,
                    round(score, 3),
                    (_EARLIER, *reasons) if one is not None and one is earlier.get(name) else reasons,
                    # The middle frame; what is in the middle of a clip is mostly what it is about.
                    picture=clips.lengths[name] // 2 if media.expected(name) else None,
                    corrections=corrected[name],
                    marks=marks.get(name, ()),
                    captioned=one is not None,
                    assigned=assigned.get(name, ""),
                    split=clips.rows[name]["split"],
                )
            )
        waiting = len(queued.difference(one.video_id for one in current))
        return cls(clips, splits, tuple(items), ranked, marks, waiting, assigned)

    def page(self, limit: int, offset: int, wanted: QueueFilter, person: str) -> QueuePage:
        """Some of those that are wanted. Clips that were corrected come last."""
        found = sorted(self._wanted(wanted), key=lambda item: item.corrections > 0)
        marks = {item.video_id: item.marks for item in self.items if item.marks}
        seen, yours = looked_at(marks, person), {item.video_id for item in self.items if item.assigned == person}
        return QueuePage(
            tuple(found[offset : offset + limit]),
            total=len(found),
            clips=len(self.items),
            looked_at=len(seen),
            looked_at_by_any=len(marks),
            reviewers=tuple(sorted({mark.by for people in marks.values() for mark in people})),
            next_id=self.following(None, person, wanted),
            waiting=self.waiting,
            yours=len(yours),
            yours_looked_at=len(yours & seen),
            assignees=tuple(sorted({item.assigned for item in self.items} - {""})),
            splits=self.clips.splits,
            shown_splits=self.splits,
        )

    def following(self, video_id: str | None, person: str, wanted: QueueFilter) -> str | None:
        """The next clip for a person after one, or the first one (`topiclens.serving.review.marks.next_clip`)."""
        order, among = [item.video_id for item in self.items], {item.video_id for item in self._wanted(wanted)}
        return next_clip(order, video_id, among, self.marks, person, wanted)

    def _wanted(self, wanted: QueueFilter) -> list[QueueItem]:
        return [
            item
            for item in self.items
            if wanted.assigned in ("", item.assigned)
            and is_wanted(item.marks, wanted)
            and _matches(wanted.search, item.caption, item.video_id)
            and (wanted.topic is None or self._is_about(item.video_id, wanted.topic))
            and wanted.described in (None, Described.YES if self.clips.references[item.video_id] else Described.NO)
        ]

    def _is_about(self, video_id: str, topic: int) -> bool:
        """Whether the model sees a topic in a clip, or its caption may miss it."""
        clip = self.ranked.get(video_id)
        if clip is None:
            return False
        scores = clip.said.topic_scores
        seen = scores is not None and topic < len(scores) and scores[topic] >= SEEN
        return bool(seen) or any(one.topic == topic for one in clip.missing)


def _matches(search: str, *texts: str) -> bool:
    return all(any(word in text.lower() for text in texts) for word in search.lower().split())
