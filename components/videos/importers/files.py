"""What the importers share: reading a corpus's files, with messages that name them."""

import json
import pathlib
from collections.abc import Iterator

from topiclens.components.videos.manifest import ManifestError

CLIP_SUFFIXES = (".avi", ".mp4", ".webm", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".gif")


def read_text(path: pathlib.Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ManifestError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{str(path)!r} is not UTF-8 text ({error.reason} at byte {error.start}).") from error


def read_json(path: pathlib.Path):
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ManifestError(f"{str(path)!r} is not JSON ({error}). Was the download cut short?") from error


def number_lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of every line that is not blank. A caption may hold other line ends than a line feed."""
    lines = (line.strip() for line in read_text(path).split("\n"))
    return ((number, line) for number, line in enumerate(lines, start=1) if line)


def read_list(path: pathlib.Path) -> list[str]:
    """The lines of a list of ids, in order, without blank ones."""
    return [line for _, line in number_lines(path)]


def split_lists(folder: pathlib.Path, names: dict[str, str]) -> list[tuple[str, list[str]]]:
    """(split, ids) for each list that is there; `names` is {file name: split}."""
    return [(split, read_list(folder / name)) for name, split in names.items() if (folder / name).is_file()]


def clips_by_id(folder: pathlib.Path) -> dict[str, str]:
    """{id: file name} of the video files of a folder, whose names are ids; {} without such a folder.

    Where an id has several files the format first in `CLIP_SUFFIXES` is taken.
    """
    if not folder.is_dir():
        return {}
    clips = [path for path in folder.iterdir() if path.suffix.lower() in CLIP_SUFFIXES]
    clips.sort(key=lambda path: (CLIP_SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return {path.stem: path.name for path in clips}
