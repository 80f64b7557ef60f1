"""A SQL database in which one writer at a time appends and every reader sees one moment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import sqlalchemy
from sqlalchemy import DDL, Connection, MetaData, Table, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from topiclens.components.refinement.rules import LedgerError

WAIT_SECONDS = 30  # for the writer before us
CONNECT_SECONDS = 10
_WRITERS_LOCK = 0x70F1C1  # any number, the same for all who write here
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class Database:
    """A SQLite file, or a PostgreSQL database.

    Writers stand in line: SQLite locks its file, PostgreSQL a number that all writers share until they commit. What a
    writer reads is thus still so when it writes. Connections live as long as one transaction, and survive a fork.

    Args:
        url: ``postgresql://user:password@host/name``, ``sqlite:///file``, or the path of a SQLite file.
    """

    def __init__(self, url: str | os.PathLike):
        self._url = _read_url(os.fspath(url))
        self._sqlite = self._url.get_backend_name() == "sqlite"
        try:
            self._engine = sqlalchemy.create_engine(
                self._url,
                poolclass=NullPool,
                hide_parameters=True,
                connect_args={"timeout": WAIT_SECONDS} if self._sqlite else {"connect_timeout": CONNECT_SECONDS},
            )
        except ImportError:
            raise LedgerError(f"{self}: the driver is missing. Install it: pip install 'psycopg[binary]'.") from None
        if self._sqlite:
            event.listen(self._engine, "connect", _leave_transactions_to_us)
            event.listen(self._engine, "begin", _begin)

    def __str__(self) -> str:
        """The address without what may be secret: passwords, and options, where they may stand too."""
        shown = self._url.set(drivername=self._url.get_backend_name(), query={})
        return shown.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"Database({str(self)!r})"

    def create(self, metadata: MetaData) -> None:
        """Creates the tables that are missing; several may try at once."""
        with self.reading() as connection:
            there = set(sqlalchemy.inspect(connection).get_table_names())
        if not there.issuperset(metadata.tables):
            with self.writing() as connection:
                metadata.create_all(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment, whatever others write meanwhile."""
        options = {} if self._sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._errors_in_words(), self._engine.connect() as connection:
            with connection.execution_options(**options).begin():
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of the only writer. It is kept, on disk, once the block ends; an error leaves nothing."""
        with self._errors_in_words(), self._engine.connect() as connection:
            with connection.execution_options(writes=True).begin():
                if not self._sqlite:
                    connection.execute(select(func.set_config("lock_timeout", f"{WAIT_SECONDS}s", True)))
                    connection.execute(select(func.pg_advisory_xact_lock(_WRITERS_LOCK)))
                yield connection

    @contextlib.contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy.exc.DBAPIError as error:
            reason = (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
            raise LedgerError(
                f"{self}: {reason}. Nothing of this was written. Check that it can be reached and written, and that no "
                f"other writer holds it for over {WAIT_SECONDS} s; then try again."
            ) from None


def _read_url(url: str) -> URL:
    """The URL with the driver that we use; a plain path is a SQLite file's."""
    if "://" not in url:
        return URL.create(_DRIVERS["sqlite"], database=url)
    expected = "expected postgresql://user@host/name, sqlite:///file or a file's path"
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):  # whose words may hold the password
        raise LedgerError(f"The ledger's URL cannot be read: {expected}; in a password, write @ as %40.") from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise LedgerError(f"The ledger's URL names {parsed.get_backend_name()!r}: {expected}.")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise LedgerError(f"The ledger's URL names no file, and corrections must outlive this process: {expected}.")
    return parsed.set(drivername=driver)


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # Python's driver would begin late, at the first INSERT
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A reader that turned writer could find that another has written since; a writer says so at once.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_REFUSAL = "the ledger is append-only"


def refuse_changes(metadata: MetaData) -> None:
    """Adds triggers by which the database refuses every UPDATE and DELETE (and PostgreSQL's TRUNCATE) of its tables."""

    def run(when: str, where: MetaData | Table, dialect: str, command: str) -> None:
        event.listen(where, when, DDL(command).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]

    run("before_create", metadata, "postgresql",
        "CREATE OR REPLACE FUNCTION ledger_refuses_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$")  # fmt: skip
    for table in metadata.sorted_tables:
        for change in ("UPDATE", "DELETE"):
            trigger = f"CREATE TRIGGER {table.name}_no_{change.lower()} BEFORE {change} ON {table.name}"
            run("after_create", table, "sqlite", f"{trigger} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END")
        trigger = f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name}"
        run("after_create", table, "postgresql", f"{trigger} EXECUTE FUNCTION ledger_refuses_change()")
