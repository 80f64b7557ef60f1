"""The password of a ledger reaches those who need it, and no file, log or list of processes."""

import os
import stat
import time
from pathlib import Path

import pytest

from tests.components.refinement.conftest import PASSWORD, postgres  # noqa: F401 (a fixture)
from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import propose
from topiclens.pipeline.repair import corrections
from topiclens.pipeline.review import jobs
from topiclens.pipeline.review.job_folder import JobRequest
from topiclens.pipeline.review.jobs import Jobs
from topiclens.pipeline.settings import Settings
from topiclens.schemas.corrections import now

SECONDS = 60
SECRETS = PASSWORD.encode(), b"p%40ss", b"ss:word", b"ss%3Aword"


@pytest.fixture
def url(postgres, monkeypatch):  # noqa: F811
    """Of a new ledger, as the environment gives it: with its password."""
    monkeypatch.setenv("TOPICLENS_LEDGER", postgres())
    return os.environ["TOPICLENS_LEDGER"]


def run_job(root: Path, *changes: str) -> Path:
    """Runs a job that looks into the ledger, and returns its folder."""
    started = Jobs(root / "review" / "jobs")
    job_id = started.start(JobRequest(str(root), "look", "Ann", now(), ("a" * 32,), changes=changes))
    deadline = time.monotonic() + SECONDS
    seen = b""
    while started.running() is not None:
        seen += b"".join(_read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not any(secret in seen for secret in SECRETS)
    return root / "review" / "jobs" / job_id


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def test_a_ledger_that_the_environment_names_leaves_its_password_in_no_file_and_no_log(
    tmp_path, url, monkeypatch, caplog, capfd
):
    monkeypatch.setattr(jobs, "WORKER", "tests.pipeline.review.looking")
    stand_ins.train(tmp_path, "100")
    correction = propose(str(tmp_path))
    folder = run_job(tmp_path, "refinement.max_cost=0.1")
    assert correction in (folder / "outcome.json").read_text(), "a worker inherits the environment"
    assert not (tmp_path / corrections.LEDGER_FILE).exists()
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert not any(secret in path.read_bytes() for secret in SECRETS), path
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    said = (caplog.text + "".join(capfd.readouterr())).encode()
    assert not any(secret in said for secret in SECRETS)


def test_a_setting_names_the_ledger_and_the_client_s_own_variable_holds_its_password(tmp_path, url, monkeypatch):
    stand_ins.train(tmp_path, "100")
    monkeypatch.delenv("TOPICLENS_LEDGER")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    name, _, rest = url.partition("://")[2].partition(":")
    without = f"postgresql://{name}@{rest.rpartition('@')[2]}"
    settings = Settings().changed([f"refinement.ledger={without}"]).refinement
    correction = propose(str(tmp_path), settings=settings)
    assert [one.id for one in corrections.open_ledger(str(tmp_path), settings).corrections()] == [correction]
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(corrections.LedgerError, match="password authentication failed") as error:
        corrections.open_ledger(str(tmp_path), settings)
    assert "wrong" not in str(error.value)
