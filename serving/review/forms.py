"""What forms of the pages do; then the browser is sent to the page that shows it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from topiclens.schemas.corrections import State
from topiclens.serving.review import uploads
from topiclens.serving.review.dependencies import (
    Form,
    FormPublisher,
    Reader,
    TheBackend,
    TheLimits,
    filter_in,
    opinion_in,
    people_in,
    stretch_in,
    text,
    topics_in,
)
from topiclens.serving.review.marks import share_out
from topiclens.serving.review.rendering import keep_session, redirect, render_page
from topiclens.serving.review.request_limits import Refusal

ROUTER = APIRouter(include_in_schema=False)
MOST_SHARED = 10_000  # clips, at once


@ROUTER.post("/corrections")
def propose(form: Form, backend: TheBackend, person: Reader) -> Response:
    video_id = text(form, "video_id")
    noted = backend.propose(video_id, topics_in(form), person.name, stretch_in(form))
    refused = any(correction.state is State.REFUSED for correction in noted)  # and said again
    done = "refused-before" if refused else "proposed"
    return redirect("/clip", id=video_id, done=done, **filter_in(form).query)


@ROUTER.post("/looks")
def look(form: Form, backend: TheBackend, person: Reader) -> Response:
    """Notes an opinion, and shows the next clip that the person did not look at."""
    video_id, opinion, wanted = text(form, "video_id"), opinion_in(form), filter_in(form)
    backend.look(video_id, opinion, person.name, text(form, "version"))
    following = backend.next_clip(video_id, person.name, wanted)
    if following is None:
        return redirect("/", done="all-looked-at", **wanted.query)
    return redirect("/clip", id=following, done=opinion.value, **wanted.query)


@ROUTER.post("/captions")
def write_caption(form: Form, backend: TheBackend, person: Reader) -> Response:
    video_id = text(form, "video_id")
    backend.write_caption(video_id, text(form, "text"), person.name, text(form, "version"))
    return redirect("/clip", id=video_id, done="written", **filter_in(form).query)


@ROUTER.post("/captions/withdraw")
def withdraw_caption(form: Form, backend: TheBackend, person: Reader) -> Response:
    backend.withdraw_caption(*_caption_in(form), person.name)
    return _where_it_was(form, "unwritten")


@ROUTER.post("/captions/restore")
def restore_caption(form: Form, backend: TheBackend, person: Reader) -> Response:
    backend.restore_caption(*_caption_in(form), person.name)
    return _where_it_was(form, "rewritten")


def _caption_in(form: FormData) -> tuple[str, str, str]:
    return text(form, "author"), text(form, "of"), text(form, "version")


@ROUTER.post("/assignments")
def assign(form: Form, backend: TheBackend, person: FormPublisher) -> Response:
    """Shares the clips that a filter shows among people, by turns."""
    wanted = filter_in(form)
    shown = backend.queue(MOST_SHARED, 0, wanted, person.name).items
    backend.assign(share_out([item.video_id for item in shown], people_in(form)), person.name)
    return redirect("/", done="assigned", **wanted.query)


@ROUTER.post("/corrections/withdraw")
def withdraw(form: Form, backend: TheBackend, person: Reader) -> Response:
    backend.withdraw(text(form, "correction_id"), person.name)
    return _where_it_was(form, "withdrawn")


@ROUTER.post("/corrections/restore")
def restore(form: Form, backend: TheBackend, person: Reader) -> Response:
    backend.restore(text(form, "correction_id"), person.name)
    return _where_it_was(form, "restored")


@ROUTER.post("/corrections/agree")
def agree(form: Form, backend: TheBackend, person: Reader) -> Response:
    agreed = backend.agree(text(form, "correction_id"), person.name)
    return redirect("/clip", id=agreed.video_id, done="agreed", **filter_in(form).query)


def _where_it_was(form: FormData, done: str) -> Response:
    """Back to the clip's page, the history, or the corrections, wherever the form was."""
    if video_id := text(form, "video_id", required=False):
        return redirect("/clip", id=video_id, done=done, **filter_in(form).query)
    return redirect("/history" if text(form, "page", required=False) == "history" else "/corrections", done=done)


@ROUTER.post("/corrections/rollback")
def rollback_correction(form: Form, backend: TheBackend, person: FormPublisher) -> Response:
    backend.rollback_correction(text(form, "correction_id"), person.name)
    return redirect("/corrections", done="taking-out")


@ROUTER.post("/refinements")
def start_refinement(form: Form, backend: TheBackend, person: FormPublisher) -> Response:
    chosen = [value for value in form.getlist("correction") if isinstance(value, str) and value]
    if not chosen:
        raise Refusal(422, "No correction is ticked. Tick those that the model is to learn.")
    backend.start_refinement(person.name, chosen)
    return redirect("/corrections", done="started")


@ROUTER.post("/refinements/cancel")
def cancel_refinement(form: Form, backend: TheBackend, person: FormPublisher) -> Response:
    backend.cancel_job(text(form, "job_id"), person.name)
    return redirect("/corrections", done="cancelled")


@ROUTER.post("/publish")
def publish(form: Form, backend: TheBackend, person: FormPublisher) -> Response:
    backend.publish(person.name, text(form, "version", required=False) or None)
    return redirect("/versions", done="published")


@ROUTER.post("/versions/rollback")
def rollback_version(form: Form, backend: TheBackend, person: FormPublisher) -> Response:
    backend.rollback_version(text(form, "version"), person.name)
    return redirect("/versions", done="rolled-back")


@ROUTER.post("/new")
async def new(request: Request, form: Form, limits: TheLimits, person: Reader) -> Response:
    answer = await uploads.caption(request, await uploads.sent(request), person)
    if answer.video_id:
        return redirect("/clip", id=answer.video_id, done="kept")
    return render_page(request, "new.html", accepts=True, limits=limits, answer=answer)


@ROUTER.post("/sign-in")
def sign_in(request: Request, form: Form) -> Response:
    state = request.app.state
    person = state.access.of_token(text(form, "token"))
    if person is None:
        return render_page(request, "sign_in.html", 401, wrong=True)
    answer = redirect("/")
    keep_session(request, answer, state.sessions.sign_in(person))
    return answer


@ROUTER.post("/sign-out")
def sign_out(request: Request, form: Form) -> Response:
    request.app.state.sessions.sign_out(request.state.session)
    return redirect("/sign-in" if request.app.state.access.tokens else "/")
