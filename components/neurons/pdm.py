"""Prediction difference maximization: which neuron a topic's score depends on most (Dong et al. 2017, eq. 9).

The difference that neuron j makes to topic i in a video is [f(v)]_i - [f(v without j)]_i. Deleting a neuron moves the
hidden layer of f by one row of its weights, so no forward pass is repeated: with that layer's input a = W v + b,

    difference_ij = sum_h score_hi (relu(a_h) - relu(a_h - v_j W_jh)).
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from topiclens.components.common.compiling import compiled
from topiclens.schemas.files import read_bytes, write_bytes

TALLY_FILE = "tally.npz"


@dataclass(frozen=True, eq=False)
class Perceptron:
    """f of eq. 8 outside Keras: ReLU units, weights (neurons, units), and linear scores, weights (units, topics)."""

    hidden: np.ndarray
    hidden_bias: np.ndarray
    score: np.ndarray
    score_bias: np.ndarray

    @classmethod
    def of(cls, topic_perceptron: Any) -> Perceptron:
        """The weights of a captioner's f, a `TopicPerceptron` or `TopicNeurons`."""
        return cls(*topic_perceptron.two_layers())

    @property
    def n_neurons(self) -> int:
        return len(self.hidden)

    @property
    def n_topics(self) -> int:
        return self.score.shape[1]

    def __call__(self, mean: np.ndarray) -> np.ndarray:
        """f: mean activations (videos, neurons) to scores (videos, topics)."""
        return np.maximum(mean @ self.hidden + self.hidden_bias, 0) @ self.score + self.score_bias


@dataclass(frozen=True, eq=False)
class Tally:
    """What videos say of topics and neurons. Tallies of parts add up to the tally of the whole."""

    votes: (
        np.ndarray
    )  # (topics, neurons) int64, in how many of the topic's videos the neuron made the largest difference
    differences: np.ndarray  # (topics, neurons) float64, sums of the prediction differences over the topic's videos
    activations: np.ndarray  # (topics, neurons) float64, sums of the mean activations over the same videos
    videos: np.ndarray  # (topics,) int64, in how many videos each topic occurs

    @classmethod
    def empty(cls, n_topics: int, n_neurons: int) -> Tally:
        shape = n_topics, n_neurons
        return cls(np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(n_topics, np.int64))

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def save(self, folder: str | os.PathLike) -> None:
        """Writes `tally.npz`."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{name: getattr(self, name) for name in self.__dataclass_fields__})
        write_bytes(os.path.join(folder, TALLY_FILE), buffer.getvalue())

    @classmethod
    def load(cls, folder: str | os.PathLike) -> Tally:
        """Reads what `save` wrote."""
        with np.load(io.BytesIO(read_bytes(os.path.join(folder, TALLY_FILE)))) as arrays:
            return cls(**arrays)

    @property
    def mean_differences(self) -> np.ndarray:
        """(topics, neurons), 0 where a topic occurs in no video."""
        return self.differences / np.maximum(self.videos, 1)[:, None]

    @property
    def mean_activations(self) -> np.ndarray:
        """(topics, neurons), 0 where a topic occurs in no video."""
        return self.activations / np.maximum(self.videos, 1)[:, None]


def prediction_differences(
    mean: np.ndarray, occurrences: np.ndarray, f: Perceptron, baseline: np.ndarray | None = None
) -> np.ndarray:
    """[f(v)]_i - [f(v without j)]_i for every neuron j and every given pair of a video and a topic i.

    Args:
        mean: (videos, neurons), mean activations.
        occurrences: (pairs, 2) int, a row of `mean` and a topic; sorted by the row.
        baseline: (neurons,), what a neuron is set to when it is taken out; 0, as in eq. 9, by default.
    Returns:
        (pairs, neurons) float32.
    Raises:
        ValueError: the shapes do not fit each other.
    """
    if mean.ndim != 2 or mean.shape[1] != f.n_neurons:
        raise ValueError(f"The mean activations have shape {mean.shape}; expected (videos, {f.n_neurons}), as f has.")
    videos, topics = np.asarray(occurrences, np.int64).reshape(-1, 2).T
    if np.any(np.diff(videos) < 0):
        raise ValueError("The pairs of a video and a topic are not sorted by the video.")
    if len(topics) and not 0 <= topics.min() <= topics.max() < f.n_topics:
        raise ValueError(f"A topic is {topics.max()} or {topics.min()}; f scores the topics 0 to {f.n_topics - 1}.")
    starts = np.searchsorted(videos, np.arange(len(mean) + 1))
    mean = np.ascontiguousarray(mean, np.float32)
    inputs = mean @ f.hidden + f.hidden_bias
    taken = mean if baseline is None else np.ascontiguousarray(mean - baseline, np.float32)
    return _differences(taken, inputs, np.ascontiguousarray(f.hidden), np.ascontiguousarray(f.score.T), starts, topics)


@compiled(parallel=True, fastmath=True)
def _differences(
    taken: np.ndarray, inputs: np.ndarray, hidden: np.ndarray, score: np.ndarray, starts: np.ndarray, topics: np.ndarray
) -> np.ndarray:
    n_videos, n_neurons = taken.shape
    n_units = hidden.shape[1]
    result = np.empty((len(topics), n_neurons), np.float32)
    for video in numba.prange(n_videos):
        a = inputs[video]
        whole = np.maximum(a, np.float32(0))
        # Three topics at once, the most that occur in a video by default: a unit's loss stays in a register.
        for first in range(starts[video], starts[video + 1], 3):
            last = min(first + 3, starts[video + 1])
            second, third = min(first + 1, last - 1), last - 1
            of_first, of_second, of_third = score[topics[first]], score[topics[second]], score[topics[third]]
            for j in range(n_neurons):
                v, row = taken[video, j], hidden[j]
                x, y, z = np.float32(0), np.float32(0), np.float32(0)
                for h in range(n_units):
                    without = a[h] - v * row[h]
                    lost = whole[h] - (without if without > 0 else np.float32(0))  # vectorised, as max() is not
                    x += lost * of_first[h]
                    y += lost * of_second[h]
                    z += lost * of_third[h]
                result[first, j], result[second, j], result[third, j] = x, y, z
    return result


def tally(mean: np.ndarray, topics: np.ndarray, f: Perceptron, baseline: np.ndarray | None = None) -> Tally:
    """Counts, for every topic that occurs in every video, the neuron that makes the largest difference (eq. 9).

    With a baseline, a video in which no neuron's difference is above 0 has no vote: no neuron holds up the score. In
    eq. 9 every video has one.

    Args:
        mean: (videos, neurons), the mean activations.
        topics: (videos, topics), not 0 where a topic occurs.
        baseline: (neurons,), as in `prediction_differences`.
    """
    occurrences = np.argwhere(topics)
    videos, topic = occurrences.T
    differences = prediction_differences(mean, occurrences, f, baseline)
    result = Tally.empty(f.n_topics, f.n_neurons)
    voting = np.max(differences, axis=1) > (-np.inf if baseline is None else 0)
    np.add.at(result.votes, (topic[voting], np.argmax(differences[voting], axis=1)), 1)
    by_topic = np.argsort(topic, kind="stable")
    present, starts = np.unique(topic[by_topic], return_index=True)
    if len(present):
        result.differences[present] = np.add.reduceat(differences[by_topic].astype(np.float64), starts)
        result.activations[present] = np.add.reduceat(mean[videos[by_topic]].astype(np.float64), starts)
        result.videos[present] = np.diff([*starts, len(topic)])
    return result
