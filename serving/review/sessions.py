"""Browsers that use the page: who signed in from which, and the tokens by which their forms are known."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict

from topiclens.serving.review.access import Person

COOKIE = "topiclens_session"
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
_HOURS = 12
_MOST = 1000  # who are signed in at a time


class Sessions:
    """One for the life of the page. A session is a random text that a browser keeps in a cookie.

    A form is ours if it carries a token that only we can make for the session (a synchronizer token by HMAC): a foreign
    page can make a browser send the cookie, but not read it. After a restart all forms and sign-ins are stale.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._signed_in: OrderedDict[str, tuple[Person | None, float]] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def read(cookie: str | None) -> str | None:
        """The session that a cookie names, if it can be one."""
        return cookie if cookie and _SESSION.fullmatch(cookie) else None

    @staticmethod
    def new() -> str:
        return secrets.token_urlsafe(32)

    def token(self, session: str) -> str:
        """What the forms of a session carry."""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def owns(self, session: str | None, token: str) -> bool:
        return session is not None and hmac.compare_digest(
            self.token(session).encode(), token.encode("utf-8", "replace")
        )

    def sign_in(self, person: Person) -> str:
        """A new session, so that one that somebody planted before is worth nothing."""
        session = self.new()
        with self._lock:
            self._signed_in[session] = (person, time.monotonic() + _HOURS * 3600)
            while len(self._signed_in) > _MOST:
                self._signed_in.popitem(last=False)
        return session

    def person(self, session: str | None) -> Person | None:
        with self._lock:
            person, until = self._signed_in.get(session or "", (None, 0.0))
            if time.monotonic() > until:
                self._signed_in.pop(session or "", None)
                return None
            return person

    def sign_out(self, session: str | None) -> None:
        with self._lock:
            self._signed_in.pop(session or "", None)
