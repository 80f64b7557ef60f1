"""The backend behind the review page, on a run's root: what people see, and what becomes of what they say."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.repair import proposals, refinements, versions
from topiclens.pipeline.repair.corrections import RootBusy, open_ledger, open_recovered_ledger
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.pipeline.repair.versions import VersionError
from topiclens.pipeline.review.job_folder import JobRequest
from topiclens.pipeline.review.jobs import Jobs, hide_paths
from topiclens.pipeline.review.telling import list_history, tell_later
from topiclens.pipeline.review.viewer import Viewer, open_version
from topiclens.pipeline.review.writing import check_caption, review_captions
from topiclens.schemas.corrections import Assignment, Correction, Look, Opinion, State, WrittenCaption, now
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.verdicts import Reason
from topiclens.serving.review.backend import NotFound, Refused, Unavailable
from topiclens.serving.review.shown import (
    HistoryEntry,
    JobState,
    RefinementJob,
    ReviewedCaption,
    ReviewedCorrection,
    ReviewedVersion,
)
from topiclens.serving.review.text import STATES, count, next_step

# Seconds: a server looks for versions every one to five, and loads one in a few.
FOLLOWING = 20.0


@dataclass(frozen=True)
class RefinementContext:
    """What changes of a root are made with; `changes` of settings are `section.name=value` each."""

    root: str
    jobs: Jobs
    changes: tuple[str, ...]
    settings: RefinementSettings


class RunReviewBackend(Viewer):
    """A `topiclens.serving.review.backend.ReviewBackend` on a run's root."""

    def __init__(self, context: RefinementContext, *viewer: Any):
        super().__init__(*viewer)
        self._context = context
        self._folders = ModelStore(context.root)
        self._ledger = open_ledger(context.root, context.settings)
        self._starting = threading.Lock()

    # Corrections

    def corrections(self, state: State | None = None) -> Sequence[ReviewedCorrection]:
        with self._kept() as ledger:
            recorded = self._settled(ledger, state)
            lacking = versions.list_lacking(ledger)
            why = self._folders.refusals() if any(one.state is State.REFUSED for one in recorded) else {}
        return [self._shown(one, one.id in lacking, why.get(one.id)) for one in reversed(recorded)]

    @staticmethod
    def _shown(one: Correction, lacking: bool, why: Reason | None) -> ReviewedCorrection:
        if one.state is not State.REFUSED:
            return ReviewedCorrection(**vars(one), lacking=lacking)
        check, words = (why.check, why.words) if why else ("", "")
        return ReviewedCorrection(**vars(one), note=words, next_step=next_step(check, one.stretch is not None))

    def _settled(self, ledger: Ledger, state: State | None = None) -> Sequence[Correction]:
        """The corrections; first, what a refinement took that was killed or cancelled is let go."""
        taken = {one.id for one in ledger.corrections(State.IN_CANDIDATE)}
        if taken - {item for candidate in self._folders.read() if candidate.blessed for item in candidate.corrections}:
            with open_recovered_ledger(self._context.root, self._context.settings):  # but while one is at work
                pass
        return ledger.corrections(state)

    def propose(
        self, video_id: str, topics: Sequence[int | str], author: str, stretch: Stretch | None = None
    ) -> Sequence[ReviewedCorrection]:
        self._check(video_id)
        self._held(video_id, stretch)  # or it is refused before anything is written down
        model = open_version(self._sources, self._served, self._served.version())
        missed = {topic.id: topic for topic in map(self._topic, topics)}
        for topic in missed.values():
            if topic.id in self._sources.closed:
                why = self._sources.closed[topic.id]
                raise Refused(f"No clip can miss the topic “{topic.name}”: it is {why}. Choose another.")
        with self._kept():
            proposed = proposals.propose(
                self._context.root, video_id, list(missed), author, stretch=stretch, settings=self._context.settings,
                model=model,
            )  # fmt: skip
        return [ReviewedCorrection(**vars(one.correction), note=one.sweep.verdict) for one in proposed]

    def withdraw(self, correction_id: str, by: str) -> ReviewedCorrection:
        with self._kept() as ledger:
            recorded = self._recorded(ledger, correction_id)
            if recorded.state is State.LIVE:
                raise Refused("The correction is in the model that is served: roll it back there.")
            if recorded.state is State.IN_CANDIDATE:
                refinements.rollback(self._context.root, correction_id, by, settings=self._context.settings)
                recorded = ledger.correction(correction_id)
            else:
                recorded = ledger.transition(correction_id, State.REVOKED, by=by)
        return ReviewedCorrection(**vars(recorded))

    def restore(self, correction_id: str, by: str) -> ReviewedCorrection:
        with self._kept() as ledger:
            self._recorded(ledger, correction_id)
            return ReviewedCorrection(**vars(ledger.restore(correction_id, by=by)))

    def agree(self, correction_id: str, by: str) -> ReviewedCorrection:
        with self._kept() as ledger:
            one = self._recorded(ledger, correction_id)
        if one.state in (State.LIVE, State.REVOKED) or one.author == by:
            told = "your own" if one.author == by else STATES[one.state]
            raise Refused(f"There is nothing to agree to: the correction is {told}.")
        topic = one.topic.id if one.model_before == self._served.version() else one.topic.name
        return self.propose(one.video_id, [topic], by, one.stretch)[0]

    # Looks

    def look(self, video_id: str, opinion: Opinion, by: str, version: str | None = None) -> Look:
        served, row = self._looked_at(video_id, version)
        caption, content = self._explained(served, video_id).text, row["content"]
        with self._kept() as ledger:
            return ledger.look(
                by=by, video_id=video_id, version=served, content=content, caption=caption, opinion=opinion
            )

    def _looked_at(self, video_id: str, version: str | None) -> tuple[str, Mapping[str, Any]]:
        """The version that is served and the row of a clip; Refused where a person saw another version."""
        self._check(video_id)
        served = self._served.version()
        if version not in (None, served):
            raise Refused(f"Version {served} answers since you opened this clip. Look at what that says of it.")
        return served, self._sources.clips.rows[video_id]

    def looks(self) -> Sequence[Look]:
        with self._kept() as ledger:
            return ledger.looks()

    # Captions

    def write_caption(self, video_id: str, text: str, by: str, version: str | None = None) -> ReviewedCaption:
        served, row = self._looked_at(video_id, version)
        vocabulary = self._sources.vocabulary(served)
        checked = check_caption(text, self._explained(served, video_id).text, vocabulary)
        with self._kept() as ledger:
            written = ledger.write_caption(
                by=by, video_id=video_id, version=served, content=row["content"], split=row["split"], text=checked
            )
        return self._reviewed(written)

    def written_captions(self) -> Sequence[ReviewedCaption]:
        with self._kept() as ledger:
            written = ledger.written_captions()
        return review_captions(written, self._sources.vocabulary(self._served.version())) if written else ()

    def withdraw_caption(self, author: str, video_id: str, version: str, by: str) -> ReviewedCaption:
        with self._kept() as ledger:
            return self._reviewed(ledger.withdraw_caption((author, video_id, version), by=by))

    def restore_caption(self, author: str, video_id: str, version: str, by: str) -> ReviewedCaption:
        with self._kept() as ledger:
            return self._reviewed(ledger.restore_caption((author, video_id, version), by=by))

    def _reviewed(self, written: WrittenCaption) -> ReviewedCaption:
        (shown,) = review_captions([written], self._sources.vocabulary(self._served.version()))
        return shown

    def assign(self, people: Mapping[str, str | None], by: str) -> Sequence[Assignment]:
        for video_id in people:
            self._check(video_id)
        with self._kept() as ledger:
            return ledger.assign(people, by=by)

    def assignments(self) -> Sequence[Assignment]:
        with self._kept() as ledger:
            return ledger.assignments()

    # Refinements

    def start_refinement(self, by: str, corrections: Sequence[str] | None = None) -> RefinementJob:
        with self._kept() as ledger:
            lacking = versions.list_lacking(ledger)
            taught = refinements.WAITING if corrections is None else (*refinements.WAITING, State.REFUSED)
            ready = [one for one in ledger.corrections() if one.id in lacking or one.state in taught]
            if corrections is not None:
                wanted = {self._recorded(ledger, correction_id).id for correction_id in corrections}
                ready = [one for one in ready if one.id in wanted]
                if len(ready) < len(wanted):
                    raise Refused("Some of these corrections cannot be taught: only what was previewed can.")
            if not ready:
                raise Refused("There is nothing to teach. Say of a clip what its caption misses first.")
            parent = versions.find_parent(ledger)
        title = f"{count(len(ready), 'correction')} to version {parent}"
        return self._start(title, by, [one.id for one in ready])

    def rollback_correction(self, correction_id: str, by: str) -> RefinementJob:
        with self._kept() as ledger:
            recorded = self._recorded(ledger, correction_id)
        if recorded.state is not State.LIVE:
            raise Refused(f"The correction is {recorded.state.value}: only a live one can be rolled back.")
        title = f"the model without “{recorded.topic.name}” of {recorded.video_id}"
        return self._start(title, by, [recorded.id], takes_out=True)

    def _start(self, title: str, by: str, corrections: Sequence[str], takes_out: bool = False) -> RefinementJob:
        context = self._context
        with self._starting:
            running = context.jobs.running()
            if running is not None:
                other = context.jobs.read(running)
                raise Refused(f"{other.by} has a refinement running: {other.title}. One runs at a time.")
            request = JobRequest(context.root, title, by, now(), tuple(corrections), takes_out, context.changes)
            started = context.jobs.start(request)
        return self.job(started)

    def cancel_job(self, job_id: str, by: str) -> RefinementJob:
        try:
            cancelled = self._context.jobs.cancel(job_id, by)
        except KeyError:
            raise NotFound("There is no such refinement.") from None
        if not cancelled:
            raise Refused("It has ended by itself. Nothing of it is served before somebody publishes it.")
        with self._kept(), open_recovered_ledger(self._context.root, self._context.settings):
            return self.job(job_id)

    def job(self, job_id: str) -> RefinementJob:
        (job,) = self._told([job_id])
        return job

    def jobs(self, limit: int, offset: int = 0) -> Sequence[RefinementJob]:
        return self._told(self._context.jobs.ids()[::-1][offset : offset + limit])

    def _told(self, job_ids: Sequence[str]) -> list[RefinementJob]:
        """Jobs, with what became of them since."""
        try:
            jobs = [self._context.jobs.read(job_id) for job_id in job_ids]
        except KeyError:
            raise NotFound("There is no such refinement.") from None
        if not any(job.state is JobState.BLESSED for job in jobs):
            return jobs
        waiting = {candidate.version for candidate in self._folders.read()}
        with self._kept() as ledger:
            return [tell_later(job, ledger, waiting) if job.state is JobState.BLESSED else job for job in jobs]

    def latest_job(self) -> RefinementJob | None:
        ids = self._context.jobs.ids()
        return self.job(ids[-1]) if ids else None

    # Versions

    def publish(self, by: str, version: str | None = None) -> ReviewedVersion:
        with self._kept():
            published = refinements.publish(self._context.root, by, version=version, settings=self._context.settings)
        return self._followed(published.version)

    def rollback_version(self, version: str, by: str) -> ReviewedVersion:
        if version not in {one.version for one in self.versions()}:
            raise NotFound(f"There is no version {version}.")
        with self._kept():
            refinements.rollback(self._context.root, version, by, settings=self._context.settings)
        return self._followed(version)

    def versions(self) -> Sequence[ReviewedVersion]:
        with self._kept() as ledger:
            served = ledger.served()
            refined_next = versions.find_parent(ledger) if served else None
            return [
                ReviewedVersion(
                    **vars(one),
                    carried=versions.list_carried(ledger, one.version),
                    served=one == served,
                    waits=one.version == refined_next and one != served,
                    available=self._folders.version(one.version).is_dir(),
                )
                for one in reversed(ledger.versions())
            ]

    def history(self, limit: int, offset: int = 0) -> Sequence[HistoryEntry]:
        with self._kept() as ledger:
            return list_history(ledger, self._context.jobs.cancellations())[offset : offset + limit]

    def _followed(self, name: str) -> ReviewedVersion:
        """A version, once the server answers with it or after a while: what a person sees next is mostly of that."""
        end = time.monotonic() + FOLLOWING
        while time.monotonic() < end:
            with contextlib.suppress(Unavailable):  # between the old version and the new one, none may answer
                if self._served.version() == name:
                    self._ranking.follow(name)  # so that its captions are there when the queue is looked at
                    break
            time.sleep(0.1)
        return next(version for version in self.versions() if version.version == name)

    @staticmethod
    def _recorded(ledger: Ledger, correction_id: str) -> Correction:
        try:
            return ledger.correction(correction_id)
        except LedgerError:
            raise NotFound("There is no such correction.") from None

    @contextlib.contextmanager
    def _kept(self) -> Iterator[Ledger]:
        """The ledger; what it or the root refuses is told to the person, without the paths of this machine."""
        try:
            yield self._ledger
        except (LedgerError, VersionError, RootBusy, refinements.NothingToRefine) as error:
            raise Refused(hide_paths(str(error), self._context.root)) from error
