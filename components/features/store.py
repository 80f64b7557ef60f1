"""Stored features: a store of shard files, and a folder that says which of them make up a dataset.

A shard is a gzip TFRecord: first a header (JSON: what was set aside and why), then one record a video. Its name is a
hash of all that its content depends on, so a shard that exists is not computed again, whatever ended the last run.
Equal content has equal bytes.
"""

import dataclasses
import fcntl
import itertools
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

import numpy as np
import tensorflow as tf

from topiclens.components.videos.ingest import TooManyRejected
from topiclens.schemas import records
from topiclens.schemas.files import is_remote, read_json, write_json
from topiclens.schemas.json_lines import read_rows, write_rows

INDEX, REJECTED, SUMMARY = "index.jsonl", "rejected.jsonl", "summary.json"
STEP = "features"


class DamagedShard(RuntimeError):
    """A shard file that cannot be read."""


@dataclasses.dataclass(frozen=True)
class RejectedVideo:
    """A video without features, and the `reason` in words.

    A reason that is not `lasting` may be gone in another run (a crash, a disk that is away), which tries again.
    """

    video_id: str
    reason: str
    lasting: bool = True


Features = tuple[str, np.ndarray]  # video_id, (t, dim) float32


def write_shard(path: str, outcomes: Sequence[Features | RejectedVideo]) -> None:
    """Writes one shard; `outcomes` has one a video, in the dataset's order.

    What killed runs left half-written in the folder is removed, but only while no worker writes there: it could be
    theirs. An object store shows no file before it is whole.
    """
    rejected = [dataclasses.asdict(outcome) for outcome in outcomes if isinstance(outcome, RejectedVideo)]
    header = {"videos": len(outcomes) - len(rejected), "rejected": rejected}
    features = (_encode(*outcome) for outcome in outcomes if not isinstance(outcome, RejectedVideo))
    serialized = itertools.chain([json.dumps(header, sort_keys=True).encode()], features)
    if is_remote(path):
        records.write(path, serialized)
        return
    folder = pathlib.Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as lock:
        _take(lock, fcntl.LOCK_SH)
        records.write(path, serialized)
        if _take(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for leftover in folder.glob("*.partial-*"):
                leftover.unlink()


def read_header(path: str) -> dict | None:
    """A shard's {"videos": count, "rejected": [fields of RejectedVideo]}; None if there is no such shard."""
    if not tf.io.gfile.exists(path):
        return None
    return json.loads(next(_serialized(path)))


def read_shard(path: str) -> Iterator[Features]:
    """Yields (video_id, frames (t, dim) float32) in order; DamagedShard if the file is gone or cut short."""
    for serialized in itertools.islice(_serialized(path), 1, None):
        yield _decode(serialized)


def read_features(folder: str) -> Iterator[Features]:
    """Yields (video_id, frames (t, dim) float32) of a whole dataset, in its order; `folder` is of the features step."""
    for row in read_index(folder):
        yield from read_shard(row["file"])


def read_index(folder: str) -> list[dict]:
    """The shards of a dataset: {"shard", "file", "videos", "rejected" (counts)} each, in order."""
    return list(read_rows(os.path.join(folder, INDEX)))


def write_index(folder: str, shards: Iterable[tuple[dict, list[dict]]], dim: int | None) -> dict:
    """Writes which shards make up a dataset, what was set aside, and the summary, which is returned too.

    The summary is written last: where it exists, the features are complete. `shards` has the index row of each shard
    and its rejected rows, in any order.
    """
    ordered = sorted(shards, key=lambda shard: shard[0]["shard"])
    rejected = [row for _, rows in ordered for row in rows]
    summary = {
        "videos": sum(row["videos"] for row, _ in ordered),
        "rejected_videos": len(rejected),
        "feature_dim": dim,
        "shards": len(ordered),
        "first_reasons": [f"{row['video_id']}: {row['reason']}" for row in rejected[:3]],
    }
    write_rows(os.path.join(folder, INDEX), (row for row, _ in ordered))
    write_rows(os.path.join(folder, REJECTED), rejected)
    write_json(os.path.join(folder, SUMMARY), summary)
    return summary


def demand_enough(folder: str, max_rejected_fraction: float = 0.1) -> dict:
    """The summary; TooManyRejected if more than a share of the videos, or all, gave no features."""
    summary = read_json(os.path.join(folder, SUMMARY))
    videos, rejected = summary["videos"], summary["rejected_videos"]
    if videos and rejected <= max_rejected_fraction * (videos + rejected):
        return summary
    reasons = "".join(f"\n  {reason}" for reason in summary["first_reasons"])
    raise TooManyRejected(
        f"{rejected} of {videos + rejected} videos gave no frame features; at most {max_rejected_fraction:.0%} "
        f"may fail (`max_rejected_fraction`) and at least one must succeed. Each with its reason is in "
        f"{os.path.join(folder, REJECTED)}; the first:{reasons or ' none'}"
    )


def _take(lock: TextIO, how: int) -> bool:
    try:
        fcntl.flock(lock, how)
    except OSError:  # others have it, or the file system knows no locks
        return False
    return True


def _encode(video_id: str, frames: np.ndarray) -> bytes:
    """Raw little-endian numbers: exact, and ten times faster to write and read than a list of floats."""
    feature = {
        "video_id": _bytes(video_id.encode()),
        "frames": _bytes(np.ascontiguousarray(frames, "<f4").tobytes()),
        "shape": tf.train.Feature(int64_list=tf.train.Int64List(value=frames.shape)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _decode(serialized: bytes) -> Features:
    feature = tf.train.Example.FromString(serialized).features.feature
    frames = np.frombuffer(feature["frames"].bytes_list.value[0], "<f4").astype(np.float32)
    return feature["video_id"].bytes_list.value[0].decode(), frames.reshape(feature["shape"].int64_list.value)


def _serialized(path: str) -> Iterator[bytes]:
    try:
        yield from tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator()
    except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
        raise DamagedShard(
            f"The features in {path} cannot be read ({error.message}). Delete the file, if it is there, and run the "
            "features step again: it computes what is missing."
        ) from error
