"""The JSON API. Ids are never part of an address's path: they may hold any character."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from topiclens.schemas.corrections import Assignment, Look, Opinion, State
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.timelines import TopicScore
from topiclens.serving.review import shown, uploads
from topiclens.serving.review.backend import NotFound
from topiclens.serving.review.dependencies import (
    MOST_TEXT,
    MOST_TOPICS,
    Id,
    Publisher,
    Reader,
    Search,
    TheBackend,
    TopicName,
    Wanted,
    Writer,
)
from topiclens.serving.review.marks import share_out
from topiclens.serving.review.text import Phrase, compare_captions

Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Limit = Annotated[int, Query(ge=1, le=200)]


class Problem(BaseModel):
    """Why a request was refused, in a sentence."""

    detail: str


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WhatIfQuestion(_Body):
    """`strengths`: topic, by id or name -> times the topic's mean activation that is added; below 0 takes away.

    `stretch`: the seconds of the film between which it is; the whole clip where it is left out.
    """

    video_id: Id
    strengths: Annotated[
        dict[TopicName, Annotated[float, Field(ge=-shown.MAX_STRENGTH, le=shown.MAX_STRENGTH)]],
        Field(max_length=MOST_TOPICS),
    ]
    stretch: Stretch | None = None
    before: Annotated[str, Field(max_length=2000, description="the caption to compare with")] = ""


class WhatIfAnswer(BaseModel):
    """The caption, its phrases (`new`: not in `before`), all topics' scores, and the milliseconds that it took."""

    caption: str
    phrases: list[Phrase]
    scores: list[TopicScore]
    milliseconds: float


class ProposalRequest(_Body):
    """Topics that the caption of a clip misses; `stretch`: the seconds of the film between which it shows them."""

    video_id: Id
    stretch: Stretch | None = None
    topics: Annotated[list[TopicName], Field(min_length=1, max_length=MOST_TOPICS)]


class LookRequest(_Body):
    """What a person thinks of a clip's caption; `version`: whose caption it is, the served one's where left out."""

    video_id: Id
    opinion: Opinion
    version: Id | None = None


class CaptionRequest(_Body):
    """A clip's caption as the person would write it; `version` as of a look."""

    video_id: Id
    text: Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT)]
    version: Id | None = None


class WhichCaption(_Body):
    """The caption that a person wrote of a clip, while a version was served."""

    by: Id
    video_id: Id
    version: Id


class AssignmentRequest(_Body):
    """Clips, and the people who are to look at them, by turns; nobody in particular where there are none."""

    video_ids: Annotated[list[Id], Field(min_length=1, max_length=10_000)]
    to: Annotated[list[Id], Field(max_length=100)]


class WhichCorrection(_Body):
    correction_id: Id


class WhichJob(_Body):
    job_id: Id


class WhichVersion(_Body):
    version: Id


class WhichCandidate(_Body):
    """The version that was looked at; whichever waits where none is named."""

    version: Id | None = None


class Batch(_Body):
    """The corrections to be taught; all that are previewed or lacking where none are named."""

    corrections: Annotated[list[Id], Field(min_length=1, max_length=10_000)] | None = None


_PROBLEMS = {
    400: "It cannot be read.",
    401: "Nobody is signed in.",
    403: "This person may not.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand.",
    413: "It is too large.",
    422: "Something in it must be changed.",
    503: "The model or the ledger does not answer, or too much is asked at once.",
}
ROUTER = APIRouter(
    prefix="/api", responses={code: {"model": Problem, "description": text} for code, text in _PROBLEMS.items()}
)


@ROUTER.get("/queue")
def queue(
    backend: TheBackend, person: Reader, wanted: Wanted, limit: Limit = 24, offset: Offset = 0
) -> shown.QueuePage:
    """Clips, the highest acquisition score first."""
    return backend.queue(limit, offset, wanted, person.name)


@ROUTER.get("/clip")
def clip(backend: TheBackend, person: Reader, wanted: Wanted, video_id: Id) -> shown.ClipPage:
    """A clip with the evidence."""
    return backend.clip(video_id, person.name, wanted)


@ROUTER.get("/looks")
def looks(backend: TheBackend, _: Reader, video_id: Id | None = None, by: Search = "") -> list[Look]:
    """What people think of captions, oldest first: the last word of each person, clip and version."""
    return [one for one in backend.looks() if video_id in (None, one.video_id) and by in ("", one.by)]


@ROUTER.post("/looks", status_code=201)
def look(backend: TheBackend, person: Writer, asked: LookRequest) -> Look:
    """Notes what the person thinks of a caption, in place of what they said of it before."""
    return backend.look(asked.video_id, asked.opinion, person.name, asked.version)


@ROUTER.get("/captions")
def captions(
    backend: TheBackend, _: Reader, video_id: Id | None = None, by: Search = ""
) -> list[shown.ReviewedCaption]:
    """Captions that people wrote, also those taken back, newest first. `is_taught`: the next training learns it."""
    return [one for one in backend.written_captions() if video_id in (None, one.video_id) and by in ("", one.by)]


@ROUTER.post("/captions", status_code=201)
def write_caption(backend: TheBackend, person: Writer, asked: CaptionRequest) -> shown.ReviewedCaption:
    """Notes how a person would caption a clip, in place of what they wrote before. `/api/clip` suggests its topics."""
    return backend.write_caption(asked.video_id, asked.text, person.name, asked.version)


@ROUTER.post("/captions/withdraw")
def withdraw_caption(backend: TheBackend, person: Writer, which: WhichCaption) -> shown.ReviewedCaption:
    """Takes back a caption that a person wrote."""
    return backend.withdraw_caption(which.by, which.video_id, which.version, person.name)


@ROUTER.post("/captions/restore")
def restore_caption(backend: TheBackend, person: Writer, which: WhichCaption) -> shown.ReviewedCaption:
    """Undoes that."""
    return backend.restore_caption(which.by, which.video_id, which.version, person.name)


@ROUTER.get("/assignments")
def assignments(backend: TheBackend, _: Reader) -> list[Assignment]:
    """Who is to look at which clip."""
    return list(backend.assignments())


@ROUTER.post("/assignments", status_code=201)
def assign(backend: TheBackend, person: Publisher, asked: AssignmentRequest) -> list[Assignment]:
    """Shares clips among people."""
    return list(backend.assign(share_out(asked.video_ids, asked.to), person.name))


@ROUTER.get("/topics")
def topics(backend: TheBackend, _: Reader, search: Search = "") -> list[shown.TopicChoice]:
    """Topics whose name or words hold the text; all where it is empty."""
    return list(backend.topics(search))


@ROUTER.post("/what-if")
def what_if(backend: TheBackend, _: Writer, question: WhatIfQuestion) -> WhatIfAnswer:
    """What the served model would say if it saw more (or less) of some topics. Nothing is kept."""
    answer: shown.WhatIfResult = backend.what_if(question.video_id, question.strengths, question.stretch)
    phrases = compare_captions(question.before or answer.caption, answer.caption)
    return WhatIfAnswer(
        caption=answer.caption, phrases=phrases, scores=list(answer.scores), milliseconds=answer.milliseconds
    )


@ROUTER.get("/corrections")
def corrections(backend: TheBackend, _: Reader, state: State | None = None) -> list[shown.ReviewedCorrection]:
    """Newest first."""
    return list(backend.corrections(state))


@ROUTER.post("/corrections", status_code=201)
def propose(backend: TheBackend, person: Writer, proposal: ProposalRequest) -> list[shown.ReviewedCorrection]:
    """Notes what a caption misses."""
    topics = list(dict.fromkeys(proposal.topics))
    return list(backend.propose(proposal.video_id, topics, person.name, proposal.stretch))


@ROUTER.post("/corrections/withdraw")
def withdraw(backend: TheBackend, person: Writer, which: WhichCorrection) -> shown.ReviewedCorrection:
    """Takes back a correction that is in no served version."""
    return backend.withdraw(which.correction_id, person.name)


@ROUTER.post("/corrections/restore")
def restore(backend: TheBackend, person: Writer, which: WhichCorrection) -> shown.ReviewedCorrection:
    """Undoes the withdrawal of a correction."""
    return backend.restore(which.correction_id, person.name)


@ROUTER.post("/corrections/agree", status_code=201)
def agree(backend: TheBackend, person: Writer, which: WhichCorrection) -> shown.ReviewedCorrection:
    """Notes that the person says the same as another: a correction of their own."""
    return backend.agree(which.correction_id, person.name)


@ROUTER.post("/corrections/rollback", status_code=202)
def rollback_correction(backend: TheBackend, person: Publisher, which: WhichCorrection) -> shown.RefinementJob:
    """Builds the served version anew without a live correction; see `/api/refinement`."""
    return backend.rollback_correction(which.correction_id, person.name)


@ROUTER.post("/refinements", status_code=202)
def start_refinement(backend: TheBackend, person: Publisher, batch: Batch) -> shown.RefinementJob:
    """Starts to teach corrections to the served model; see `/api/refinement`."""
    return backend.start_refinement(person.name, batch.corrections)


@ROUTER.get("/refinements")
def refinements(backend: TheBackend, _: Reader, limit: Limit = 50, offset: Offset = 0) -> list[shown.RefinementJob]:
    """Newest first, with what became of each later."""
    return list(backend.jobs(limit, offset))


@ROUTER.post("/refinements/cancel")
def cancel_refinement(backend: TheBackend, person: Publisher, which: WhichJob) -> shown.RefinementJob:
    """Has a refinement end: nothing is published, and what it was to learn waits as before."""
    return backend.cancel_job(which.job_id, person.name)


@ROUTER.get("/refinement")
def refinement(backend: TheBackend, _: Reader, job_id: Id | None = None) -> shown.RefinementJob:
    """How far a refinement is; the last one where none is named."""
    job = backend.latest_job() if job_id is None else backend.job(job_id)
    if job is None:
        raise NotFound("Nothing was refined yet.")
    return job


@ROUTER.post("/publish")
def publish(backend: TheBackend, person: Publisher, which: WhichCandidate | None = None) -> shown.ReviewedVersion:
    """Serves the candidate that the gate blessed."""
    return backend.publish(person.name, which.version if which else None)


@ROUTER.get("/versions")
def versions(backend: TheBackend, _: Reader) -> list[shown.ReviewedVersion]:
    """Newest first."""
    return list(backend.versions())


@ROUTER.post("/versions/rollback")
def rollback_version(backend: TheBackend, person: Publisher, which: WhichVersion) -> shown.ReviewedVersion:
    """Serves an earlier version."""
    return backend.rollback_version(which.version, person.name)


@ROUTER.get("/history")
def history(backend: TheBackend, _: Reader, limit: Limit = 50, offset: Offset = 0) -> list[shown.HistoryEntry]:
    """What was done, newest first."""
    return list(backend.history(limit, offset))


_CLIP = {
    "type": "object",
    "required": ["clip"],
    "properties": {"clip": {"type": "string", "format": "binary"}, "keep": {"type": "string", "enum": ["yes"]}},
}


@ROUTER.post("/new", openapi_extra={"requestBody": {"content": {"multipart/form-data": {"schema": _CLIP}}}})
async def caption_new(request: Request, person: Writer) -> shown.NewCaption:
    """Captions a clip that is sent along. With `keep` it joins the queue, and can be corrected."""
    return await uploads.caption(request, await uploads.sent(request), person)
