"""One video as a ``tf.train.SequenceExample``, written and read.

=============  ========================  ==================================
feature        where                     value
=============  ========================  ==================================
``video_id``   context                   one UTF-8 string
``split``      context                   ``train``, ``val`` or ``test``
``label``      context, may be absent    one UTF-8 string
``captions``   context                   UTF-8 strings, at least one
``topics``     context                   (n_topics,) int64, 0 or 1
``frames``     feature list              t steps of (feature_dim,) float32
=============  ========================  ==================================

Only real frames are stored: a clip shorter than n frames has fewer steps, and batches pad it with all-zero rows
(`frame_mask` tells them apart).
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from topiclens.schemas import features
from topiclens.schemas.files import replacing


class RecordError(ValueError):
    """A record that is not as :mod:`topiclens.schemas.records` says."""


@dataclasses.dataclass(frozen=True, eq=False)
class VideoRecord:
    """One video as training knows it: `frames` (t, feature_dim) float32 and `topics` (n_topics,) int64.

    `seconds` (t,), when each frame is shown, is no part of the stored record: who needs it looks at the film.
    """

    video_id: str
    split: str
    frames: np.ndarray
    captions: tuple[str, ...]
    topics: np.ndarray
    label: str | None = None
    seconds: np.ndarray | None = None

    def timed(self, seconds: Sequence[float] | np.ndarray | None) -> VideoRecord:
        """The video with the seconds at which its frames are shown; None where they are not known."""
        return dataclasses.replace(self, seconds=None if seconds is None else np.asarray(seconds, np.float64))

    def part(self, name: str, frames: slice) -> VideoRecord:
        """The video with some of its frames alone."""
        seconds = None if self.seconds is None else self.seconds[frames]
        return dataclasses.replace(
            self, video_id=f"{self.video_id}, {name}", frames=self.frames[frames], seconds=seconds
        )


def frame_mask(frames: np.ndarray) -> np.ndarray:
    """Tells real frames from padding: (..., t, dim) -> (..., t) bool, False at all-zero rows."""
    return np.any(frames != 0, axis=-1)


def encode(record: VideoRecord) -> bytes:
    """Serialises a record; equal records give equal bytes."""
    import tensorflow as tf

    def _bytes(*texts: str) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[t.encode() for t in texts]))

    context = {
        features.VIDEO_ID: _bytes(record.video_id),
        features.SPLIT: _bytes(record.split),
        features.CAPTIONS: _bytes(*record.captions),
        features.TOPICS: tf.train.Feature(int64_list=tf.train.Int64List(value=np.asarray(record.topics, np.int64))),
    }
    if record.label is not None:
        context[features.LABEL] = _bytes(record.label)
    steps = [tf.train.Feature(float_list=_packed(frame)) for frame in np.asarray(record.frames, "<f4")]
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list={features.FRAMES: tf.train.FeatureList(feature=steps)}),
    )
    return example.SerializeToString(deterministic=True)


def decode(serialized: bytes) -> VideoRecord:
    """Reads a record back; RecordError if it is not a SequenceExample, or a feature is missing or ragged."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        example = tf.train.SequenceExample.FromString(serialized)
    except DecodeError as error:
        raise RecordError(
            "These bytes are not a tf.train.SequenceExample. Were the files written by another "
            f"pipeline, or cut short? ({error})"
        ) from error
    context = example.context.feature

    def _texts(name: str) -> tuple[str, ...]:
        return tuple(value.decode() for value in context[name].bytes_list.value)

    missing = [n for n in (features.VIDEO_ID, features.SPLIT) if not _texts(n)]
    if missing:
        raise RecordError(f"A record lacks {' and '.join(missing)}; expected one string each.")
    video_id = _texts(features.VIDEO_ID)[0]
    steps = [_unpacked(step.float_list) for step in example.feature_lists.feature_list[features.FRAMES].feature]
    widths = sorted({len(step) for step in steps})
    if len(widths) > 1:
        raise RecordError(f"Video {video_id!r} has frames of different widths {widths}; expected one width.")
    return VideoRecord(
        video_id=video_id,
        split=_texts(features.SPLIT)[0],
        frames=np.asarray(steps, np.float32).reshape(len(steps), widths[0] if widths else 0),
        captions=_texts(features.CAPTIONS),
        topics=np.asarray(context[features.TOPICS].int64_list.value, np.int64),
        label=next(iter(_texts(features.LABEL)), None),
    )


# In a serialised message packed floats are as in a little-endian array (the protocol buffers' "Encoding"). So they are
# copied whole; to make a Python number of each would take ten times as long.


def _packed(frame: np.ndarray) -> Any:
    """(n,) little-endian float32 as a ``tf.train.FloatList``."""
    import tensorflow as tf

    return tf.train.FloatList.FromString(_packed_head(len(frame)) + frame.tobytes())


def _unpacked(floats: Any) -> np.ndarray:
    """A ``tf.train.FloatList`` as (n,) little-endian float32."""
    n = len(floats.value)
    return np.frombuffer(floats.SerializeToString(), "<f4", count=n, offset=len(_packed_head(n)))


@functools.cache
def _packed_head(n: int) -> bytes:
    """What stands before n packed floats in a message: the number of their field, and their length in bytes."""
    import tensorflow as tf

    return tf.train.FloatList(value=[0.0] * n).SerializeToString()[: -4 * n]


def parse(serialized: Any) -> dict[str, Any]:
    """Reads a record inside a TensorFlow graph, from a () string tensor.

    Returns:
        A dict of tensors: ``video_id`` (), ``split`` (), ``label`` () string (empty when absent), ``captions`` (c,)
        string, ``topics`` (n_topics,) int64 and ``frames`` (t, feature_dim) float32.
    """
    import tensorflow as tf

    text = tf.io.FixedLenFeature([], tf.string, default_value="")
    context, sequences = tf.io.parse_single_sequence_example(
        serialized,
        context_features={
            **dict.fromkeys((features.VIDEO_ID, features.SPLIT, features.LABEL), text),
            features.CAPTIONS: tf.io.VarLenFeature(tf.string),
            features.TOPICS: tf.io.VarLenFeature(tf.int64),
        },
        sequence_features={features.FRAMES: tf.io.RaggedFeature(tf.float32)},
    )
    lists = {name: context[name].values for name in (features.CAPTIONS, features.TOPICS)}
    return {**context, **lists, features.FRAMES: sequences[features.FRAMES].to_tensor()}


def files_of(pattern: str) -> list[str]:
    """The record files that a pattern or a folder names, in order; local or ``gs://``. FileNotFoundError if none."""
    import tensorflow as tf

    if tf.io.gfile.isdir(pattern):
        pattern = os.path.join(pattern, "*.gz")
    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        raise FileNotFoundError(
            f"No record files match {pattern!r}. Has the pipeline's examples step run, and is the split not empty?"
        )
    return files


def read(files: Iterable[str], only: Collection[str] | None = None) -> Iterator[VideoRecord]:
    """Reads gzip TFRecord files record by record, in order: those of all videos, or `only` of these ids."""
    import tensorflow as tf

    # Decoding takes most of the time, so records that cannot be of a wanted video are not decoded.
    marks = [video_id.encode() for video_id in only or ()]
    for serialized in tf.data.TFRecordDataset(list(files), compression_type="GZIP").as_numpy_iterator():
        if only is None:
            yield decode(serialized)
        elif any(mark in serialized for mark in marks) and (record := decode(serialized)).video_id in only:
            yield record


def write(path: str, records: Iterable[VideoRecord | bytes]) -> int:
    """Writes or replaces a gzip TFRecord file of records, encoded or not; returns their count."""
    import tensorflow as tf

    count = 0
    with replacing(path) as aside, tf.io.TFRecordWriter(aside, options="GZIP") as writer:
        for record in records:
            writer.write(record if isinstance(record, bytes) else encode(record))
            count += 1
    return count
