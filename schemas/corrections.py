"""Corrections, the versions of the model that carry them, and which was served when; looks at captions, whose they are,
and captions as people would write them.

The ledger keeps these records, the command line and the review page show them, and an export of the ledger has one a
line (`correction.schema.json`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from topiclens.schemas.plain import to_plain
from topiclens.schemas.stretches import Stretch

TRAINING = "train"  # the split that models learn from


class State(enum.StrEnum):
    """How far a correction has come."""

    PROPOSED = "proposed"  # a person said which topic a caption misses
    PREVIEWED = "previewed"  # the caption with the topic was shown
    IN_CANDIDATE = "in candidate"  # in the batch of a refinement
    REFUSED = "refused"  # the gate refused it, or it could not be taught; taught again where it is asked for by name
    LIVE = "live"  # in the version that is served
    REVOKED = "revoked"  # taken back


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


class _Record:
    """A line of an export."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        return to_plain({"kind": self.kind, **vars(self)})


@dataclass(frozen=True)
class CorrectedTopic:
    """A topic as it was when somebody missed it: its place in the topic vector of the model that was corrected.

    Its name and words mean the same after topics were found anew, when ids do not.
    """

    id: int
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """A change of a correction's state, and who made it."""

    state: State
    time: datetime
    by: str
    caption: str | None = None  # the video's from then on, where it was found
    version: str | None = None  # whose serving brought the change; None where a person or a step did


@dataclass(frozen=True)
class Correction(_Record):
    """A person's word that a video's caption misses a topic, with all that became of it."""

    kind: ClassVar[str] = "correction"

    id: str  # 32 hexadecimal digits
    time: datetime
    author: str
    video_id: str
    content: str  # SHA-256 of what the video holds
    topic: CorrectedTopic
    caption_before: str
    model_before: str  # the version that wrote that caption
    events: tuple[Event, ...] = ()  # its changes of state since, oldest first
    stretch: Stretch | None = None  # in which the video shows the topic; None for all of it

    @property
    def key(self) -> str:
        return self.id

    @property
    def state(self) -> State:
        return self.events[-1].state if self.events else State.PROPOSED

    def says_again(self, other: Correction) -> bool:
        """Whether another says what this one says already: the same person, of the same frames, topic, stretch and
        version. What was revoked may be said anew."""

        def said(one: Correction) -> tuple:
            return one.author, one.video_id, one.content, one.topic.id, one.topic.name, one.stretch, one.model_before

        return self.state is not State.REVOKED and said(self) == said(other)

    @property
    def caption_after(self) -> str | None:
        """The caption that the last event told of."""
        return next((event.caption for event in reversed(self.events) if event.caption is not None), None)

    @property
    def model_after(self) -> str | None:
        """The version with which it last went live."""
        return next((event.version for event in reversed(self.events) if event.state is State.LIVE), None)

    @property
    def withdrawn_from(self) -> State | None:
        """The state that it has again where its withdrawal is undone; None where it is not withdrawn, or was ever in a
        version that was served: with that it comes back."""
        if self.state is not State.REVOKED or any(event.version is not None for event in self.events):
            return None
        before = self.history[-2].state
        return State.PREVIEWED if before is State.IN_CANDIDATE else before

    @property
    def missed(self) -> str:
        """What the caption misses, in words: the topic, and in which stretch of the video it is there."""
        return self.topic.name if self.stretch is None else f"{self.topic.name}, {self.stretch}"

    @property
    def history(self) -> tuple[Event, ...]:
        """The proposal and the events after it."""
        return Event(State.PROPOSED, self.time, self.author), *self.events

    def to_json(self) -> dict[str, Any]:
        derived = {"state": self.state, "caption_after": self.caption_after, "model_after": self.model_after}
        row = {**super().to_json(), **to_plain(derived)}
        if self.stretch is None:
            del row["stretch"]  # as in ledgers from before there were stretches
        return row


@dataclass(frozen=True)
class Version(_Record):
    """A version of the model: its parent, refined by corrections.

    With the parent, the corrections and the settings of the refinement, it can be built again.
    """

    kind: ClassVar[str] = "version"

    version: str  # its name; TensorFlow Serving asks for a whole number
    parent: str | None  # the version that was refined; None for a model as training left it
    corrections: tuple[str, ...]  # ids of what it adds to its parent's, in the order in which they were applied
    time: datetime
    by: str
    verdict: str  # the gate's, as Markdown
    settings: Mapping[str, str | float | bool | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.version


@dataclass(frozen=True)
class Serving(_Record):
    """From `time` on the model that answers is `version`; `number` counts from 1."""

    kind: ClassVar[str] = "serving"

    number: int
    version: str
    time: datetime
    by: str

    @property
    def key(self) -> int:
        return self.number


class Opinion(enum.StrEnum):
    """What a person thinks of a caption in which nothing has to be corrected."""

    FINE = "fine"  # right as it is: later versions are held to it
    UNSURE = "unsure"  # the person cannot tell
    SKIP = "skip"  # not looked into


@dataclass(frozen=True)
class Look(_Record):
    """A person's opinion of what a version says of a video. What the same person says later of both takes its place."""

    kind: ClassVar[str] = "look"

    by: str
    video_id: str
    version: str  # that wrote the caption
    content: str  # SHA-256 of what the video holds
    caption: str
    opinion: Opinion
    time: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return self.by, self.video_id, self.version

    def says_again(self, other: Look) -> bool:
        """Whether another says what this one says already."""
        return replace(other, time=self.time) == self


@dataclass(frozen=True)
class Assignment(_Record):
    """Who is to look at a video. What is said later of the video takes its place."""

    kind: ClassVar[str] = "assignment"

    video_id: str
    to: str | None  # None: nobody in particular
    by: str
    time: datetime

    @property
    def key(self) -> str:
        return self.video_id


@dataclass(frozen=True)
class WrittenCaption(_Record):
    """A video's caption as a person would write it. What the same person writes later, while the same version is
    served, takes its place."""

    kind: ClassVar[str] = "written_caption"

    by: str
    video_id: str
    version: str  # that is served, with another caption
    content: str  # SHA-256 of what the video holds
    split: str  # of the dataset, or another word for where the video is from
    text: str
    time: datetime  # when it was written, or withdrawn
    withdrawn_by: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.by, self.video_id, self.version

    @property
    def is_taught(self) -> bool:
        """Whether the next training learns from it: no clip that is held out is ever trained on."""
        return self.split == TRAINING and self.withdrawn_by is None

    def says_again(self, other: WrittenCaption) -> bool:
        """Whether another says what this one says already."""
        return replace(other, time=self.time) == self


Record = Correction | Version | Serving | Look | Assignment | WrittenCaption
