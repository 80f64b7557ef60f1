"""The records of one split, read once and kept: captions as numbers, frames in memory or in a scratch file.

Videos are ordered by their id, so nothing that follows depends on how the records were split into files.
"""

import dataclasses
import hashlib
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import tensorflow as tf

from topiclens.schemas import records
from topiclens.trainer.vocabulary import BOS, EOS, Vocabulary


class DataError(ValueError):
    """Record files that cannot be trained on, with the reason and what to do."""


class FrameStore:
    """Frame features by position: in memory up to `memory_bytes`, the rest in a temporary file that has no name.

    The file vanishes with the process however that ends, so a kill leaves nothing behind.
    """

    def __init__(self, memory_bytes: int):
        self._free = memory_bytes
        self._scratch: IO[bytes] | None = None
        self._items: list[np.ndarray | tuple[int, tuple[int, ...]]] = []

    def append(self, frames: np.ndarray) -> None:
        """Keeps (t, dim) float32."""
        if frames.nbytes <= self._free:
            self._free -= frames.nbytes
            self._items.append(frames)
            return
        self._free = 0
        if self._scratch is None:
            self._scratch = tempfile.TemporaryFile()
        self._items.append((self._scratch.tell(), frames.shape))
        self._scratch.write(np.ascontiguousarray(frames).data)

    def __getitem__(self, position: int) -> np.ndarray:
        item = self._items[position]
        if isinstance(item, np.ndarray):
            return item
        assert self._scratch is not None  # as an item is there
        offset, shape = item
        self._scratch.flush()
        buffer = os.pread(self._scratch.fileno(), 4 * math.prod(shape), offset)
        return np.frombuffer(buffer, np.float32).reshape(shape)

    def __len__(self) -> int:
        return len(self._items)


@dataclasses.dataclass(frozen=True)
class Videos:
    """The records of one split, ordered by video id.

    Attributes:
        frames: (t, feature_dim) float32 by `store_index`.
        store_index: (n,) the position in `frames` of each video.
        captions: for each video its captions as arrays BOS w1 .. wk EOS. A caption that was cut at the word limit has
            no EOS: the model must not learn to stop there.
        references: for each video its captions as written.
        topics: (n, n_topics) float32.
        left_out: ids of the records without a usable caption.
        largest_feature: the largest absolute value among all features.
        digest: names the content; equal for equal records however they are split into files.
    """

    ids: list[str]
    frames: FrameStore
    store_index: np.ndarray
    captions: list[list[np.ndarray]]
    references: list[tuple[str, ...]]
    topics: np.ndarray
    left_out: list[str]
    largest_feature: float
    digest: str

    def __len__(self) -> int:
        return len(self.ids)

    def padded_frames(self, positions: Sequence[int] | np.ndarray, n_frames: int) -> np.ndarray:
        """(len(positions), n_frames, feature_dim) float32, short clips padded with all-zero rows."""
        clips = [self.frames[self.store_index[i]] for i in positions]
        batch = np.zeros((len(clips), n_frames, clips[0].shape[1]), np.float32)
        for row, clip in zip(batch, clips):
            row[: len(clip)] = clip
        return batch

    def with_shuffled_topics(self, seed: int) -> "Videos":
        """The same videos with the topics of all of them dealt out anew."""
        shuffled = np.random.default_rng(seed).permutation(self.topics)
        digest = hashlib.blake2b(f"{self.digest} shuffled {seed}".encode(), digest_size=16).hexdigest()
        return dataclasses.replace(self, topics=shuffled, digest=digest)

    def frame_batches(self, size: int, n_frames: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """All videos in order, `size` at a time: (their ids, their padded frames)."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield self.ids[start:stop], self.padded_frames(range(start, stop), n_frames)


def read_videos(
    patterns: str | Sequence[str],
    vocabulary: Vocabulary,
    *,
    feature_dim: int,
    n_topics: int,
    n_frames: int = 28,
    max_caption_words: int = 30,
    cache_bytes: int = 4 * 2**30,
) -> Videos:
    """Reads every record of a split.

    Args:
        patterns: file patterns of gzip TFRecords (see `topiclens.schemas.records`).
        n_frames: T, the most frames a record may have.
        max_caption_words: longer captions are cut here.
        cache_bytes: memory for frames; what does not fit goes to a temporary file.
    Raises:
        FileNotFoundError: a pattern matches nothing.
        DataError: a record does not fit the model, holds a NaN or an infinity, or comes twice, or none can be used.
    """
    patterns = [patterns] if isinstance(patterns, str) else patterns
    files = [file for pattern in patterns for file in records.files_of(pattern)]
    store = FrameStore(cache_bytes)
    rows, left_out, digests, largest = [], [], {}, 0.0
    for record in _parsed(files):
        video_id = record["video_id"].decode()
        frames, topics = record["frames"], record["topics"]
        if video_id in digests:
            raise DataError(f"Video {video_id!r} comes twice in {files[0]} and beside it; expected each id once.")
        _check(video_id, frames, topics, feature_dim, n_topics, n_frames)
        digests[video_id] = _digest_of(record)
        references = tuple(caption.decode() for caption in record["captions"])
        captions = [words for text in references if len(words := _framed(text, vocabulary, max_caption_words)) > 1]
        if captions:
            rows.append((video_id, len(store), captions, references, topics.astype(np.float32)))
            store.append(frames)
            largest = max(largest, float(np.abs(frames).max()))
        else:
            left_out.append(video_id)
    if not rows:
        raise DataError(
            f"None of the {len(left_out)} records in {files} has a caption with words; a captioner learns from these."
        )
    rows.sort(key=lambda row: row[0])
    ids, index, captions_of, references_of, topics_of = zip(*rows)
    content = hashlib.blake2b(b"".join(digests[video_id] for video_id in sorted(digests)), digest_size=16)
    return Videos(
        ids=list(ids),
        frames=store,
        store_index=np.asarray(index),
        captions=list(captions_of),
        references=list(references_of),
        topics=np.stack(topics_of),
        left_out=sorted(left_out),
        largest_feature=largest,
        digest=content.hexdigest(),
    )


def _parsed(files: Sequence[str]) -> Iterator[dict[str, Any]]:
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP", num_parallel_reads=min(len(files), 8))
    try:
        yield from dataset.map(records.parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(8).as_numpy_iterator()
    except tf.errors.DataLossError as error:
        raise DataError(
            f"One of {list(files)} is not a whole gzip TFRecord file ({error.message}). "
            "It was probably cut off while being written: run the step that writes the examples again."
        ) from error


def _check(
    video_id: str, frames: np.ndarray, topics: np.ndarray, feature_dim: int, n_topics: int, n_frames: int
) -> None:
    problem = None
    if not 1 <= len(frames) <= n_frames:
        problem = f"{len(frames)} frames; expected 1 to {n_frames} (the setting `n_frames`)"
    elif frames.shape[1] != feature_dim:
        problem = f"features of width {frames.shape[1]}; the model expects {feature_dim} (another backbone?)"
    elif not np.isfinite(frames).all():
        problem = "a feature that is NaN or infinite; extract its features again or leave it out"
    elif topics.shape != (n_topics,):
        problem = f"{topics.size} topics; the model expects {n_topics} (another topic model?)"
    if problem:
        raise DataError(f"The record of video {video_id!r} has {problem}.")


def _framed(caption: str, vocabulary: Vocabulary, most: int) -> np.ndarray:
    """BOS and the words, and EOS if no word was cut off; BOS alone for a caption without words."""
    ids = vocabulary.encode(caption)
    end = [EOS] if 0 < len(ids) <= most else []
    return np.asarray([BOS, *ids[:most], *end], np.int32)


def _digest_of(record: dict[str, np.ndarray]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (record["video_id"], *record["captions"]):
        digest.update(part + b"\0")
    digest.update(record["topics"].tobytes())
    digest.update(record["frames"].tobytes())
    return digest.digest()
