"""What the review page asks for: a protocol, so that who answers is free.

The page decides nothing about models, ledgers or files. It asks a backend, which does, and shows what comes back
(`topiclens.serving.review.shown`). A backend is called from several threads at once. Its texts are for people, and
need no escaping: the page does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from topiclens.schemas.corrections import Assignment, Look, Opinion, State
from topiclens.schemas.stretches import Stretch
from topiclens.serving.review import shown


class ReviewError(Exception):
    """The backend cannot do what was asked. The message is a sentence or two for people, without paths."""


class NotFound(ReviewError):
    """There is no such clip, topic, correction, version or job."""


class Refused(ReviewError):
    """It cannot be done as things stand: a refinement runs already, a correction is live, and so on."""


class Unavailable(ReviewError):
    """The served model, or the ledger, does not answer now."""


class ReviewBackend(Protocol):
    """Clips, corrections and versions of one run, for the people who review it.

    Every method may raise `NotFound`, `Refused` or `Unavailable`, or `ReviewError` itself for what a person should
    change in what they asked. `by` and `author` are names of people, whose right to ask was checked before.
    """

    name: str  # of the run, for the page's head

    def queue(
        self, limit: int, offset: int = 0, wanted: shown.QueueFilter = shown.QueueFilter(), person: str = ""
    ) -> shown.QueuePage:
        """Of the clips that are wanted, `offset` to `offset + limit`, the highest score first; `person` asks."""

    def next_clip(self, video_id: str, person: str, wanted: shown.QueueFilter = shown.QueueFilter()) -> str | None:
        """The next clip after one for a person who works through those wanted: one that they did not look at yet."""

    def clip(self, video_id: str, person: str = "", wanted: shown.QueueFilter = shown.QueueFilter()) -> shown.ClipPage:
        """A clip with the evidence; `person`, who works through the clips that are wanted, asks."""

    def look(self, video_id: str, opinion: Opinion, by: str, version: str | None = None) -> Look:
        """Notes what a person thinks of a clip's caption, in place of what they said of it before.

        `version` is that whose caption they saw; `Refused` if another is served since.
        """

    def looks(self) -> Sequence[Look]:
        """What people think of captions, oldest first: the last word of each person, clip and version."""

    def frame(self, video_id: str, index: int) -> bytes | None:
        """The frame as a JPEG; None where the dataset brought features alone. `NotFound` beyond the last frame."""

    def video(self, video_id: str) -> shown.VideoFile | None:
        """The clip's file where a browser can play it."""

    def topics(self, search: str = "") -> Sequence[shown.TopicChoice]:
        """Topics that a caption may miss and whose name or words hold `search`, the best match first; all of them, by
        name, where it is empty."""

    def what_if(
        self,
        video_id: str,
        strengths: Mapping[int, float] | Mapping[int | str, float],
        stretch: Stretch | None = None,
    ) -> shown.WhatIfResult:
        """Asks the served model.

        Args:
            strengths: topic, by id or name -> times the topic's mean activation that is added to the encoder's (paper,
                section 4); below 0 takes away. Topics that are not named stay as they are.
            stretch: of the clip, in whose frames alone this is done; None for all of it.
        """

    def propose(
        self, video_id: str, topics: Sequence[int | str], author: str, stretch: Stretch | None = None
    ) -> Sequence[shown.ReviewedCorrection]:
        """Notes that the caption misses these topics: a correction each, in their order, previewed where it can be.

        `stretch` is that of the clip which shows them; None for all of it.
        """

    def withdraw(self, correction_id: str, by: str) -> shown.ReviewedCorrection:
        """Takes back a correction that is in no served version."""

    def write_caption(self, video_id: str, text: str, by: str, version: str | None = None) -> shown.ReviewedCaption:
        """Notes a clip's caption as a person would write it, in place of what they wrote of it before.

        `version` is as in `look`. `Refused` where it is what the caption says already.
        """

    def written_captions(self) -> Sequence[shown.ReviewedCaption]:
        """The captions that people wrote, those taken back among them, newest first: the last of each person, clip and
        version."""

    def withdraw_caption(self, author: str, video_id: str, version: str, by: str) -> shown.ReviewedCaption:
        """Takes back a caption that a person wrote."""

    def restore_caption(self, author: str, video_id: str, version: str, by: str) -> shown.ReviewedCaption:
        """Undoes that; `Refused` to others than who wrote or withdrew it."""

    def assign(self, people: Mapping[str, str | None], by: str) -> Sequence[Assignment]:
        """Notes who is to look at clips: id -> a person, or None for nobody in particular."""

    def assignments(self) -> Sequence[Assignment]:
        """Who is to look at which clip, by its id."""

    def restore(self, correction_id: str, by: str) -> shown.ReviewedCorrection:
        """Undoes a withdrawal; `Refused` where the correction was ever in a served version, or was said again."""

    def agree(self, correction_id: str, by: str) -> shown.ReviewedCorrection:
        """Notes that another person says the same: a correction of their own. The same again changes nothing."""

    def corrections(self, state: State | None = None) -> Sequence[shown.ReviewedCorrection]:
        """All corrections in a state, or all there are; newest first."""

    def start_refinement(self, by: str, corrections: Sequence[str] | None = None) -> shown.RefinementJob:
        """Starts to teach corrections and returns at once; Refused if a refinement runs or there is nothing to teach.

        `corrections` are ids of what is previewed or `lacking`; None takes all of them.
        """

    def job(self, job_id: str) -> shown.RefinementJob: ...

    def jobs(self, limit: int, offset: int = 0) -> Sequence[shown.RefinementJob]:
        """The refinements, newest first."""

    def latest_job(self) -> shown.RefinementJob | None:
        """The refinement that was started last; None before the first."""

    def cancel_job(self, job_id: str, by: str) -> shown.RefinementJob:
        """Has a refinement end with everything as before; Refused if it has ended by itself."""

    def publish(self, by: str, version: str | None = None) -> shown.ReviewedVersion:
        """Serves the blessed candidate, or `version` if it is that; Refused if none waits, or another."""

    def versions(self) -> Sequence[shown.ReviewedVersion]:
        """Newest first."""

    def rollback_version(self, version: str, by: str) -> shown.ReviewedVersion:
        """Serves a version that was served before."""

    def rollback_correction(self, correction_id: str, by: str) -> shown.RefinementJob:
        """Starts to build the served version without a live correction; returns at once. Published if blessed."""

    def history(self, limit: int, offset: int = 0) -> Sequence[shown.HistoryEntry]:
        """What was done, newest first."""

    def accepts_clips(self) -> bool:
        """Whether the served model has a frame network, so that it can caption pictures."""

    def frames_of_new_clip(self, count: int) -> Sequence[int]:
        """Which of a clip's `count` frames the model wants, in order."""

    def caption_new(self, frames: Sequence[bytes]) -> shown.NewCaption:
        """Captions an uploaded clip: its wanted frames as JPEGs."""

    def keep_new(self, clip: shown.NewClip, by: str) -> shown.NewCaption:
        """Captions an uploaded clip and keeps it, so that it is a clip like others. The same file again is the same
        clip. `Refused` where nothing can be kept."""
