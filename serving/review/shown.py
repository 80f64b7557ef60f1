"""What the review page shows: clips and topics; corrections, refinements and versions, with what it adds to them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic

from topiclens.schemas.corrections import Correction, Version, WrittenCaption
from topiclens.schemas.timelines import ExplainedWord, TopicScore, TopicTimeline
from topiclens.schemas.verdicts import Verdict

MAX_STRENGTH = 2.0  # of a topic in a what-if, either way


@pydantic.dataclasses.dataclass(frozen=True)
class ReviewedCorrection(Correction):
    """A correction of the ledger."""

    note: str = ""  # a sentence: on the preview, such as that no strength brings the topic's words in; or why refused
    next_step: str = ""  # of what was refused: why in plain words, and what a person may do
    lacking: bool = False  # live, but training left a model since that was not taught it: the next is made from that

    # The API tells them beside the events, from which they follow.
    state = pydantic.computed_field(Correction.state)
    caption_after = pydantic.computed_field(Correction.caption_after)
    model_after = pydantic.computed_field(Correction.model_after)


MOST_WRITTEN = 200  # characters of a caption that a person writes


@pydantic.dataclasses.dataclass(frozen=True)
class ReviewedCaption(WrittenCaption):
    """A caption of the ledger that a person wrote."""

    unknown: tuple[str, ...] = ()  # its words that the model cannot say

    is_taught = pydantic.computed_field(WrittenCaption.is_taught)


@dataclass(frozen=True)
class ReviewedVersion(Version):
    """A version of the ledger."""

    carried: tuple[str, ...] = ()  # the ids of all corrections in it, its ancestors' first
    served: bool = False  # it answers now
    waits: bool = False  # training left it since, and the next refinement starts from it
    available: bool = True  # it can be rolled back to


class JobState(enum.StrEnum):
    """How far a refinement has come."""

    RUNNING = "running"  # it learns, or the gate looks at what it learnt
    BLESSED = "blessed"  # its candidate waits to be published
    REFUSED = "refused"  # by the gate
    FAILED = "failed"  # it says why
    BROKEN_OFF = "broken off"  # its process was killed; everything is as before
    CANCELLED = "cancelled"  # by a person; everything is as before
    PUBLISHED = "published"  # what it made is in the version that is served
    ROLLED_BACK = "rolled back"  # it was published, and is in the served version no more
    SUPERSEDED = "superseded"  # another version took its place, before it was published or since


@dataclass(frozen=True)
class RefinementJob:
    """A refinement: a batch of corrections on its way into the model, or one on its way out of it."""

    id: str
    title: str  # what it does, such as "3 corrections to version 2"
    state: JobState
    by: str
    started: datetime
    corrections: tuple[str, ...] = ()  # the ids of those it teaches, or takes out
    takes_out: bool = False
    lines: tuple[str, ...] = ()  # what it has done so far, oldest first
    share: float = 0.0  # of it that is done, 0 to 1; only grows
    seconds_left: int | None = None  # while it runs; None where nobody knows
    cancelled_by: str = ""  # who cancelled it; while it runs, it is about to end
    verdict: Verdict | None = None  # the gate's, once there is one
    error: str = ""  # why it failed, in a sentence
    candidate: str | None = None  # the version that it makes, once it has a name
    takes_back: tuple[str, ...] = ()  # the ids of the live corrections that cease to be live once it is published
    later: str = ""  # what became of it since, in a sentence


@dataclass(frozen=True)
class HistoryEntry:
    """Something that was done, in a sentence; with the clip or the version it was done to."""

    time: datetime
    by: str
    what: str
    video_id: str | None = None
    version: str | None = None
    undo: str | None = None  # the id of the correction that this withdrew, and that can be put back


@dataclass(frozen=True)
class TopicChoice:
    """A topic that a caption may miss."""

    id: int
    name: str
    words: tuple[str, ...]  # the most telling first
    neurons: int  # how many carry it; where none does, there is nothing to enhance


class ClipState(enum.StrEnum):
    """What somebody did about a clip's caption, in the words that tell it everywhere."""

    NEW = "not looked at"
    FINE = "fine"
    UNSURE = "unsure"
    SKIPPED = "skipped"
    CORRECTED = "corrected"
    REWRITTEN = "rewritten"


@dataclass(frozen=True)
class ClipMark:
    """What a person did last about a clip's caption."""

    by: str
    state: ClipState
    time: datetime


ANY_SPLIT = "any"


class Described(enum.StrEnum):
    """Whether people described a clip in the dataset."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True)
class SplitChoice:
    """Clips that the queue may show."""

    name: str
    used_for: str = ""  # such as "learnt from"; empty where models know nothing of them
    for_review: bool = False  # part of the queue where nobody asks for something else


@dataclass(frozen=True)
class QueueFilter:
    """Which clips of the queue are wanted; what is left as it is asks for nothing."""

    search: str = ""  # words of the caption or of the id
    topic: int | None = None  # that the model sees, or that the caption may miss
    reviewer: str = ""  # who is to have done something about the clip, or whose `state` is asked for
    state: ClipState | None = None  # of anybody where no reviewer is named
    assigned: str = ""  # whose clip it is
    split: str = ""  # ANY_SPLIT, or one by name; else those that are for review
    described: Described | None = None

    @property
    def query(self) -> dict[str, str | int | None]:
        """The fields of an address that asks for the same."""
        return {
            "search": self.search,
            "about": self.topic,
            "reviewer": self.reviewer,
            "state": self.state,
            "assigned": self.assigned,
            "split": self.split,
            "described": self.described,
        }


@dataclass(frozen=True)
class QueueItem:
    """A clip that may be worth a person's look."""

    video_id: str  # any text; never made part of a path or of an address's path
    caption: str  # that the served model writes
    score: float  # of acquisition, 0 to 1: how much a correction is expected to help; the queue is ordered by it
    reasons: tuple[str, ...]  # why, each a few words, such as "unsure: 0.31 a word"
    picture: int | None = None  # the number of the frame that stands for the clip; None where there is none
    corrections: int = 0  # of it that are not revoked
    marks: tuple[ClipMark, ...] = ()  # one of each person who did something about it
    captioned: bool = True  # False before any version was asked about it
    assigned: str = ""  # who is to look at it; empty for nobody in particular
    split: str = ""  # of the dataset


@dataclass(frozen=True)
class QueuePage:
    """Some of the clips that are wanted, those with the highest scores first."""

    items: tuple[QueueItem, ...]
    total: int  # of those wanted
    clips: int = 0  # of the queue, wanted or not
    looked_at: int = 0  # of these, by the person who asks
    looked_at_by_any: int = 0
    reviewers: tuple[str, ...] = ()  # who did something about any of them, by name
    next_id: str | None = None  # the first that is wanted and that the person who asks did not look at
    waiting: int = 0  # of the queue, those that the served version was not asked about yet; it is being asked
    yours: int = 0  # of the queue, those that are assigned to the person who asks
    yours_looked_at: int = 0  # of these, by that person
    assignees: tuple[str, ...] = ()  # to whom any of them is assigned, by name
    splits: tuple[SplitChoice, ...] = ()  # that may be asked for
    shown_splits: tuple[str, ...] = ()  # whose clips are the queue


@dataclass(frozen=True)
class Suggestion:
    """A topic that the caption may miss, and why, such as "2 of 5 people say “dancing”"."""

    topic_id: int
    name: str
    reason: str
    strength: float | None = None  # that would be taught; None where none brings its words in, or none was tried
    caption: str = ""  # with the topic, at that strength; empty where there is none
    obstacle: str = ""  # the check that would refuse it, or what else speaks against it; empty where nothing is known
    refused: bool = False  # the gate refused it for the version that answers now
    written_by: tuple[str, ...] = ()  # whose captions of the clip speak of it


@dataclass(frozen=True)
class ClipPage:
    """One clip with the evidence."""

    video_id: str
    caption: str
    version: str  # of the model that wrote the caption
    words: tuple[ExplainedWord, ...]  # of the caption, in order: where each looks, and what speaks for it
    frames: int  # how many the model sees
    pictures: bool = False  # whether `ReviewBackend.frame` has them; datasets that bring features alone have none
    seconds: tuple[float, ...] = ()  # (frames,), when each is shown; empty where only features are known
    playable: bool = False  # whether `ReviewBackend.video` has a file
    references: tuple[str, ...] = ()  # what people wrote about it
    reasons: tuple[str, ...] = ()  # as of `QueueItem`
    scores: tuple[TopicScore, ...] = ()  # of all topics, the highest first; empty where there are none (LSTM-B)
    timelines: tuple[TopicTimeline, ...] = ()  # of the topics that the model sees most and of those suggested
    suggestions: tuple[Suggestion, ...] = ()  # what can be taught first, and of that the likeliest
    corrections: tuple[ReviewedCorrection, ...] = ()  # of this clip, newest first
    written: tuple[ReviewedCaption, ...] = ()  # as people would caption it, newest first
    marks: tuple[ClipMark, ...] = ()  # one of each person who did something about it
    assigned: str = ""  # who is to look at it; empty for nobody in particular
    split: str = ""  # of the dataset
    next_id: str | None = None  # the next clip for the person who asks; None where they have looked at all


@dataclass(frozen=True)
class VideoFile:
    """A file that browsers can play, and where in it the clip lies (seconds; None: from its start, to its end)."""

    path: Path
    media_type: str  # video/mp4, video/webm or video/ogg
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class WhatIfResult:
    """What the served model would say if it saw more (or less) of some topics; `scores` as of `ClipPage`."""

    caption: str
    scores: tuple[TopicScore, ...]
    milliseconds: float


@dataclass(frozen=True)
class NewClip:
    """A clip that somebody uploaded and that is to be kept."""

    name: str  # of the file, as its owner calls it: any text
    content: str  # SHA-256 of the file
    frames: tuple[bytes, ...]  # those that the model wants, as JPEG
    seconds: tuple[float, ...]  # when each is shown


@dataclass(frozen=True)
class NewCaption:
    """What the served model says of a clip that somebody uploaded; `scores` as of `ClipPage`."""

    caption: str
    scores: tuple[TopicScore, ...] = ()
    video_id: str = ""  # of a clip that was kept
