"""What every request passes before it is looked at: bounds, who it is from, and where it was sent from."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topiclens.serving.asgi import BoundedBody, read_content_length
from topiclens.serving.review import text
from topiclens.serving.review.access import COOKIE, Access, AccessError, Person, Sessions
from topiclens.serving.review.limits import PageLimits

LOG = logging.getLogger(__name__)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OPEN_PATHS = ("/static/", "/sign-in")  # for people who are not known yet
UPLOAD_PATHS = ("/new", "/api/new")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make our own forms come from nowhere ("Origin: null")
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}
ATLAS_PATH = "/atlas/"
# Its pages stand alone. Each forbids scripts itself, but for one whose digest it names; a browser obeys both.
ATLAS_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
Answer = Callable[[Request, int, str], Response]


class Refusal(HTTPException):
    """A request that goes no further: an HTTP status, and a sentence for people."""


class Guard:
    """An ASGI application around the page.

    It leaves who asks in ``request.state.person`` (None where nobody needs to be known) and the browser's session in
    ``request.state.session`` (None where it brought none).
    """

    def __init__(self, app: ASGIApp, *, access: Access, sessions: Sessions, limits: PageLimits, answer: Answer):
        self._app, self._access, self._sessions, self._limits, self._answer = app, access, sessions, limits, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # a WebSocket
            return await send({"type": "websocket.close"})
        send, begun = _watched(scope, send)
        try:
            most = self._limits.max_upload_bytes if scope["path"] in UPLOAD_PATHS else self._limits.max_body_bytes
            too_large = f"That is too large: at most {text.size(most)} are taken."
            self._admit(scope, most, too_large)
            body = BoundedBody(receive, most=most, seconds=self._limits.body_seconds, too_large=too_large)
            return await self._app(scope, body, send)
        except HTTPException as refusal:
            status, sentence = refusal.status_code, refusal.detail
        except Exception:  # the last resort: people must learn that it failed, and nothing of how
            mark = secrets.token_hex(4)
            LOG.exception("%s %r failed (%s)", scope["method"], scope["path"], mark)
            status, sentence = 500, f"Something went wrong here. The log of the server tells more, under {mark}."
        if not begun():
            await self._answer(Request(scope), status, sentence)(scope, receive, send)

    def _admit(self, scope: Scope, most: int, too_large: str) -> None:
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        # The session first: an answer without it would start another, and make the forms that are open stale.
        state.update(person=None, session=Sessions.read(Request(scope).cookies.get(COOKIE)), by_token=False)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.max_address_bytes:
            raise Refusal(414, "This address is too long.")
        if not self._access.knows_host(headers.get("host", "")):
            raise Refusal(421, "This page is not known by that name. Its settings list the names that it goes by.")
        if read_content_length(headers) > most:
            raise Refusal(413, too_large)
        state["person"], state["by_token"] = self._identify(scope, headers, state["session"])
        if state["person"] is None and not scope["path"].startswith(OPEN_PATHS):
            raise Refusal(401, "Sign in first.")
        if scope["method"] not in SAFE_METHODS:
            _check_origin(headers)

    def _identify(self, scope: Scope, headers: Headers, session: str | None) -> tuple[Person | None, bool]:
        """Who asks, and whether they showed a token, which no foreign page can make a browser send."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            person = self._access.of_token(token.strip())
            if person is None:
                raise Refusal(401, "This token is not known here.")
            return person, True
        peer = scope.get("client")
        try:
            person = self._access.of_connection(peer[0] if peer else None, headers)
        except AccessError as error:
            raise Refusal(401, str(error)) from None
        return person or self._sessions.person(session), False


def _watched(scope: Scope, send: Send) -> tuple[Send, Callable[[], bool]]:
    """A `send` that adds the headers of every answer, and whether an answer has begun."""
    begun = False

    async def sending(message: Message) -> None:
        nonlocal begun
        if message["type"] == "http.response.start":
            begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if scope["path"].startswith(ATLAS_PATH) and message["status"] == 200:
                headers["Content-Security-Policy"] = ATLAS_POLICY
            headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
        await send(message)

    return sending, lambda: begun


def _check_origin(headers: Headers) -> None:
    """Refuses what a foreign page made a browser send. Browsers say so; other clients say nothing."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    try:
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        foreign = True
    if foreign or site not in (None, "same-origin"):
        raise Refusal(403, "This was sent from another page. Do it here.")
