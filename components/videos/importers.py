"""Corpora in their own layouts, read as manifest rows whose paths are relative to the corpus' folder.

Captions whose clip is missing still help the topics and the vocabulary: their row has neither `path` nor `features`.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from topiclens.components.videos.manifest import ManifestError
from topiclens.schemas import files
from topiclens.schemas.json_lines import number_lines, write_rows

MANIFEST = "manifest.jsonl"
CLIP_SUFFIXES = (".avi", ".mp4", ".webm", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".gif")
MSVD_LISTS = {"train_list.txt": "train", "val_list.txt": "val", "test_list.txt": "test"}
MSRVTT_CLIPS = ("videos", "TrainValVideo", "TestVideo")
MSRVTT_SPLITS = {"train": "train", "validate": "val", "val": "val", "test": "test"}
FLICKR8K_LISTS = {
    "Flickr_8k.trainImages.txt": "train", "Flickr_8k.devImages.txt": "val", "Flickr_8k.testImages.txt": "test",
}  # fmt: skip


class Layout(NamedTuple):
    """The files of a corpus: `captions`, by which it is detected, what it `expects` (for messages), and its reader."""

    captions: str
    expects: str
    rows: Callable[[pathlib.Path], Iterator[dict]]


def detect_layout(folder: str | pathlib.Path) -> str:
    """The layout of a dataset folder: `manifest` or one of `LAYOUTS`; ManifestError if it is missing or like none."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ManifestError(f"There is no folder {str(folder)!r}. Which folder holds the clips and captions?")
    if (folder / MANIFEST).is_file():
        return "manifest"
    for name, layout in LAYOUTS.items():
        if (folder / layout.captions).is_file():
            return name
    expected = "; ".join(f"{name}: {layout.expects}" for name, layout in LAYOUTS.items())
    raise ManifestError(
        f"{str(folder)!r} is not a dataset that TopicLens knows. Expected {MANIFEST} (see "
        f"schemas/manifest.schema.json), or the layout of a corpus: {expected}."
    )


def rows(folder: str | pathlib.Path, layout: str | None = None, *, captions_only: bool = True) -> Iterator[dict]:
    """Yields the manifest rows of a corpus folder, in the corpus's own order.

    Args:
        layout: one of `LAYOUTS`; None detects it.
        captions_only: also give the rows of videos whose clip is missing, as text.
    Raises:
        ManifestError: a file of the corpus is missing or not in its format.
    """
    name = layout or detect_layout(folder)
    if name not in LAYOUTS:
        raise ManifestError(f"There is no importer {name!r}; expected one of {', '.join(LAYOUTS)}.")
    for row in LAYOUTS[name].rows(pathlib.Path(folder)):
        if captions_only or "path" in row or "features" in row:
            yield row


def manifest_of(
    folder: str | pathlib.Path, imported: str | pathlib.Path, *, layout: str | None = None, captions_only: bool = True
) -> pathlib.Path:
    """The manifest of a dataset folder: its own, or one imported from its layout and written to `imported`.

    Either way the rows' paths are relative to `folder`, which ingest takes as the dataset's root.
    """
    if (layout or detect_layout(folder)) == "manifest":
        return pathlib.Path(folder) / MANIFEST
    write_rows(imported, rows(folder, layout, captions_only=captions_only))
    return pathlib.Path(imported)


def _msvd(folder: pathlib.Path) -> Iterator[dict]:
    """MSVD (YouTubeClips): {clip id: [caption, ...]}, lists of ids, and ``clips/<id>.avi``."""
    captions = _read_json(folder / LAYOUTS["msvd"].captions)
    if not isinstance(captions, dict):
        raise ManifestError(
            f"{LAYOUTS['msvd'].captions} holds a {type(captions).__name__}; expected {{clip id: [caption, ...]}}."
        )
    clips = _clips_by_id(folder / "clips")
    for split, ids in _split_lists(folder, MSVD_LISTS, "clip"):
        for video_id in ids:
            clip = {"path": f"clips/{clips[video_id]}"} if video_id in clips else {}
            yield {"video_id": video_id, **clip, "captions": captions.get(video_id, []), "split": split}


def _msrvtt(folder: pathlib.Path) -> Iterator[dict]:
    """MSR-VTT: {videos: [...], sentences: [...]}; a video's category is its label.

    Features are preferred to clips; a video with neither is only text. The `start time` and `end time` of the corpus
    belong to the original film, not to the clip, and are left out.
    """
    name = LAYOUTS["msrvtt"].captions
    info = _read_json(folder / name)
    try:
        captions = defaultdict(list)
        for sentence in info["sentences"]:
            captions[sentence["video_id"]].append(sentence["caption"])
        videos = [(video["video_id"], MSRVTT_SPLITS[video["split"]], video.get("category")) for video in info["videos"]]
    except (KeyError, TypeError) as error:
        raise ManifestError(
            f"{name} is not in MSR-VTT's format ({type(error).__name__}: {error}); expected `videos` with `video_id` "
            f"and `split` ({', '.join(MSRVTT_SPLITS)}), and `sentences` with `video_id` and `caption`."
        ) from error
    named = folder / "category.txt"  # lines of name<tab>number
    pairs = [line.rsplit("\t", 1) for _, line in _number_lines(named)] if named.is_file() else []
    labels = {pair[1].strip(): pair[0].strip() for pair in pairs if len(pair) == 2}
    clips = {
        video_id: f"{below}/{file}" for below in MSRVTT_CLIPS for video_id, file in _clips_by_id(folder / below).items()
    }
    for video_id, split, category in videos:
        row = {"video_id": video_id, "captions": captions[video_id], "split": split}
        if (folder / "features" / f"{video_id}.npy").is_file():
            row["features"] = f"features/{video_id}.npy"
        elif video_id in clips:
            row["path"] = clips[video_id]
        if category is not None:
            row["label"] = labels.get(str(category), str(category))
        yield row


def _flickr8k(folder: pathlib.Path) -> Iterator[dict]:
    """Flickr8k: a token file (``photo.jpg#0<tab>caption``), lists of photos, and bundles of features."""
    name = LAYOUTS["flickr8k"].captions
    captions = defaultdict(list)
    for number, line in _number_lines(folder / name):
        key, tab, caption = line.partition("\t")
        if not tab or "#" not in key:
            raise ManifestError(f"{name}, line {number}: {line[:80]!r}; expected `photo.jpg#0<tab>caption`.")
        captions[key.rsplit("#", 1)[0]].append(caption.strip())
    for split, ids in _split_lists(folder, FLICKR8K_LISTS, "photo"):
        bundle = f"features_{split}.npz"
        has_bundle = (folder / bundle).is_file()
        for photo in ids:
            features = {"features": f"{bundle}#{photo}"} if has_bundle else {}
            yield {"video_id": photo, **features, "captions": captions.get(photo, []), "split": split}


LAYOUTS = {
    "msvd": Layout("captions_msvd.json", f"captions_msvd.json, {', '.join(MSVD_LISTS)} and clips/<id>.avi", _msvd),
    "msrvtt": Layout("videodatainfo.json", "videodatainfo.json and features/<id>.npy or videos/<id>.mp4", _msrvtt),
    "flickr8k": Layout(
        "Flickr8k.token.txt", f"Flickr8k.token.txt, {', '.join(FLICKR8K_LISTS)} and features_{{split}}.npz", _flickr8k
    ),
}


@contextlib.contextmanager
def _reading(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ManifestError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{str(path)!r} is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ManifestError(f"{str(path)!r} is not JSON ({error}). Was the download cut short?") from error


def _read_json(path: pathlib.Path) -> Any:
    with _reading(path):
        return files.read_json(path)


def _number_lines(path: pathlib.Path) -> list[tuple[int, str]]:
    """(number from 1, text) of every line that is not blank."""
    with _reading(path):
        return [(number, line.decode()) for number, line in number_lines(path)]


def _split_lists(folder: pathlib.Path, names: dict[str, str], what: str) -> list[tuple[str, list[str]]]:
    """(split, ids) for each list of ids that is there; `names` is {file name: split}."""
    lists = [
        (split, [line for _, line in _number_lines(folder / name)])
        for name, split in names.items()
        if (folder / name).is_file()
    ]
    if not lists:
        raise ManifestError(f"{str(folder)!r} has none of {', '.join(names)}, which say what each {what} is for.")
    return lists


def _clips_by_id(folder: pathlib.Path) -> dict[str, str]:
    """{id: file name} of the video files of a folder, whose names are ids; {} without such a folder.

    Where an id has several files the format first in `CLIP_SUFFIXES` is taken.
    """
    if not folder.is_dir():
        return {}
    clips = [path for path in folder.iterdir() if path.suffix.lower() in CLIP_SUFFIXES]
    clips.sort(key=lambda path: (CLIP_SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return {path.stem: path.name for path in clips}
