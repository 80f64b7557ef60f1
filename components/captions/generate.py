"""Captions of records by an exported model, through the signature that a server answers with; and their evaluation."""

import dataclasses
import itertools
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from topiclens.components.captions.evaluator import CaptionEvaluation, evaluate_captions
from topiclens.schemas import records
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.records import VideoRecord

_log = logging.getLogger(__name__)
SIGNATURE = "serving_default"
BATCH_SIZE = 64  # videos

# frames (b, t, feature_dim) float32, with zero rows where a clip is shorter -> b captions.
Answer = Callable[[np.ndarray], list[str]]


class CaptioningError(RuntimeError):
    """A model that does not caption, or records that it cannot caption."""


def open_captioner(model_dir: str | os.PathLike) -> Answer:
    """An exported model as a plain function of frames.

    Raises:
        CaptioningError: `model_dir` holds no SavedModel that maps `frames` to `caption`.
    """
    import tensorflow as tf

    try:
        model = tf.saved_model.load(os.fspath(model_dir))
    except OSError as error:
        raise CaptioningError(f"{model_dir} holds no SavedModel ({error}). Has training exported one?") from error
    signature = model.signatures.get(SIGNATURE)
    if signature is None or "frames" not in signature.structured_input_signature[1]:
        raise CaptioningError(
            f"The model in {model_dir} has no signature {SIGNATURE} that takes `frames` (it has "
            f"{', '.join(model.signatures) or 'none'}); expected one that topiclens.trainer.export wrote."
        )

    def answer(frames: np.ndarray) -> list[str]:
        captions = model.signatures[SIGNATURE](frames=tf.constant(frames, tf.float32))["caption"].numpy()
        return [caption.decode() for caption in captions.tolist()]

    return answer


def pad_videos(videos: Sequence[VideoRecord]) -> np.ndarray:
    """The frames of several videos as one (b, longest, feature_dim) float32 batch, zero after the last frame."""
    widths = sorted({video.frames.shape[1] for video in videos})
    if len(widths) > 1:
        named = {video.frames.shape[1]: video.video_id for video in videos}
        raise CaptioningError(f"Frame features of different widths: {named}. Were they made by one backbone?")
    batch = np.zeros((len(videos), max(len(video.frames) for video in videos), widths[0]), np.float32)
    for row, video in zip(batch, videos, strict=True):
        row[: len(video.frames)] = video.frames
    return batch


def caption_examples(
    model_dir: str | os.PathLike, examples: str, *, batch_size: int = BATCH_SIZE, progress: Progress = no_progress
) -> tuple[dict[str, str], list[VideoRecord]]:
    """Captions all records that a folder or glob pattern names.

    Returns:
        video id -> caption, in the order of the records; and the records, their frames dropped.
    Raises:
        CaptioningError: the model or a record cannot be used; a video occurs twice.
    """
    answer, stream, start = open_captioner(model_dir), records.read(records.files_of(examples)), time.monotonic()
    captions: dict[str, str] = {}
    videos: list[VideoRecord] = []
    while batch := list(itertools.islice(stream, batch_size)):
        for video, caption in zip(batch, answer(pad_videos(batch)), strict=True):
            if video.video_id in captions:
                raise CaptioningError(f"Video {video.video_id!r} occurs twice in {examples}; expected one record each.")
            captions[video.video_id] = caption
            videos.append(dataclasses.replace(video, frames=video.frames[:0]))
        progress(f"{len(videos)} videos captioned, {len(videos) / max(time.monotonic() - start, 1e-9):.1f} a second")
    return captions, videos


def evaluate_examples(
    model_dir: str, splits: Mapping[str, str], topic_names: Mapping[int, str] | None = None
) -> dict[str, CaptionEvaluation]:
    """Captions and judges the records of each split, in its folder, by an exported model.

    `topic_names`, topic number -> name, are what slices are called by.
    """
    evaluations = {}
    for split, folder in splits.items():
        captions, videos = caption_examples(
            model_dir, folder, progress=lambda what, share=None: _log.info("captions: %s", what)
        )
        people = {video.video_id: video.captions for video in videos}
        evaluations[split] = evaluate_captions(people, captions, slices=slices_of(videos, topic_names))
    return evaluations


def slices_of(videos: Iterable[VideoRecord], names: Mapping[int, str] | None = None) -> dict[str, list[str]]:
    """Slice name -> video ids: a slice for each topic and, where records have one, for each label.

    `names`, topic number -> name, stand behind the numbers.
    """
    topics, labels = defaultdict(list), defaultdict(list)
    for video in videos:
        for number in video.topics.nonzero()[0].tolist():
            topics[number].append(video.video_id)
        if video.label is not None:
            labels[f"label {video.label}"].append(video.video_id)
    named = names or {}
    by_topic = {
        f"topic {number}: {named[number]}" if number in named else f"topic {number}": topics[number]
        for number in sorted(topics)
    }
    return by_topic | {name: labels[name] for name in sorted(labels)}
