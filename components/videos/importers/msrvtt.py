"""MSR-VTT: ``videodatainfo.json`` = {videos: [...], sentences: [...]}, with clips or precomputed features."""

import pathlib
from collections import defaultdict
from collections.abc import Iterator

from topiclens.components.videos.importers import files
from topiclens.components.videos.manifest import ManifestError

NAME = "msrvtt"
INFO = "videodatainfo.json"
CATEGORIES = "category.txt"
FEATURES = "features"
CLIPS = ("videos", "TrainValVideo", "TestVideo")
SPLITS = {"train": "train", "validate": "val", "val": "val", "test": "test"}
EXPECTS = f"{INFO} and {FEATURES}/<id>.npy or {CLIPS[0]}/<id>.mp4"


def found_in(folder: pathlib.Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / INFO).is_file()


def rows(folder: pathlib.Path) -> Iterator[dict]:
    """Yields a row for every video, in the file's order, its category as the label.

    Features are preferred to clips; a video with neither is text alone. The `start time` and `end time` of the corpus
    belong to the original film, not to the clip, and are left out.
    """
    info = files.read_json(folder / INFO)
    try:
        captions = defaultdict(list)
        for sentence in info["sentences"]:
            captions[sentence["video_id"]].append(sentence["caption"])
        videos = [(video["video_id"], SPLITS[video["split"]], video.get("category")) for video in info["videos"]]
    except (KeyError, TypeError) as error:
        raise ManifestError(
            f"{INFO} is not in MSR-VTT's format ({type(error).__name__}: {error}); expected `videos` with `video_id` "
            f"and `split` ({', '.join(SPLITS)}), and `sentences` with `video_id` and `caption`."
        ) from error
    labels = _labels(folder)
    clips = {
        video_id: f"{name}/{file}" for name in CLIPS for video_id, file in files.clips_by_id(folder / name).items()
    }
    for video_id, split, category in videos:
        row = {"video_id": video_id, "captions": captions[video_id], "split": split}
        if (folder / FEATURES / f"{video_id}.npy").is_file():
            row["features"] = f"{FEATURES}/{video_id}.npy"
        elif video_id in clips:
            row["path"] = clips[video_id]
        if category is not None:
            row["label"] = labels.get(str(category), str(category))
        yield row


def _labels(folder: pathlib.Path) -> dict[str, str]:
    """{category number: name} from ``name<tab>number`` lines; {} without the file."""
    if not (folder / CATEGORIES).is_file():
        return {}
    pairs = (line.rsplit("\t", 1) for line in files.read_list(folder / CATEGORIES))
    return {pair[1].strip(): pair[0].strip() for pair in pairs if len(pair) == 2}
