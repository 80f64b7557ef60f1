"""Sorts a manifest's rows into videos that later steps can rely on, texts, and rows set aside with their reasons.

Each row is checked by itself (`check_line`), then all of them together by the rules of `findings.py`. `ingest` does it
in plain Python; `transform.py` checks the rows in parallel, with Beam.
"""

import collections
import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping

from topiclens.components.videos import manifest
from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.feature_files import FeatureError, read_features, split_reference
from topiclens.components.videos.findings import Accepted, Finding, Rejected, apply_rules
from topiclens.components.videos.reader import probe
from topiclens.schemas.features import SPLITS
from topiclens.schemas.files import format_json, write_text
from topiclens.schemas.json_lines import format_rows, number_lines
from topiclens.trainer.vocabulary import tokenize

VIDEOS, TEXTS, REJECTED, SUMMARY = "videos.jsonl", "texts.jsonl", "rejected.jsonl", "summary.json"
STEP = "ingest"


class TooManyRejected(RuntimeError):
    """More videos were set aside than the settings allow, or none is left."""


def ingest(
    manifest_path: str | os.PathLike,
    root: str | os.PathLike,
    output_dir: str | os.PathLike,
    *,
    held_out: Mapping[str, float] = {},
    limits: DecodingLimits = DecodingLimits(),
) -> dict:
    """Checks every row of a manifest, and writes the dataset's files; returns the summary.

    Args:
        manifest_path: JSON Lines, as ``schemas/manifest.schema.json`` says.
        root: the dataset's folder, which paths are relative to and must not leave.
        held_out: split -> the share of the training videos that it gets, see `findings.hold_out`.
    """
    found = [
        finding
        for number, line in number_lines(manifest_path)
        for finding in check_line(number, line, root=os.fspath(root), limits=limits)
    ]
    return write_dataset(found, os.fspath(output_dir), held_out)


def write_dataset(found: Iterable[Finding], output_dir: str, held_out: Mapping[str, float]) -> dict:
    """Applies the rules to all rows and writes the files of the dataset; returns the summary."""
    files = dataset_files(apply_rules(found, held_out))
    for name, text in files.items():
        write_text(os.path.join(output_dir, name), text)
    return json.loads(files[SUMMARY])


def check_line(number: int, line: bytes, *, root: str, limits: DecodingLimits = DecodingLimits()) -> list[Finding]:
    """Looks at one line of a manifest: the row accepted, after a `Rejected` for each caption left out; or rejected."""
    try:
        row = manifest.parse_line(number, line)
    except manifest.ManifestError as error:
        return [Rejected(number, error.video_id, str(error))]
    video_id, findings, captions = row["video_id"], [], []
    for place, caption in enumerate(row["captions"], start=1):
        if tokenize(caption):
            captions.append(caption)
        else:
            reason = f"caption {place}, {caption!r}, is empty after tokenising; it was left out and the video kept."
            findings.append(Rejected(number, video_id, reason, what="caption"))
    if not captions:
        count = len(row["captions"])
        reason = f"none of its {count} captions has a word." if count else "it has no captions; expected at least one."
        return [Rejected(number, video_id, reason)]
    row["captions"] = captions
    try:
        width = _locate(row, root, limits)
    except (UnreadableVideo, FeatureError) as error:
        return [Rejected(number, video_id, str(error))]
    return [*findings, Accepted(number, row, width)]


def dataset_files(findings: Iterable[Finding]) -> dict[str, str]:
    """The text of each file of a dataset, in the manifest's order; the summary, which marks it complete, is last.

    ``videos.jsonl`` and ``texts.jsonl`` hold the accepted rows with and without frames, ``rejected.jsonl`` what was set
    aside (`line`, `video_id`, `step`, `what`, `reason`), ``summary.json`` the counts.
    """
    ordered = sorted(findings, key=lambda found: found.line)  # stable: the captions of a line keep their order
    accepted = [found for found in ordered if isinstance(found, Accepted)]
    rejected = [found for found in ordered if isinstance(found, Rejected)]
    videos = [found.row for found in accepted if "content" in found.row]
    texts = [found.row for found in accepted if "content" not in found.row]
    summary = {
        "videos": len(videos),
        "videos_by_split": _by_split(videos),
        "texts": len(texts),
        "texts_by_split": _by_split(texts),
        "captions": sum(len(row["captions"]) for row in videos + texts),
        "rejected_videos": sum(found.what == "video" for found in rejected),
        "rejected_captions": sum(found.what == "caption" for found in rejected),
        "first_reasons": [f"{found.video_id}: {found.reason}" for found in rejected if found.what == "video"][:3],
    }
    return {
        VIDEOS: format_rows(videos),
        TEXTS: format_rows(texts),
        REJECTED: format_rows(dataclasses.asdict(found) | {"step": STEP} for found in rejected),
        SUMMARY: format_json(summary),
    }


def describe(summary: Mapping) -> str:
    """The count that ends a run, in one line."""
    splits = ", ".join(f"{count} {split}" for split, count in summary["videos_by_split"].items())
    return (
        f"{summary['videos']} videos ({splits or 'none'}), {summary['texts']} texts without a clip, "
        f"{summary['rejected_videos']} videos and {summary['rejected_captions']} captions set aside."
    )


def demand_enough(summary: Mapping, max_rejected_fraction: float = 0.1) -> None:
    """Stops a run (TooManyRejected) of which more than a share of the videos, or all, was set aside."""
    rejected, videos = summary["rejected_videos"], summary["videos"]
    share = rejected / (videos + rejected) if videos + rejected else 0.0
    if videos and share <= max_rejected_fraction:
        return
    fault = f"{share:.0%} of the videos were" if videos else "No video is left: all were"
    if not videos and not rejected:
        fault = "The manifest names no video: none was"
    reasons = "".join(f"\n  {reason}" for reason in summary["first_reasons"])
    raise TooManyRejected(
        f"{fault} set aside; at most {max_rejected_fraction:.0%} may be (`max_rejected_fraction`). {describe(summary)} "
        f"Each with its reason is in {REJECTED}; the first:{reasons or ' none'}"
    )


def _locate(row: dict, root: str, limits: DecodingLimits) -> int | None:
    """Makes the row's path absolute, checks that it opens and adds its `content`; returns the features' width."""
    if "path" in row:
        row["path"] = _inside(root, row["path"])
        probe(row["path"], limits)
        status = os.stat(row["path"])
        row["content"] = _file_digest(row["path"], status.st_mtime_ns, status.st_size)
    elif "features" in row:
        file, video_id = split_reference(row["features"])
        file = _inside(root, file)
        row["features"] = file if video_id is None else f"{file}#{video_id}"
        frames = read_features(row["features"], limits)
        row["content"] = hashlib.sha256(repr(frames.shape).encode() + frames.tobytes()).hexdigest()
        return frames.shape[1]
    return None


def _inside(root: str, reference: str) -> str:
    """The absolute path of a file of the dataset, symbolic links followed."""
    root = os.path.realpath(root)
    path = os.path.realpath(os.path.join(root, reference))
    if os.path.commonpath([root, path]) != root:
        raise UnreadableVideo(
            f"{reference!r} leads outside the dataset's folder, by `..`, a link or an absolute path. Put the file into "
            "the folder, or name the folder that holds both as the dataset's."
        )
    if not os.path.exists(path):
        raise UnreadableVideo(f"there is no file {reference!r} in the dataset's folder. Is the path spelled right?")
    return path


@functools.lru_cache(maxsize=256)
def _file_digest(path: str, modified: int, size: int) -> str:
    """SHA-256 of a file, remembered for the other segments of the same film while the file stays the same."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _by_split(rows: Iterable[Mapping]) -> dict[str, int]:
    counts = collections.Counter(row["split"] for row in rows)
    return {split: counts[split] for split in SPLITS if counts[split]}
