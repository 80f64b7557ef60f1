"""Rows stay as they were written, passwords stay unseen, and what goes wrong is told in words."""

import sys

import pytest
import sqlalchemy

from topiclens.components.refinement.database import Database
from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.components.refinement.store import METADATA
from topiclens.schemas.stretches import Stretch


def test_the_database_itself_refuses_to_change_or_delete_rows(ledger, url, making):
    correction_id = making.candidate(ledger)
    ledger.propose(**making.proposal, stretch=Stretch(1, 2))
    ledger.look(**making.look)
    ledger.assign({"v1": "Ann"}, by="Ben")
    ledger.write_caption(**making.written)
    ledger.record_version("2", parent="1", corrections=[correction_id], by="Ben")
    before = ledger.export_lines()
    for table in METADATA.sorted_tables:
        for statement in (table.update().values({table.c[0].name: table.c[0]}), table.delete()):
            with pytest.raises(LedgerError, match="append-only"), Database(url).writing() as connection:
                connection.execute(statement)
    assert ledger.export_lines() == before


def test_a_ledger_from_before_there_were_stretches_opens_and_takes_them(ledger, url, making):
    old = ledger.propose(**making.proposal)
    with Database(url).writing() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE correction_stretches"))
    opened = Ledger.open(url)
    new = opened.propose(**making.proposal, stretch=Stretch(1, 2))
    assert opened.correction(old.id).stretch is None and opened.correction(new.id) == new
    assert new.stretch == Stretch(1, 2)


def test_a_ledger_from_before_there_were_looks_opens_and_takes_them(ledger, url, making):
    with Database(url).writing() as connection:
        for table in ("looks", "assignments", "written_captions"):
            connection.execute(sqlalchemy.text(f"DROP TABLE {table}"))
    opened = Ledger.open(url)
    assert opened.looks() == () and opened.look(**making.look) == opened.looks()[0]
    assert opened.written_captions() == ()
    assert opened.write_caption(**making.written) == opened.written_captions()[0]
    assert opened.assignments() == () and opened.assign({"v1": "Ann"}, by="Ben") == opened.assignments()


def test_an_error_in_a_transaction_leaves_nothing_of_it(ledger, url):
    database = Database(url)
    with pytest.raises(RuntimeError, match="stopped"), database.writing() as connection:
        connection.execute(METADATA.tables["versions"].insert().values(
            version="x", parent=None, time="t", by="b", verdict="", settings={}
        ))  # fmt: skip
        raise RuntimeError("stopped")
    assert [version.version for version in ledger.versions()] == ["1"]


def test_a_reader_sees_one_moment_while_others_write(postgres, making):
    url = postgres()
    ledger = making.started(url)
    with Database(url).reading() as connection:
        count = sqlalchemy.select(sqlalchemy.func.count()).select_from(METADATA.tables["corrections"])
        assert connection.execute(count).scalar() == 0
        ledger.propose(**making.proposal)
        assert connection.execute(count).scalar() == 0
    assert len(ledger.corrections()) == 1


def test_a_writer_that_is_kept_waiting_for_too_long_says_so(ledger, url, making, monkeypatch):
    monkeypatch.setattr("topiclens.components.refinement.database.WAIT_SECONDS", 1)
    impatient = Ledger.open(url)
    with Database(url).writing(), pytest.raises(LedgerError, match="lock.*no other writer holds it for over 1 s"):
        impatient.propose(**making.proposal)
    impatient.propose(**making.proposal)


def test_a_missing_driver_is_told_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"the driver is missing. Install it: pip install 'psycopg\[binary\]'"):
        Database("postgresql://u:s3cret@h/x")


def test_a_password_is_used_and_never_shown(postgres, making):
    url = postgres()
    ledger = Ledger.open(url)
    wrong = sqlalchemy.make_url(url).set(password="wr0ng-secret").render_as_string(hide_password=False)
    with pytest.raises(LedgerError, match="password authentication failed") as error:
        Ledger.open(wrong)
    shown = [repr(ledger), str(error.value), repr(error.value)]
    assert error.value.__suppress_context__, "a traceback would show the driver's words"
    for secret in (making.password, "p%40ss", "wr0ng-secret"):
        assert not any(secret in text for text in shown)
    assert "reviewer:***@" in repr(ledger)


@pytest.mark.parametrize(
    "wrong,message",
    [
        ("mysql://u:s3cret@h/x", "names 'mysql': expected postgresql://"),
        ("postgresql://u:s3cret@h:port/x", "cannot be read: expected postgresql://"),
        ("postgresql://u:a@s3cret:1x@h/x", "cannot be read: .*write @ as %40"),
        ("postgresql://u:s3cret@127.0.0.1:1/x", r"u:\*\*\*@127.0.0.1:1/x: .*Nothing of this was written"),
        ("postgresql://u@127.0.0.1:1/x?password=s3cret", "u@127.0.0.1:1/x: .*Nothing of this was written"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("/no/such/folder/ledger.db", "unable to open database file"),
        ("sqlite:////no/such/folder/ledger.db", "unable to open database file"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(wrong, message):
    if "127.0.0.1" in wrong:
        pytest.importorskip("psycopg")
    with pytest.raises(LedgerError, match=message) as error:
        Ledger.open(wrong)
    assert "s3cret" not in str(error.value)


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database at all")
    with pytest.raises(LedgerError, match="notes.txt: file is not a database"):
        Ledger.open(path)
    assert path.read_text() == "these are my notes, and no database at all"
