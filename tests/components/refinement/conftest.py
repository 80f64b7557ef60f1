"""Ledgers to test with: in a SQLite file, and in a PostgreSQL that runs for these tests alone."""

import datetime
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import types
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from topiclens.components.refinement.ledger import Ledger
from topiclens.schemas.corrections import CorrectedTopic, Opinion

USER, PASSWORD = "reviewer", "p@ss:word/1"
START_SECONDS = 60


def _program(name: str) -> Path:
    """Debian keeps PostgreSQL's programs beside each other, off the PATH."""
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed (Debian: apt-get install postgresql)")
    return Path(found).resolve()


def _unprivileged() -> dict:
    """Whom to run as, since PostgreSQL refuses to run as root; nobody else where we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no other user here")


@pytest.fixture(scope="session")
def postgres():
    """Makes new databases: a function that returns the URL of one."""
    psycopg = pytest.importorskip("psycopg")
    initdb, server = _program("initdb"), _program("postgres")
    who = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="topiclens-pg-", dir="/tmp") as folder:  # a socket's path must be short
        if who:
            os.chown(folder, who["user"], who["group"])
        secret = Path(folder, "password")
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        made = subprocess.run(
            [initdb, "-D", f"{folder}/data", "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}"]
            + ["--no-locale", "--encoding=UTF8", "--no-sync"],
            **who, cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        command = [server, "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with open(f"{folder}/log", "w") as log:
            running = subprocess.Popen(command, **who, cwd=folder, stdout=log, stderr=log)
        try:
            url = URL.create("postgresql", USER, PASSWORD, database="postgres", query={"host": folder})
            at = {"host": folder, "user": USER, "password": PASSWORD, "dbname": "postgres", "autocommit": True}
            _wait_for(lambda: psycopg.connect(**at).close(), psycopg.OperationalError, running, f"{folder}/log")
            numbers = itertools.count()

            def new_database() -> str:
                name = f"ledger{next(numbers)}"
                with psycopg.connect(**at) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                return url.set(database=name).render_as_string(hide_password=False)

            yield new_database
        finally:
            running.send_signal(signal.SIGQUIT)  # at once: nobody wants the data
            running.wait(START_SECONDS)


def _wait_for(attempt, failure: type[Exception], running: subprocess.Popen, log: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return attempt()
        except failure:
            assert running.poll() is None and time.monotonic() < deadline, Path(log).read_text()
            time.sleep(0.1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """Where a new ledger can be, in each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres")()


@pytest.fixture
def ledger(url) -> Ledger:
    """A new ledger whose version 1, as training left it, is served. Its clock goes on by a minute at each look."""
    return started(url)


def started(url: str) -> Ledger:
    minutes = itertools.count()
    begin = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
    ledger = Ledger.open(url, now=lambda: begin + datetime.timedelta(minutes=next(minutes)))
    ledger.record_version("1", parent=None, by="pipeline", verdict="blessed")
    return ledger


PROPOSAL = {
    "author": "Ann",
    "video_id": "dance-7",
    "content": "5f" * 32,
    "topic": CorrectedTopic(4, "dance", ("dancing", "dance", "girl")),
    "caption_before": "a girl is standing",
    "model_before": "1",
}


WRITTEN = {
    "by": "Ann", "video_id": "dance-7", "version": "1", "content": "5f" * 32, "split": "train",
    "text": "a girl is skipping",
}  # fmt: skip
LOOK = {
    "by": "Ann",
    "video_id": "dance-7",
    "version": "1",
    "content": "5f" * 32,
    "caption": "a girl is standing",
    "opinion": Opinion.FINE,
}


def candidate(ledger: Ledger, **changes) -> str:
    """The id of a new correction that is in a candidate; each is of a video of other content."""
    correction = ledger.propose(**{**PROPOSAL, "content": f"{len(ledger.corrections()):064x}", **changes})
    ledger.transition(correction.id, "previewed", by="Ann", caption="a girl is dancing")
    return ledger.transition(correction.id, "in candidate", by="Ben").id


@pytest.fixture(scope="session")
def making() -> types.SimpleNamespace:
    """The functions above, for the tests beside this file."""
    return types.SimpleNamespace(
        proposal=PROPOSAL, look=LOOK, written=WRITTEN, candidate=candidate, started=started, password=PASSWORD
    )
