"""The pages that are looked at. Nothing here changes anything."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from topiclens.schemas.corrections import State
from topiclens.schemas.timelines import TopicScore
from topiclens.serving.review.api import Offset
from topiclens.serving.review.backend import NotFound, ReviewBackend
from topiclens.serving.review.dependencies import (
    Id,
    Reader,
    Search,
    TheBackend,
    TheLimits,
    Wanted,
    strengths_in,
    stretch_in,
)
from topiclens.serving.review.rendering import render_page
from topiclens.serving.review.shown import (
    MAX_STRENGTH,
    MOST_WRITTEN,
    ClipPage,
    JobState,
    RefinementJob,
    ReviewedCorrection,
    TopicChoice,
)
from topiclens.serving.review.text import tell_obstacle

ROUTER = APIRouter(include_in_schema=False)
SEEN = 6  # topics that the model sees most, shown beside those suggested
NEWEST = 100  # corrections that are done with, shown below those that wait
_PLAYABLE = ("video/mp4", "video/webm", "video/ogg")
_FIRST_STRENGTH = 1.0  # the paper's


@ROUTER.get("/")
def queue(
    request: Request, backend: TheBackend, limits: TheLimits, person: Reader, wanted: Wanted, offset: Offset = 0
) -> Response:
    found, topics = backend.queue(limits.page_size, offset, wanted, person.name), backend.topics()
    kept: dict[str, Any] = {"wanted": wanted, "offset": offset, "size": limits.page_size}
    return render_page(request, "queue.html", queue=found, topics=topics, **kept)


@ROUTER.get("/clip")
def clip(request: Request, backend: TheBackend, person: Reader, wanted: Wanted, id: Id, topic: Search = "") -> Response:
    shown = backend.clip(id, person.name, wanted)
    strengths, stretch = strengths_in(request.query_params), stretch_in(request.query_params)
    answer = backend.what_if(id, strengths, stretch) if strengths else None
    found = backend.topics(topic) if topic else ()
    return render_page(
        request,
        "clip.html",
        clip=shown,
        answer=answer,
        caption=answer.caption if answer else shown.caption,
        rows=topic_rows(
            shown, {t.id: t for t in backend.topics()}, answer.scores if answer else (), strengths, found, person.name
        ),
        most_written=MOST_WRITTEN,
        scores=json.dumps({score.id: round(score.score, 4) for score in shown.scores}),
        search=topic,
        agreeing=agreeing(shown.corrections),
        wanted=wanted,
        strongest=MAX_STRENGTH,
        stretch=stretch,
        video=backend.video(id) if shown.playable else None,
    )


def agreeing(corrections: Sequence[ReviewedCorrection]) -> dict[str, list[str]]:
    """Correction id -> who else says the same of the clip; what was taken back is not counted."""
    said: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in corrections:
        if one.state is not State.REVOKED and one.author not in said[one.video_id, one.missed]:
            said[one.video_id, one.missed].append(one.author)
    return {one.id: [name for name in said[one.video_id, one.missed] if name != one.author] for one in corrections}


def topic_rows(
    clip: ClipPage,
    topics: dict[int, TopicChoice],
    scores: tuple[TopicScore, ...],
    strengths: dict[int, float],
    found: Sequence[TopicChoice],
    person: str = "",
) -> list[dict]:
    """What is known of the topics that a clip's page lists: those suggested, seen most, moved, and searched for; ticked
    are those that were slid up, or else those of which the person wrote a caption."""
    before = {score.id: score.score for score in clip.scores}
    after = {score.id: score.score for score in scores} or before
    suggested = {suggestion.topic_id: suggestion for suggestion in clip.suggestions}
    against = {one.topic_id: tell_obstacle(one, bool(clip.seconds)) for one in clip.suggestions}
    seen = [score.id for score in clip.scores if score.id in topics][:SEEN]
    listed = [*strengths, *(topic.id for topic in found)]
    groups = {topic_id: "hard" if why else "suggested" for topic_id, why in against.items()}
    groups |= {topic_id: "seen" for topic_id in seen if topic_id not in groups}
    groups |= {topic_id: "found" for topic_id in listed if topic_id not in groups}
    said = {one.topic.name: one.author for one in clip.corrections if one.state is not State.REVOKED}
    own = {
        one.topic_id
        for one in clip.suggestions
        if person in one.written_by and one.name not in said and not against[one.topic_id]
    }
    rows = []
    for topic_id, group in groups.items():
        if topic_id in topics:
            suggestion = suggested.get(topic_id)
            rows.append({
                "topic": topics[topic_id],
                "group": group,
                "reason": suggestion.reason if suggestion else "",
                "first": (suggestion.strength if suggestion else None) or _FIRST_STRENGTH,
                "caption": suggestion.caption if suggestion else "",
                "against": against.get(topic_id, ""),
                "before": before.get(topic_id),
                "after": after.get(topic_id),
                "strength": strengths.get(topic_id, 0.0),
                "said": said.get(topics[topic_id].name, ""),
                "ticked": strengths.get(topic_id, 0.0) > 0 or (not strengths and topic_id in own),
            })  # fmt: skip
    return rows


@ROUTER.get("/frame")
def frame(backend: TheBackend, _: Reader, id: Id, index: Offset) -> Response:
    picture = backend.frame(id, index)
    if picture is None:
        raise NotFound("There is no picture of this frame.")
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


@ROUTER.get("/video")
def video(backend: TheBackend, _: Reader, id: Id) -> Response:
    file = backend.video(id)
    if file is None or file.media_type not in _PLAYABLE or not file.path.is_file():
        raise NotFound("There is no film of this clip that a browser can play.")
    return FileResponse(file.path, media_type=file.media_type)


@ROUTER.get("/corrections")
def corrections(request: Request, backend: TheBackend, _: Reader) -> Response:
    everything = backend.corrections()
    ready = [c for c in everything if c.lacking or c.state in (State.PREVIEWED, State.PROPOSED)]
    refused = [c for c in everything if c.state is State.REFUSED]
    others = [c for c in everything if c not in ready and c not in refused][:NEWEST]
    written = backend.written_captions()[:NEWEST]
    job = job_shown(backend, backend.latest_job())
    listed: dict[str, Any] = {"ready": ready, "refused": refused, "others": others, "agreeing": agreeing(everything)}
    return render_page(request, "corrections.html", written=written, **listed, **job)


@ROUTER.get("/refinement")
def refinement(request: Request, backend: TheBackend, _: Reader, id: Id | None = None) -> Response:
    """The part of the page of corrections that changes while a refinement runs."""
    return render_page(request, "_job.html", **job_shown(backend, backend.job(id) if id else backend.latest_job()))


@ROUTER.get("/refinements")
def refinements(
    request: Request, backend: TheBackend, limits: TheLimits, _: Reader, offset: Offset = 0, id: Search = ""
) -> Response:
    """All of them, or one with all that is known of it."""
    if id:
        return render_page(request, "refinements.html", **job_shown(backend, backend.job(id)))
    size = limits.page_size
    jobs = backend.jobs(size + 1, offset)
    kept: dict[str, Any] = {"jobs": jobs[:size], "more": len(jobs) > size, "offset": offset, "size": size}
    return render_page(request, "refinements.html", job=None, **kept)


@ROUTER.get("/refinements/cancel")
def ask_to_cancel(request: Request, backend: TheBackend, _: Reader, id: Id) -> Response:
    """Asks once more: a page of its own, since that of corrections is shown anew while a refinement runs."""
    return render_page(request, "cancel.html", job=backend.job(id))


_ENDED_EARLY = (JobState.FAILED, JobState.BROKEN_OFF, JobState.CANCELLED)


def job_shown(backend: ReviewBackend, job: RefinementJob | None) -> dict:
    """A job, its corrections by id, those of a refused batch that nobody blames, and those of one that ended early
    which can be taught, or taken out, as before."""
    if job is None:
        return {"job": None}
    known = {c.id: c for c in backend.corrections()}
    refused = job.verdict if job.state is JobState.REFUSED else None
    ready = (State.LIVE,) if job.takes_out else (State.PREVIEWED, State.IN_CANDIDATE, State.REFUSED)
    again = [i for i in job.corrections if i in known and (known[i].state in ready or known[i].lacking)]
    return {
        "job": job,
        "again": again if job.state in _ENDED_EARLY else [],
        "taught": [known[i] for i in job.corrections if i in known],
        "taken_back": [known[i] for i in job.takes_back if i in known],
        "remaining": [i for i in job.corrections if i not in refused.culprits] if refused else [],
    }


@ROUTER.get("/versions")
def versions(request: Request, backend: TheBackend, _: Reader) -> Response:
    known = {c.id: c for c in backend.corrections()}
    return render_page(request, "versions.html", versions=backend.versions(), known=known)


@ROUTER.get("/history")
def history(request: Request, backend: TheBackend, limits: TheLimits, _: Reader, offset: Offset = 0) -> Response:
    size = limits.page_size
    entries = backend.history(size + 1, offset)
    more = len(entries) > size
    return render_page(request, "history.html", entries=entries[:size], more=more, offset=offset, size=size)


@ROUTER.get("/new")
def new(request: Request, backend: TheBackend, limits: TheLimits, _: Reader) -> Response:
    return render_page(request, "new.html", accepts=backend.accepts_clips(), limits=limits, answer=None)


@ROUTER.get("/sign-in")
def sign_in(request: Request) -> Response:
    return render_page(request, "sign_in.html", wrong=False)
