"""The unit of work: some rows of a dataset, whose clips are decoded and put through the network together."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from topiclens.components.features import extract, store
from topiclens.components.features.backbones import registry
from topiclens.components.features.decoder import ClipRequest, DecoderFailed, DecoderPool
from topiclens.components.features.extract import FeatureExtractor, as_served
from topiclens.components.features.settings import ExtractionConfig
from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.feature_files import FeatureError, read_features
from topiclens.components.videos.sampling import Sampling


@dataclasses.dataclass(frozen=True)
class ExtractionJob:
    """Features to be computed for the videos of a dataset.

    Attributes:
        videos: the file of the dataset's rows, `videos.jsonl` of ingest.
        store: the folder of shard files; runs and datasets may share it, since a file's name depends on its content.
        config: the backbone, which frames it sees, and the sizes of shards and batches.
    """

    videos: str
    store: str
    config: ExtractionConfig = ExtractionConfig()


@dataclasses.dataclass(frozen=True)
class Shard:
    """Rows that follow each other: their `number` from 0, the `offset` of the first in bytes, and their `count`."""

    number: int
    offset: int
    count: int


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """A job cut into shards, in order.

    `dim`, the width of a feature, is None without a video; `fingerprint` stands for all settings that change features.
    """

    job: ExtractionJob
    dim: int | None
    fingerprint: str
    shards: tuple[Shard, ...]


def plan_shards(job: ExtractionJob) -> ShardPlan:
    """Cuts a job into shards; the same rows and settings always give the same ones.

    Raises:
        ValueError: an unknown backbone, or `none` although there are clips.
    """
    config = job.config
    identity = registry.identity(config.backbone, config.weights)
    shards, first_clip, first_features = [], None, None
    with tf.io.gfile.GFile(job.videos, "rb") as file:
        while True:
            offset, lines = file.tell(), []
            while len(lines) < config.videos_per_shard and (line := file.readline()):
                lines.append(line)
            if not lines:
                break
            shards.append(Shard(len(shards), offset, len(lines)))
            for line in lines if first_clip is None else ():
                row = json.loads(line)
                first_clip = first_clip or row.get("path")
                first_features = first_features or row.get("features")
    if first_clip and config.backbone == registry.NONE:
        raise ValueError(
            f"The dataset has clips, such as {first_clip!r}, and the setting `backbone` is 'none'. Name a backbone: "
            f"{', '.join(registry.NAMES)}."
        )
    dim = registry.DIMS.get(config.backbone)
    if first_features and not first_clip:
        dim = read_features(first_features, config.limits).shape[1]
    numbers = extract.fingerprint(identity, sampling=config.sampling, dim=dim, batch_size=config.batch_size)
    return ShardPlan(job, dim, numbers, tuple(shards))


def read_rows(videos: str, shard: Shard) -> list[dict]:
    with tf.io.gfile.GFile(videos, "rb") as file:
        file.seek(shard.offset)
        return [json.loads(file.readline()) for _ in range(shard.count)]


def shard_file(folder: str, fingerprint: str, rows: Iterable[Mapping]) -> str:
    """The file of a shard: its name changes whenever the features in it would."""
    videos = [[row["video_id"], _content(row), row.get("start"), row.get("end")] for row in rows]
    digest = hashlib.sha256(json.dumps([fingerprint, videos]).encode()).hexdigest()
    return os.path.join(folder, fingerprint, f"{digest[:32]}.tfrecord.gz")


def finish_shard(
    planned: ShardPlan, shard: Shard, network: Callable[[], FeatureExtractor], decoders: Callable[[], DecoderPool]
) -> tuple[dict, list[dict], bool]:
    """Computes a shard, unless it is in the store already; `network` and `decoders` are called only if so.

    Returns:
        Its index row, its rejected rows, and whether it was computed.
    """
    rows = read_rows(planned.job.videos, shard)
    path = shard_file(planned.job.store, planned.fingerprint, rows)
    header = store.read_header(path)
    compute = header is None or not all(rejected["lasting"] for rejected in header["rejected"])
    if compute:
        config = planned.job.config
        outcomes = features_of(
            rows, config.sampling, planned.dim, network=network, decoders=decoders, limits=config.limits
        )
        store.write_shard(path, outcomes)
        header = store.read_header(path)
    index_row = {
        "shard": shard.number, "file": path, "videos": header["videos"], "rejected": len(header["rejected"]),
    }  # fmt: skip
    same = {"step": store.STEP, "what": "video"}
    rejected = [{"video_id": video["video_id"], "reason": video["reason"], **same} for video in header["rejected"]]
    return index_row, rejected, compute


def features_of(
    rows: Sequence[Mapping],
    sampling: Sampling,
    dim: int,
    *,
    network: Callable[[], FeatureExtractor],
    decoders: Callable[[], DecoderPool],
    limits: DecodingLimits = DecodingLimits(),
) -> list[store.Features | store.RejectedVideo]:
    """Frame features of some videos: clips are decoded and put through the network, precomputed features are read.

    Args:
        rows: of a dataset: `video_id`, and `path` (with `start`, `end`) or `features`.
        sampling: which frames of a clip, or which rows of longer precomputed features.
        network, decoders: called only if there are clips.
    Returns:
        One outcome a row, in order: (video_id, (t, dim) float32, 1 <= t <= sampling.n_frames), or why there is none.
    """
    outcomes: dict[int, store.Features | store.RejectedVideo] = {}
    clips = [place for place, row in enumerate(rows) if "path" in row]

    def decoded() -> Iterator[tuple[int, list[np.ndarray]]]:
        wanted = (
            ClipRequest(row["path"], row.get("start"), row.get("end"), row["video_id"])
            for row in (rows[place] for place in clips)
        )
        for place, frames in zip(clips, decoders().sample(wanted), strict=True):
            if isinstance(frames, UnreadableVideo):
                lasting = not isinstance(frames, DecoderFailed)
                outcomes[place] = store.RejectedVideo(rows[place]["video_id"], str(frames), lasting)
            else:
                yield place, as_served(frames)

    if clips:
        for place, frames in network()(decoded()):
            outcomes[place] = _checked(rows[place]["video_id"], frames, dim)
    for place, row in enumerate(rows):
        if "path" not in row:
            outcomes[place] = _precomputed(row, sampling, dim, limits)
    return [outcomes[place] for place in range(len(rows))]


def _precomputed(
    row: Mapping, sampling: Sampling, dim: int, limits: DecodingLimits
) -> store.Features | store.RejectedVideo:
    try:
        frames = read_features(row["features"], limits)
    except FeatureError as error:
        return store.RejectedVideo(row["video_id"], str(error), lasting=not isinstance(error.__cause__, OSError))
    return _checked(row["video_id"], frames[list(sampling.indices(len(frames), row["video_id"]))], dim)


def _checked(video_id: str, frames: np.ndarray, dim: int) -> store.Features | store.RejectedVideo:
    if frames.shape[1] != dim:
        return store.RejectedVideo(
            video_id,
            f"its features are {frames.shape[1]} wide, expected {dim}. Extract all of them with one network, "
            "and set `features.backbone` to 'none' where every video brings its features.",
        )
    if not np.isfinite(frames).all() or not frames.any():
        what = "all zero" if np.isfinite(frames).all() else "NaN or infinite in places"
        return store.RejectedVideo(video_id, f"its features came out {what}. Are the network's weights whole?")
    return video_id, np.ascontiguousarray(frames, np.float32)


def _content(row: Mapping) -> str | list:
    """What stands for a row's clip or features: ingest's hash, or the file's path, size and time of change."""
    if "content" in row:
        return row["content"]
    source = row.get("path") or row["features"]
    file = source if "path" in row else source.partition(".npz#")[0] + (".npz" if ".npz#" in source else "")
    if not tf.io.gfile.exists(file):
        return [source, None]
    status = tf.io.gfile.stat(file)
    return [source, status.length, status.mtime_nsec]
