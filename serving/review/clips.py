"""What the review page shows of clips and topics, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from topiclens.schemas.timelines import TopicScore, TopicTimeline
from topiclens.serving.review.changes import ReviewedCorrection


@dataclass(frozen=True)
class TopicChoice:
    """A topic that neurons may carry.

    Attributes:
        id: stable, and what `what_if` and `propose` take.
        name: what people call it.
        words: its words, the most telling first.
        neurons: how many carry it; where none does, there is nothing to enhance.
    """

    id: int
    name: str
    words: tuple[str, ...]
    neurons: int


@dataclass(frozen=True)
class QueueItem:
    """A clip that may be worth a person's look.

    Attributes:
        video_id: any text; it is unique, and is never made part of a path or an address's path.
        caption: what the served model writes.
        score: of acquisition, how much a correction is expected to help, 0 to 1; the queue is ordered by it.
        reasons: why, each a few words for people, such as "unsure: 0.31 a word".
        picture: the number of the frame that stands for the clip; None where there is no picture of it.
        corrections: how many corrections of it are not revoked.
    """

    video_id: str
    caption: str
    score: float
    reasons: tuple[str, ...]
    picture: int | None = None
    corrections: int = 0


@dataclass(frozen=True)
class QueuePage:
    """Some of the clips, those with the highest scores first, and how many there are in all."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True)
class CaptionWord:
    """A word, and how much of it comes from each frame: `attention` (frames,) adds up to 1; empty if not known."""

    text: str
    attention: tuple[float, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """A topic that the caption may miss.

    Attributes:
        topic_id, name: the topic.
        reason: why, in words, such as "2 of 5 people say “dancing”".
        strength: the smallest that brings its words into the caption; None where that was not tried, or none does.
    """

    topic_id: int
    name: str
    reason: str
    strength: float | None = None


@dataclass(frozen=True)
class ClipPage:
    """One clip with the evidence.

    Attributes:
        video_id, caption: as of `QueueItem`.
        version: the version of the model that wrote the caption.
        words: of the caption, in order.
        frames: how many the model sees.
        pictures: whether `ReviewBackend.frame` has them; datasets that bring features alone have none.
        seconds: (frames,) when each is shown; empty where only features are known.
        playable: whether `ReviewBackend.video` has a file.
        references: what people wrote about it; none for new clips.
        reasons: as of `QueueItem`.
        scores: of all topics, the highest first; empty where the model never learnt any (LSTM-B).
        timelines: of the topics that the model sees most and of those suggested.
        suggestions: topics that the caption may miss, the likeliest first.
        corrections: all of this clip, newest first.
        next_id: the next clip of the queue; None after the last.
    """

    video_id: str
    caption: str
    version: str
    words: tuple[CaptionWord, ...]
    frames: int
    pictures: bool = False
    seconds: tuple[float, ...] = ()
    playable: bool = False
    references: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    scores: tuple[TopicScore, ...] = ()
    timelines: tuple[TopicTimeline, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    corrections: tuple[ReviewedCorrection, ...] = ()
    next_id: str | None = None


@dataclass(frozen=True)
class VideoFile:
    """A file that browsers can play, and where in it the clip lies (seconds; None: from its start, to its end)."""

    path: Path
    media_type: str  # video/mp4, video/webm or video/ogg
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class WhatIfResult:
    """What the served model would say if it saw more (or less) of some topics.

    Attributes:
        caption: the one written.
        scores: of all topics, the highest first; empty as of `ClipPage`.
        milliseconds: that the answer took.
    """

    caption: str
    scores: tuple[TopicScore, ...]
    milliseconds: float


@dataclass(frozen=True)
class NewCaption:
    """What the served model says of a clip that somebody uploaded; `scores` as of `ClipPage`, empty if not known."""

    caption: str
    scores: tuple[TopicScore, ...] = ()
