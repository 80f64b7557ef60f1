"""MSVD (YouTubeClips): ``captions_msvd.json`` = {clip id: [caption, ...]}, lists of ids, and ``clips/<id>.avi``."""

import pathlib
from collections.abc import Iterator

from topiclens.components.videos.importers import files
from topiclens.components.videos.manifest import ManifestError

NAME = "msvd"
CAPTIONS = "captions_msvd.json"
LISTS = {"train_list.txt": "train", "val_list.txt": "val", "test_list.txt": "test"}
CLIPS = "clips"
EXPECTS = f"{CAPTIONS}, {', '.join(LISTS)} and {CLIPS}/<id>.avi"


def found_in(folder: pathlib.Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / CAPTIONS).is_file()


def rows(folder: pathlib.Path) -> Iterator[dict]:
    """Yields a row for every listed clip, in the lists' order; without `path` where its file is not there."""
    captions = files.read_json(folder / CAPTIONS)
    if not isinstance(captions, dict):
        raise ManifestError(f"{CAPTIONS} holds a {type(captions).__name__}; expected {{clip id: [caption, ...]}}.")
    lists = files.split_lists(folder, LISTS)
    if not lists:
        raise ManifestError(f"{str(folder)!r} has none of {', '.join(LISTS)}, which say what each clip is for.")
    clips = files.clips_by_id(folder / CLIPS)
    for split, ids in lists:
        for video_id in ids:
            clip = {"path": f"{CLIPS}/{clips[video_id]}"} if video_id in clips else {}
            yield {"video_id": video_id, **clip, "captions": captions.get(video_id, []), "split": split}
