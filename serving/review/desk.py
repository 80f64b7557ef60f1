"""What the review page asks for, as plain data: who stands behind it is free (`Desk`).

The page decides nothing about models, ledgers or files. It asks a desk, which does, and shows what comes back. A desk is
called from several threads at once. Its texts are shown to people and need no escaping: the page does that.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


class DeskError(Exception):
    """The desk cannot do what was asked. The message is one or two sentences for people, without paths of the machine."""


class NotFound(DeskError):
    """There is no such clip, topic, correction, version or job."""


class Refused(DeskError):
    """It is there, and it cannot be done as things stand: a refinement runs already, a correction is live, and so on."""


class Unavailable(DeskError):
    """The served model, or the ledger, does not answer now."""


class State(enum.StrEnum):
    """How far a correction has come; the states of the ledger."""

    PROPOSED = "proposed"
    PREVIEWED = "previewed"
    IN_CANDIDATE = "in candidate"
    LIVE = "live"
    REVOKED = "revoked"


class JobState(enum.StrEnum):
    """How far a refinement has come.

    RUNNING: it learns, or the gate looks at what it learnt. BLESSED: its candidate waits to be published. REFUSED: the
    gate said no, and the corrections are as before. FAILED: it broke off. PUBLISHED: its candidate is served.
    SUPERSEDED: a later refinement took its place before it was published.
    """

    RUNNING = "running"
    BLESSED = "blessed"
    REFUSED = "refused"
    FAILED = "failed"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Topic:
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
class TopicScore:
    """How much of a topic the model sees in a clip: near 1 where it occurs, near 0 where it does not."""

    id: int
    name: str
    score: float


@dataclass(frozen=True)
class QueueItem:
    """A clip that may be worth a person's look.

    Attributes:
        video_id: any text; it is unique, and is never made part of a path or an address's path.
        caption: what the served model writes.
        gain: how much a correction is expected to help, 0 to 1; the queue is ordered by it.
        reasons: why, each a few words for people, such as "unsure: 0.31 a word".
        picture: the number of the frame that stands for the clip; None where there is no picture of it.
        corrections: how many corrections of it are not revoked.
    """

    video_id: str
    caption: str
    gain: float
    reasons: tuple[str, ...]
    picture: int | None = None
    corrections: int = 0


@dataclass(frozen=True)
class Queue:
    """Some of the clips, those with the most to gain first, and how many there are in all."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True)
class CaptionWord:
    """A word, and how much of it comes from each frame: `attention` (frames,) adds up to 1; empty if not known."""

    text: str
    attention: tuple[float, ...] = ()


@dataclass(frozen=True)
class NeuronTimeline:
    """A neuron's activation, -1 to 1, at each frame: (frames,)."""

    neuron: int
    activations: tuple[float, ...]


@dataclass(frozen=True)
class TopicTimeline:
    """What the strongest neurons of a topic do over the frames of a clip."""

    topic_id: int
    name: str
    neurons: tuple[NeuronTimeline, ...]


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
class Change:
    """A step in a correction's life: its state from then on, when, by whom, and the caption and version it brought."""

    state: State
    time: datetime
    by: str
    caption: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Correction:
    """A person's word that a clip's caption misses a topic.

    Attributes:
        id: of the ledger.
        video_id, topic_id, topic: the clip, and the topic with its name.
        author, time: who said so, and when (with a time zone).
        state: how far it has come.
        caption_before: what the model said.
        caption_after: what it says with the topic: the preview's, then the refined model's; None while not known.
        changes: its steps, oldest first, the proposal among them.
        note: a sentence on the preview, such as that no strength brings the topic's words in; may be empty.
    """

    id: str
    video_id: str
    topic_id: int
    topic: str
    author: str
    time: datetime
    state: State
    caption_before: str
    caption_after: str | None = None
    changes: tuple[Change, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Clip:
    """One clip with the evidence.

    Attributes:
        video_id, caption: as of `QueueItem`.
        version: the version of the model that wrote the caption.
        words: of the caption, in order.
        frames: how many the model sees.
        pictures: whether `Desk.frame` has them; datasets that bring features alone have none.
        seconds: (frames,) when each is shown; empty where only features are known.
        playable: whether `Desk.video` has a file.
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
    corrections: tuple[Correction, ...] = ()
    next_id: str | None = None


@dataclass(frozen=True)
class VideoFile:
    """A file that browsers can play, and the part of it that is the clip (seconds; None: from its start, to its end)."""

    path: Path
    media_type: str  # video/mp4, video/webm or video/ogg
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class WhatIf:
    """What the served model would say if it saw more (or less) of some topics.

    Attributes:
        caption: the one written.
        scores: of all topics, the highest first; empty as of `Clip`.
        milliseconds: that the answer took.
    """

    caption: str
    scores: tuple[TopicScore, ...]
    milliseconds: float


@dataclass(frozen=True)
class NewCaption:
    """What the served model says of a clip that somebody uploaded; `scores` as of `Clip`, empty if not known."""

    caption: str
    scores: tuple[TopicScore, ...] = ()


@dataclass(frozen=True)
class Reason:
    """One thing that the gate looked at: a sentence, and whether it holds."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Metric:
    """A figure on validation before and after; higher is better."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a candidate.

    Attributes:
        blessed: whether it may be published.
        reasons: all that was looked at.
        culprits: the ids of the corrections that it failed by; none where it is blessed, or nobody in particular did.
        captions: a correction's id -> the candidate's caption of its clip.
        metrics: of the captions.
    """

    blessed: bool
    reasons: tuple[Reason, ...]
    culprits: tuple[str, ...] = ()
    captions: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Job:
    """A refinement: a batch of corrections on its way into the model, or one on its way out of it.

    Attributes:
        id: of this refinement.
        title: what it does, such as "3 corrections to version 2".
        state: how far it is.
        by, started: who asked for it, and when (with a time zone).
        corrections: the ids of those it teaches, or takes out.
        lines: what it has done so far, for people, oldest first.
        share: done, 0 to 1.
        verdict: the gate's; None until there is one.
        error: why it failed, in a sentence; empty unless it did.
        candidate: the version that it makes; None while it has no name.
    """

    id: str
    title: str
    state: JobState
    by: str
    started: datetime
    corrections: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    share: float = 0.0
    verdict: Verdict | None = None
    error: str = ""
    candidate: str | None = None


@dataclass(frozen=True)
class Version:
    """A version of the model.

    Attributes:
        version, parent: its name and that of the version it refines; None for a model as training left it.
        time, by: when it was made, and who asked for it.
        corrections: the ids of all in it, its ancestors' first.
        added: the ids of those that it adds to its parent.
        verdict: what the gate said, in a sentence.
        served: whether it answers now.
        available: whether it can be rolled back to.
    """

    version: str
    parent: str | None
    time: datetime
    by: str
    corrections: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    verdict: str = ""
    served: bool = False
    available: bool = True


@dataclass(frozen=True)
class HistoryEntry:
    """Something that was done: when, by whom, and what, in a sentence; with the clip or the version it was done to."""

    time: datetime
    by: str
    what: str
    video_id: str | None = None
    version: str | None = None


class Desk(Protocol):
    """Clips, corrections and versions of one run, for the people who review it.

    Every method may raise `NotFound`, `Refused` or `Unavailable`, or `DeskError` itself for what a person should change
    in what they asked. `by` and `author` are names of people, whose right to ask was checked before.
    """

    name: str  # of the run, for the page's head

    def queue(self, limit: int, offset: int = 0, search: str = "") -> Queue:
        """Clips `offset` to `offset + limit`, the largest gain first; `search`: words of the caption or of the id."""
        ...

    def clip(self, video_id: str) -> Clip: ...

    def frame(self, video_id: str, index: int) -> bytes | None:
        """The frame as a JPEG; None where the dataset brought features alone. `NotFound` beyond the last frame."""
        ...

    def video(self, video_id: str) -> VideoFile | None:
        """The clip's file where a browser can play it."""
        ...

    def topics(self, search: str = "") -> Sequence[Topic]:
        """Topics whose name or words hold `search`, the best match first; all of them, by name, where it is empty."""
        ...

    def what_if(self, video_id: str, strengths: Mapping[int, float]) -> WhatIf:
        """Asks the served model.

        Args:
            strengths: topic id -> times the topic's mean activation that is added to the encoder's (paper, section 4);
                below 0 takes away. Topics that are not named stay as they are.
        """
        ...

    def propose(self, video_id: str, topics: Sequence[int], author: str) -> Sequence[Correction]:
        """Writes into the ledger that the caption misses these topics; previewed each, in their order, where it can be."""
        ...

    def withdraw(self, correction_id: str, by: str) -> Correction:
        """Takes back a correction that is in no served version."""
        ...

    def corrections(self, state: State | None = None) -> Sequence[Correction]:
        """All corrections in a state, or all there are; newest first."""
        ...

    def start_refinement(self, by: str, corrections: Sequence[str] | None = None) -> Job:
        """Starts to teach corrections to the served model, and returns at once; all previewed ones if None are named.

        Raises:
            Refused: a refinement runs, or there is nothing to teach.
        """
        ...

    def job(self, job_id: str) -> Job: ...

    def latest_job(self) -> Job | None:
        """The refinement that was started last; None before the first."""
        ...

    def publish(self, by: str) -> Version:
        """Serves the blessed candidate."""
        ...

    def versions(self) -> Sequence[Version]:
        """Newest first."""
        ...

    def rollback_version(self, version: str, by: str) -> Version:
        """Serves a version that was served before."""
        ...

    def rollback_correction(self, correction_id: str, by: str) -> Job:
        """Starts to build the served version anew without a live correction, and returns at once. Published if blessed."""
        ...

    def history(self, limit: int, offset: int = 0) -> Sequence[HistoryEntry]:
        """What was done, newest first."""
        ...

    def accepts_clips(self) -> bool:
        """Whether the served model has a frame network, so that it can caption pictures."""
        ...

    def frames_of_new_clip(self, count: int) -> Sequence[int]:
        """Which of a clip's `count` frames the model wants, in order."""
        ...

    def caption_new(self, frames: Sequence[bytes]) -> NewCaption:
        """Captions an uploaded clip: its wanted frames as JPEGs."""
        ...
