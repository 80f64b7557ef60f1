"""Pages out of templates. Everything that a template prints is escaped; no template says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from topiclens.schemas.corrections import State
from topiclens.serving.review import text
from topiclens.serving.review.access import COOKIE
from topiclens.serving.review.dependencies import CSRF_FIELD
from topiclens.serving.review.shown import ClipState, JobState

FOLDER = Path(__file__).parent


def address(path: str, **query: Any) -> str:
    """An address of this page; what is None or empty is left out."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def create_environment(atlas: bool = False) -> jinja2.Environment:
    """The pages' templates; with an `atlas`, topics and neurons lead there."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        moment=text.moment, heading=text.heading, count=text.count, size=text.size,
        strongest_frames=text.strongest_frames, job_state=text.job_state, time_left=text.time_left,
    )  # fmt: skip
    templates.globals.update(
        address=address, compared=text.compare_captions, csrf_field=CSRF_FIELD, State=State, JobState=JobState,
        ClipState=ClipState, states=text.STATES, atlas=atlas,
    )  # fmt: skip
    return templates


def render_page(request: Request, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page for the person who asks, with the token that its forms carry."""
    state = request.app.state
    session = request.state.session or state.sessions.new()
    html = state.templates.get_template(template).render(
        person=request.state.person,
        signs_in=bool(state.access.tokens),
        csrf=state.sessions.token(session),
        run=state.backend.name,
        done=text.DONE.get(request.query_params.get("done", ""), ""),
        **shown,
    )
    response = HTMLResponse(html, status)
    if session != request.state.session and request.method == "GET":  # a foreign form comes without it
        keep_session(request, response, session)
    return response


def keep_session(request: Request, response: Response, session: str) -> None:
    secure = request.app.state.access.https
    # Not "strict": a link in a mail would come without the cookie, and its answer replace the signed-in session.
    # "lax" lets it come with such links alone, and what changes something is no link: it needs the page's own token.
    response.set_cookie(COOKIE, session, httponly=True, samesite="lax", secure=secure, path="/")


def redirect(path: str, **query: Any) -> RedirectResponse:
    """To another page of ours after a form was sent."""
    return RedirectResponse(address(path, **query), status_code=303)


def render_refusal(request: Request, status: int, sentence: str) -> Response:
    """The answer to what cannot be done, for programs or for people."""
    if request.scope["path"].startswith("/api/"):
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return JSONResponse({"detail": sentence}, status, headers)
    if status == 401 and request.app.state.access.tokens and request.method == "GET":
        return redirect("/sign-in")
    return render_page(request, "refused.html", status, sentence=sentence)
