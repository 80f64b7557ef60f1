"""Who may ask the review page for what."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_SHORTEST_TOKEN = 24  # characters; `openssl rand -hex 24` gives 48
_LONGEST_NAME = 80


class AccessError(ValueError):
    """Settings that would let the wrong people in, or nobody; the message says what to do."""


class Role(enum.StrEnum):
    """REVIEWER: looks, tries, proposes, withdraws. PUBLISHER: also refines, publishes, rolls back, shares out clips."""

    REVIEWER = "reviewer"
    PUBLISHER = "publisher"


@dataclass(frozen=True)
class Person:
    """Who asks; the name goes into the ledger."""

    name: str
    role: Role

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise AccessError(f"A person's name must have 1 to {_LONGEST_NAME} printable characters.")

    @property
    def publishes(self) -> bool:
        return self.role is Role.PUBLISHER


@dataclass(frozen=True)
class TrustedProxy:
    """A reverse proxy that signs people in and tells who they are."""

    header: str  # that names the person, such as X-Forwarded-User; the proxy must drop it where a client sends it
    networks: tuple[IPv4Network | IPv6Network, ...]  # the proxy's own; the header means nothing from elsewhere
    publishers: frozenset[str] = frozenset()  # who may publish; everyone else whom the proxy names is a reviewer

    def person(self, address: str | None, headers: Mapping[str, str]) -> Person | None:
        name = headers.get(self.header.lower(), "")
        with contextlib.suppress(UnicodeError):  # Starlette reads headers as Latin-1
            name = name.encode("latin-1").decode("utf-8")
        if not name or not _within(address, self.networks):
            return None
        return Person(name, Role.PUBLISHER if name in self.publishers else Role.REVIEWER)


@dataclass(frozen=True)
class Access:
    """Whom the review page lets in; made by `on_loopback`, `by_tokens` or `behind_proxy`."""

    local: Person | None = None  # who everybody on this machine is; None where they must say
    tokens: Mapping[bytes, Person] = field(default_factory=dict)  # SHA-256 of a bearer token -> whose it is
    proxy: TrustedProxy | None = None  # whom to believe about people
    hosts: frozenset[str] = frozenset()  # names, besides those of the loopback, under which browsers reach the page
    https: bool = False  # whether they reach it by HTTPS alone, through a proxy

    @classmethod
    def on_loopback(cls, name: str) -> Access:
        """Everybody on this machine is this person, and may do everything."""
        return cls(local=Person(name, Role.PUBLISHER))

    @classmethod
    def by_tokens(
        cls,
        reviewers: str | os.PathLike | None,
        publishers: str | os.PathLike | None,
        hosts: Collection[str] = (),
        https: bool = False,
    ) -> Access:
        """People show a token. Each file has a person a line, name and token; only its owner may be able to read it."""
        tokens: dict[bytes, Person] = {}
        for role, path in ((Role.REVIEWER, reviewers), (Role.PUBLISHER, publishers)):
            if path is None:
                continue
            for name, token in _read_tokens(path):
                if _digest(token) in tokens:
                    raise AccessError(f"{os.path.basename(path)}: {name}'s token is somebody else's too.")
                tokens[_digest(token)] = Person(name, role)
        if not tokens:
            raise AccessError("No token is set, so nobody could come in. Write a name and a token into the file.")
        return cls(tokens=tokens, hosts=_names(hosts), https=https)

    @classmethod
    def behind_proxy(
        cls,
        header: str,
        addresses: Collection[str],
        publishers: Collection[str] = (),
        hosts: Collection[str] = (),
        https: bool = True,
    ) -> Access:
        """A reverse proxy at these addresses (or networks, as 10.0.0.0/24) says who people are."""
        if not header or not addresses:
            raise AccessError("A trusted proxy needs the name of its header and its addresses.")
        try:
            networks = tuple(ipaddress.ip_network(address) for address in addresses)
        except ValueError as error:
            raise AccessError(f"A proxy's address cannot be read: {error}.") from None
        return cls(proxy=TrustedProxy(header, networks, frozenset(publishers)), hosts=_names(hosts), https=https)

    def check_bind(self, host: str) -> None:
        """Raises AccessError where the page would listen beyond this machine and let everybody in."""
        if self.local is not None and host not in LOOPBACK_NAMES:
            raise AccessError(
                f"Listening at {host} would let everybody on the network publish models. Give people tokens, name a "
                "reverse proxy that signs them in, or listen at 127.0.0.1."
            )

    def knows_host(self, host_header: str) -> bool:
        """Whether a Host header names this page. What a foreign name resolves to is not ours: DNS can be rebound."""
        name, _, port = host_header.rpartition(":")
        if not (name and port.isdigit()):
            name = host_header
        return name.lower().strip("[]").rstrip(".") in LOOPBACK_NAMES | self.hosts

    def of_token(self, token: str) -> Person | None:
        return self.tokens.get(_digest(token))

    def of_connection(self, address: str | None, headers: Mapping[str, str]) -> Person | None:
        """Who a request is from by where it comes from: its peer's address, and headers by their lower-case names."""
        if self.proxy is not None and (person := self.proxy.person(address, headers)) is not None:
            return person
        # A proxy on this machine would make the whole network local.
        forwarded = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
        return None if forwarded or not _within(address, _LOOPBACK) else self.local


def _names(hosts: Collection[str]) -> frozenset[str]:
    return frozenset(host.lower().rstrip(".") for host in hosts)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()  # to look a digest up tells nothing of a token by its timing


def _within(address: str | None, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    try:
        peer = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in networks)


def _read_tokens(path: str | os.PathLike) -> list[tuple[str, str]]:
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            mode, lines = os.fstat(file.fileno()).st_mode, file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"The file of tokens {name!r} cannot be read: {error}.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AccessError(f"The file of tokens {name!r} can be read by others: chmod 600 it.")
    people = []
    for number, line in enumerate(lines, start=1):
        person, _, token = line.strip().rpartition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if not person.strip() or len(token) < _SHORTEST_TOKEN or not token.isascii():
            raise AccessError(
                f"Line {number} of {name!r}: expected a name, a space and a token of {_SHORTEST_TOKEN} or more "
                "ASCII characters, such as `openssl rand -hex 24` gives."
            )
        people.append((person.strip(), token))
    return people


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
