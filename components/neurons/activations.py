"""What the encoder's neurons do in the videos of a dataset."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.pdm import Perceptron
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import Vocabulary

BATCH_SIZE = 64  # videos

# frames (videos, time, feature_dim) -> v (videos, time, neurons), both zero at padding.
Encode = Callable[[np.ndarray], np.ndarray]


class NeuronsError(RuntimeError):
    """A model whose neurons cannot be named, with the reason."""


@dataclass(frozen=True, eq=False)
class NeuronModel:
    """A captioner that learnt topics; f reads them off the mean activation."""

    captioner: Any
    vocabulary: Vocabulary
    encode: Encode
    f: Perceptron


def load(model_dir: str | os.PathLike) -> NeuronModel:
    """The encoder and f of an exported model.

    Raises:
        NeuronsError: the model never learnt f.
        topiclens.trainer.export.ExportError: there is no such model.
    """
    from topiclens.trainer.export import load_captioner

    captioner, vocabulary, _ = load_captioner(model_dir)
    if not captioner.config.interpretive_weight:
        raise NeuronsError(
            f"The model in {os.fspath(model_dir)} was trained without the interpretive loss (LSTM-B), so its "
            "perceptron f knows no topic and prediction differences say nothing. "
            "Train it with model.interpretive_weight above 0."
        )
    return NeuronModel(captioner, vocabulary, encoder_of(captioner), Perceptron.of(captioner.topic_perceptron))


def encoder_of(captioner: Any) -> Encode:
    """A captioner's encoder as one graph on NumPy arrays."""
    import tensorflow as tf

    frames = tf.TensorSpec([None, None, captioner.config.feature_dim], tf.float32)
    encode = tf.function(lambda frames: captioner.encode(frames)["v"], input_signature=[frames], autograph=False)
    return lambda frames: encode(tf.constant(frames, tf.float32)).numpy()


def encoded(
    videos: Iterable[VideoRecord], encode: Encode, *, batch_size: int = BATCH_SIZE
) -> Iterator[tuple[VideoRecord, np.ndarray]]:
    """Each video with v, the activations (its frames, neurons) of the encoder, in the order given."""
    videos = iter(videos)
    while batch := list(itertools.islice(videos, batch_size)):
        for video, v in zip(batch, encode(pad_videos(batch)), strict=True):
            yield video, v[: len(video.frames)]


@dataclass(frozen=True, eq=False)
class MeanActivations:
    """What f reads of each video: a row a video."""

    ids: tuple[str, ...]
    features: np.ndarray  # (videos, feature_dim) float32, the mean of each video's frames
    mean: np.ndarray  # (videos, neurons) float32, the mean activations over the same frames
    topics: np.ndarray  # (videos, topics) int64, 1 where a topic occurs


def mean_activations(videos: Iterable[VideoRecord], encode: Encode, *, batch_size: int = BATCH_SIZE) -> MeanActivations:
    """The mean activation of every neuron in every video; NeuronsError without a video."""
    rows = [
        (video.video_id, video.frames.mean(axis=0), v.mean(axis=0), video.topics)
        for video, v in encoded(videos, encode, batch_size=batch_size)
    ]
    if not rows:
        raise NeuronsError("There are no videos to take activations of. Is the split empty?")
    ids, *columns = zip(*rows)
    return MeanActivations(ids, *(np.stack(column) for column in columns))
