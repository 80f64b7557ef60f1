"""A backend in memory: a made-up captioner that says more of a topic as it is enhanced, and a ledger that is a list."""

import io
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from PIL import Image

from topiclens.schemas.corrections import Assignment, CorrectedTopic, Event, Look, State
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.timelines import (
    EvidenceLevel,
    ExplainedWord,
    FrameEvidence,
    NeuronShare,
    NeuronTimeline,
    TopicScore,
    TopicShare,
    TopicTimeline,
)
from topiclens.schemas.topic_lookup import UnknownTopic, find_topic
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.serving.review.backend import NotFound, Refused
from topiclens.serving.review.marks import is_wanted, looked_at, marks_of, next_clip
from topiclens.serving.review.shown import (
    ClipPage,
    Described,
    HistoryEntry,
    JobState,
    NewCaption,
    QueueFilter,
    QueueItem,
    QueuePage,
    RefinementJob,
    ReviewedCaption,
    ReviewedCorrection,
    ReviewedVersion,
    SplitChoice,
    Suggestion,
    TopicChoice,
    WhatIfResult,
)

FRAMES = 8
TOPICS = (
    TopicChoice(0, "dog, ball", ("dog", "ball", "fetch", "grass"), 4),
    TopicChoice(1, "dance", ("dancing", "dance", "stage"), 3),
    TopicChoice(2, "kitchen", ("cooking", "pan", "onion"), 5),
    TopicChoice(3, "guitar", ("guitar", "playing", "song"), 2),
    TopicChoice(4, "snow", ("snow", "ski"), 0),
    *(TopicChoice(i, f"topic {i}", (f"word{i}",), 1) for i in range(5, 30)),
)
SPLITS = (
    SplitChoice("test", "", True), SplitChoice("train", "learnt from"), SplitChoice("val", "judged by"),
    SplitChoice("uploaded", "", True),
)  # fmt: skip
STRENGTH_THAT_TELLS = 1.25  # from here on a topic's first word is in the caption
_BEGAN = datetime(2026, 5, 3, 9, 0, tzinfo=UTC)


class MemoryBackend:
    """Implements `topiclens.serving.review.backend.ReviewBackend`; `finish` plays the refinement to its end.

    Args:
        captions: video id -> caption.
        pictures: whether the clips have frames that can be shown.
        relevance: whether the model tells what speaks for a word.
    """

    def __init__(
        self, captions: dict[str, str], pictures: bool = True, topics=TOPICS, name: str = "toy", relevance: bool = True
    ):
        self.name = name
        self.pictures, self.relevance = pictures, relevance
        self._captions = dict(captions)
        self._topics = {topic.id: topic for topic in topics}
        self._corrections: dict[str, ReviewedCorrection] = {}
        self._assigned: dict[str, str | None] = {}
        self._looks: dict[tuple[str, str, str], Look] = {}
        self._written: dict[tuple[str, str, str], ReviewedCaption] = {}
        self._versions = [ReviewedVersion("1", None, (), _BEGAN, "training", "As training left it.", served=True)]
        self._history: list[HistoryEntry] = []
        self._job: RefinementJob | None = None
        self._lock = threading.RLock()
        self.asked: list[dict[int, float]] = []
        self.stretches: list[Stretch | None] = []
        self.kept = {}

    # What is looked at.

    def queue(self, limit, offset=0, wanted=QueueFilter(), person=""):
        marks, found = self._marks(), self._wanted(wanted)
        items = [
            QueueItem(
                video_id,
                self._captions[video_id],
                score=max(0.0, 0.9 - 0.07 * place),
                reasons=("unsure of 3 words", "sees dance, says nothing of it"),
                picture=0 if self.pictures else None,
                corrections=len(self._of(video_id)),
                marks=marks.get(video_id, ()),
                assigned=self._assigned.get(video_id) or "",
            )
            for place, video_id in enumerate(found)
        ]
        return QueuePage(
            tuple(items[offset : offset + limit]),
            len(found),
            len(self._captions),
            len(looked_at(marks, person)),
            len(marks),
            tuple(sorted({mark.by for people in marks.values() for mark in people})),
            next_clip(list(self._captions), None, found, marks, person, wanted),
            yours=len(yours := {i for i, to in self._assigned.items() if to == person}),
            yours_looked_at=len(yours & looked_at(marks, person)),
            assignees=tuple(sorted(set(filter(None, self._assigned.values())))),
            splits=SPLITS,
            shown_splits=tuple(split.name for split in SPLITS if wanted.split in ("any", split.name))
            or ("test", "uploaded"),
        )

    def next_clip(self, video_id, person, wanted=QueueFilter()):
        return next_clip(list(self._captions), video_id, self._wanted(wanted), self._marks(), person, wanted)

    def _wanted(self, wanted):
        """The model sees topic 0 in all clips, and topics 1 and 3 may be missed."""
        marks = self._marks()
        return [
            i for i, caption in self._captions.items()
            if (wanted.search in caption or wanted.search in i) and wanted.topic in (None, 0, 1, 3)
            and is_wanted(marks.get(i, ()), wanted) and wanted.assigned in ("", self._assigned.get(i))
            and wanted.split in ("", "any", "test") and wanted.described is not Described.NO
        ]  # fmt: skip

    def _marks(self):
        return marks_of(
            self._captions, self._served().version, self.looks(), self._corrections.values(), self._written.values()
        )

    def clip(self, video_id, person="", wanted=QueueFilter()):
        caption = self._caption(video_id)
        wave = [((i * 7 + 3) % 11) / 11 for i in range(FRAMES)]
        return ClipPage(
            video_id=video_id,
            caption=caption,
            version=self._served().version,
            words=tuple(self._word(n, word) for n, word in enumerate(caption.split())),
            frames=FRAMES,
            pictures=self.pictures,
            seconds=tuple(0.5 * i for i in range(FRAMES)) if self.pictures else (),
            references=("somebody dances on a stage", "a woman is dancing"),
            reasons=("unsure of 3 words", "sees dance, says nothing of it"),
            scores=self._scores({}),
            timelines=tuple(
                TopicTimeline(
                    t.id,
                    t.name,
                    tuple(
                        NeuronTimeline(10 * t.id + n, tuple((2 * w - 1) * (1 - 0.3 * n) for w in wave))
                        for n in range(min(3, t.neurons))
                    ),
                )
                for t in list(self._topics.values())[:4]
            ),
            suggestions=(
                Suggestion(
                    1, self._topics[1].name, "2 of 2 people say “dancing”", STRENGTH_THAT_TELLS, f"{caption} dancing"
                ),
                Suggestion(5, self._topics[5].name, "1 of 2 people hint at it", 0.75, "word5 word5", "reads well"),
                Suggestion(
                    3,
                    self._topics[3].name,
                    "the model sees it (0.61) and says none of its words",
                    written_by=tuple(
                        one.by for one in self.written_captions() if one.video_id == video_id and "guitar" in one.text
                    ),
                ),
            ),
            corrections=tuple(self._of(video_id)),
            marks=self._marks().get(video_id, ()),
            assigned=self._assigned.get(video_id) or "",
            written=tuple(one for one in self.written_captions() if one.video_id == video_id),
            split="train" if video_id == "field" else "test",
            next_id=self.next_clip(video_id, person, wanted),
        )

    def frame(self, video_id, index):
        self._caption(video_id)
        if not 0 <= index < FRAMES:
            raise NotFound(f"This clip has {FRAMES} frames.")
        if not self.pictures:
            return None
        buffer = io.BytesIO()
        colour = (40 + 20 * index, 110 + 8 * index, 160 - 12 * index)
        Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
        return buffer.getvalue()

    def video(self, video_id):
        self._caption(video_id)

    def topics(self, search=""):
        text = search.lower()
        return [t for t in self._topics.values() if text in t.name.lower() or any(text in w for w in t.words)]

    def what_if(self, video_id, strengths, stretch=None):
        caption = self._caption(video_id)
        strengths = {self._topic(wanted).id: strength for wanted, strength in strengths.items()}
        with self._lock:
            self.asked.append(dict(strengths))
            self.stretches.append(stretch)
        for topic_id, strength in strengths.items():
            if self._topics[topic_id].neurons and strength >= STRENGTH_THAT_TELLS:
                caption += f" {self._topics[topic_id].words[0]}"
        return WhatIfResult(caption, self._scores(strengths), 12.4)

    # What is changed.

    def look(self, video_id, opinion, by, version=None):
        caption, served = self._caption(video_id), self._served().version
        if version not in (None, served):
            raise Refused(f"Version {served} answers since you opened this clip. Look at what that says of it.")
        with self._lock:
            look = Look(by, video_id, served, "0" * 64, caption, opinion, self._now())
            self._looks[look.key] = look
            self._note(by, f"looked at {caption}", video_id)
        return look

    def write_caption(self, video_id, text, by, version=None):
        caption, served = self._caption(video_id), self._served().version
        if version not in (None, served):
            raise Refused(f"Version {served} answers since you opened this clip. Look at what that says of it.")
        if text == caption:
            raise Refused("That is what the caption says already.")
        unknown = tuple(word for word in text.split() if word.startswith("x"))
        split = "train" if video_id == "field" else "test"
        written = ReviewedCaption(by, video_id, served, "0" * 64, split, text, self._now(), unknown=unknown)
        known = self._written.get(written.key)
        if known is None or not known.says_again(written):
            self._written[written.key] = written
        return self._written[written.key]

    def written_captions(self):
        return sorted(self._written.values(), key=lambda one: one.time, reverse=True)

    def withdraw_caption(self, author, video_id, version, by):
        return self._move_caption((author, video_id, version), by)

    def restore_caption(self, author, video_id, version, by):
        return self._move_caption((author, video_id, version), None)

    def _move_caption(self, key, withdrawn_by):
        known = self._written.get(key)
        if known is None or (known.withdrawn_by is None) == (withdrawn_by is None):
            raise Refused("There is nothing to take back or to undo.")
        self._written[key] = replace(known, withdrawn_by=withdrawn_by, time=self._now())
        return self._written[key]

    def assign(self, people, by):
        for video_id in people:
            self._caption(video_id)
        self._assigned |= people
        return [Assignment(video_id, to, by, self._now()) for video_id, to in people.items()]

    def assignments(self):
        return [Assignment(video_id, to, "ada", self._now()) for video_id, to in sorted(self._assigned.items())]

    def looks(self):
        return list(self._looks.values())

    def propose(self, video_id, topics, author, stretch=None):
        before = self._caption(video_id)
        made = []
        with self._lock:
            for wanted in topics:
                topic = self._topic(wanted)
                key = f"{len(self._corrections):032x}"
                time = self._now()
                after = f"{before} {topic.words[0]}"
                seen = Event(State.PREVIEWED, time, author, after)
                missed = CorrectedTopic(topic.id, topic.name, topic.words)
                correction = ReviewedCorrection(
                    key, time, author, video_id, "0" * 64, missed, before, self._served().version, (seen,), stretch
                )
                said = (one for one in self._corrections.values() if one.says_again(correction))
                correction = next(said, correction)  # as the ledger does
                self._corrections[correction.id] = correction
                made.append(correction)
                self._note(author, f"said that the caption misses {topic.name}", video_id)
        return made

    def withdraw(self, correction_id, by):
        with self._lock:
            correction = self._correction(correction_id)
            if correction.state not in (State.PROPOSED, State.PREVIEWED, State.REFUSED):
                raise Refused("This correction is live. Take it back on the page of versions.")
            self._note(by, f"withdrew {correction.topic.name}", correction.video_id)
            self._history[-1] = replace(self._history[-1], undo=correction.id)
            return self._move(correction, State.REVOKED)

    def restore(self, correction_id, by):
        with self._lock:
            correction = self._correction(correction_id)
            before = correction.withdrawn_from
            if before is None or any(one.says_again(correction) for one in self._corrections.values()):
                raise Refused("There is nothing to undo.")
            self._note(by, f"put back {correction.topic.name}", correction.video_id)
            return self._move(correction, before)

    def agree(self, correction_id, by):
        one = self._correction(correction_id)
        if one.author == by or one.state in (State.LIVE, State.REVOKED):
            raise Refused("There is nothing to agree to.")
        return self.propose(one.video_id, [one.topic.id], by, one.stretch)[0]

    def corrections(self, state=None):
        return [c for c in reversed(self._corrections.values()) if state in (None, c.state)]

    def start_refinement(self, by, corrections=None):
        with self._lock:
            if self._job is not None and self._job.state is JobState.RUNNING:
                raise Refused("A refinement runs already. Wait until it is done.")
            ids = corrections or [c.id for c in self.corrections(State.PREVIEWED)]
            chosen = [self._correction(i) for i in ids]
            if not chosen or any(c.state not in (State.PREVIEWED, State.REFUSED) for c in chosen):
                raise Refused("Only corrections that are ready can be taught.")
            for correction in chosen:
                self._move(correction, State.IN_CANDIDATE)
            title = f"{len(chosen)} corrections to version {self._served().version}"
            candidate = str(1 + max(int(v.version) for v in self._versions))
            self._job = RefinementJob(
                f"job-{self._now():%H%M%S}", title, JobState.RUNNING, by, self._now(), tuple(ids),
                lines=("Reading the training clips.", "Step 4 of 20, loss 0.31."), share=0.2,
                seconds_left=42, candidate=candidate,
            )  # fmt: skip
            self._note(by, f"started a refinement: {title}")
            return self._job

    def finish(self, culprits=()):
        """The refinement ends; the gate refuses it if some corrections are to blame."""
        with self._lock:
            job, blessed = self._job, not culprits
            taught = [self._correction(i) for i in job.corrections]
            reasons = (
                Reason(
                    "corrected", blessed, f"{len(taught) - len(culprits)} of {len(taught)} clips carry their topic."
                ),
                Reason("corrected", True, "All earlier live corrections still hold."),
                Reason("corrected", True, "BLEU-4 on validation 0.199, was 0.199; it may fall by 0.005."),
            )
            self._job = replace(
                job,
                state=JobState.BLESSED if blessed else JobState.REFUSED,
                share=1.0,
                lines=(*job.lines, "The gate has looked at the candidate."),
                verdict=Verdict(
                    blessed, reasons, tuple(culprits), {c.id: c.caption_after for c in taught},
                    {"BLEU-4": (0.199, 0.199), "CIDEr": (0.491, 0.494)},
                ),
            )  # fmt: skip
            if not blessed:
                for correction in taught:
                    self._move(correction, State.REFUSED if correction.id in culprits else State.PREVIEWED)

    def cancel_job(self, job_id, by):
        with self._lock:
            job = self.job(job_id)
            if job.state is not JobState.RUNNING:
                raise Refused("It has ended by itself.")
            self.end(JobState.CANCELLED, cancelled_by=by)
            return self._job

    def end(self, state, **told):
        """The refinement ends early, and its corrections are as before."""
        for correction_id in self._job.corrections:
            self._move(self._correction(correction_id), State.PREVIEWED)
        self._job = replace(self._job, state=state, seconds_left=None, **told)

    def job(self, job_id):
        if self._job is None or self._job.id != job_id:
            raise NotFound("There is no such refinement.")
        return self._job

    def jobs(self, limit, offset=0):
        return [job for job in (self._job,) if job is not None][offset : offset + limit]

    def latest_job(self):
        return self._job

    def publish(self, by, version=None):
        with self._lock:
            if self._job is None or self._job.state is not JobState.BLESSED:
                raise Refused("No candidate waits to be published.")
            if version not in (None, self._job.candidate):
                raise Refused(f"Version {self._job.candidate} has taken its place.")
            served = self._served()
            job = self._job = replace(self._job, state=JobState.PUBLISHED)
            for i in job.corrections:
                correction = self._move(self._correction(i), State.LIVE)
                self._captions[correction.video_id] = correction.caption_after
            version = ReviewedVersion(
                job.candidate, served.version, job.corrections, self._now(), by, "# Blessed: nothing got worse.",
                carried=(*served.carried, *job.corrections),
            )  # fmt: skip
            self._versions.insert(0, version)
            self._note(by, "published", version=version.version)
            return self._serve(version.version)

    def versions(self):
        return list(self._versions)

    def rollback_version(self, version, by):
        with self._lock:
            if version not in [v.version for v in self._versions]:
                raise NotFound("There is no such version.")
            self._note(by, "rolled back", version=version)
            return self._serve(version)

    def rollback_correction(self, correction_id, by):
        with self._lock:
            correction = self._correction(correction_id)
            if correction.state is not State.LIVE:
                raise Refused("This correction is not live. Withdraw it.")
            self._move(correction, State.REVOKED)
            self._note(by, f"took back {correction.topic.name}", correction.video_id)
            self._job = RefinementJob(
                "back", "1 correction out of the served version", JobState.RUNNING, by, self._now(), (correction_id,)
            )
            return self._job

    def history(self, limit, offset=0):
        return self._history[::-1][offset : offset + limit]

    # New clips.

    def accepts_clips(self):
        return True

    def frames_of_new_clip(self, count):
        return [count * i // FRAMES for i in range(FRAMES)]

    def caption_new(self, frames):
        return NewCaption(f"a clip of {len(frames)} frames", self._scores({}))

    def keep_new(self, clip, by):
        video_id = f"{clip.content[:8]}-{clip.name.rpartition('/')[2]}"
        self.kept[video_id] = clip
        self._captions[video_id] = said = f"a clip of {len(clip.frames)} frames"
        return NewCaption(said, self._scores({}), video_id)

    # How it is kept.

    def _word(self, place, text):
        """It looks at one frame, which speaks for it through the neurons of a topic; the next frame speaks against."""
        look, other, topic = place % FRAMES, (place + 1) % FRAMES, self._topics[1]
        attention = tuple(0.65 if i == look else 0.05 for i in range(FRAMES))
        if not self.relevance:
            return ExplainedWord(text, attention, None, ())
        relevance = tuple({look: 1.5, other: -0.5}.get(i, 0.0) for i in range(FRAMES))
        neurons = NeuronShare(10, topic.id, topic.name, 1.25), NeuronShare(99, None, None, -0.25)
        topics = (
            TopicShare(topic.id, topic.name, topic.neurons, 1.25, True, 0.75),
            TopicShare(3, self._topics[3].name, 2, -0.5),
        )
        nameless = TopicShare(None, None, 9, 0.25)
        particular = tuple({look: 0.7, other: -0.3}.get(i, 0.0) for i in range(FRAMES))
        evidence = FrameEvidence(0.81, EvidenceLevel.STRONG, particular, 0.5)
        return ExplainedWord(
            text, attention, relevance, neurons, (*topics, nameless), 4.5, 1.0, 2.0, 1.5, evidence=evidence
        )

    def _caption(self, video_id):
        try:
            return self._captions[video_id]
        except KeyError:
            raise NotFound("There is no such clip in this run.") from None

    def _topic(self, wanted):
        try:
            return find_topic(wanted, list(self._topics.values()))
        except UnknownTopic as error:
            raise NotFound(str(error)) from None

    def _correction(self, correction_id):
        try:
            return self._corrections[correction_id]
        except KeyError:
            raise NotFound("There is no such correction.") from None

    def _of(self, video_id):
        return [c for c in reversed(self._corrections.values()) if c.video_id == video_id]

    def _scores(self, strengths):
        base = {topic: 0.75 / (1 + topic) for topic in self._topics}
        scores = [
            TopicScore(i, self._topics[i].name, min(1.0, score + 0.2 * strengths.get(i, 0.0)))
            for i, score in base.items()
        ]
        return tuple(sorted(scores, key=lambda score: -score.score))

    def _move(self, correction, state):
        event = Event(state, self._now(), correction.author)
        moved = replace(correction, events=(*correction.events, event))
        self._corrections[correction.id] = moved
        return moved

    def _served(self):
        return next(v for v in self._versions if v.served)

    def _serve(self, version):
        self._versions = [replace(v, served=v.version == version) for v in self._versions]
        return self._served()

    def _note(self, by, what, video_id=None, version=None):
        self._history.append(HistoryEntry(self._now(), by, what, video_id, version))

    def _now(self):
        return _BEGAN + timedelta(minutes=len(self._history))
