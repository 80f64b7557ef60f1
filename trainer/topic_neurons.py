"""Topic neurons: one neuron a topic, what f reads off it, and what it is told while the decoder learns.

Eq. 8 of Dong et al. 2017 allows any f. A free two-layer f reads a topic off all neurons at once, so that no neuron has
to carry it. Here the first N_t neurons are the topics' own, read off all states of the encoder at a frame, and f reads
topic t off neuron t alone.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.trainer.edits import Edit, edited
from topiclens.trainer.tensor import Tensor

# To begin with, a topic that is absent has a probability of 0.02; f reads both 0 and 1 off what a neuron can say.
_ABSENT = -2.0
_GAIN, _OFFSET = 8.0, -5.0
TOLD = 0.5  # share of the topic neurons that are told the truth while the decoder learns
NAMED = 0.25  # a caption names a topic that it says so much of; its likeliest word says all
WORDS_STRENGTH = 0.5  # of what the topic model says of words, at the start
NAMING_LIFT = 1.0  # a word names a topic that it is e times as likely in as in all captions


class TopicNeurons(keras.layers.Layer):
    """One neuron a topic at every frame: v_t = softplus(w_t . h + b_t), h the encoder's states.

    None is negative, so that to take one out is to say that its topic is absent; and none has a ceiling, so that
    whatever an enhancement asks for can be taught. What the frame before and after shows is in the states: a topic
    neuron has no memory of its own, and to teach one moves no other neuron.

    Call arguments:
        states: (videos, time, states).
        linearised: a neuron hands its relevance on to the states as its slope says. What stands beside them, the bias
            and the bend, was not seen.
    Returns:
        (videos, time, n_topics).
    """

    def __init__(self, n_topics: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_topics = n_topics

    def build(self, states_shape: tuple[int | None, ...]) -> None:
        shape = (states_shape[-1], self.n_topics)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")
        absent = keras.initializers.Constant(_ABSENT)
        self.bias = self.add_weight(shape=(self.n_topics,), initializer=absent, name="bias")

    def call(self, states: Tensor, linearised: bool = False) -> Tensor:
        rise = ops.matmul(states, self.kernel) + self.bias
        neurons = ops.softplus(rise)
        if linearised:
            along = ops.stop_gradient(ops.sigmoid(rise)) * rise
            neurons = ops.stop_gradient(neurons - along) + along
        return neurons

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n_topics": self.n_topics}


class TopicScores(keras.layers.Layer):
    """f of eq. 8 where each topic has a neuron of its own: score_t = softplus(gain_t) v_t + offset_t, a logit.

    Call arguments:
        mean: (videos, neurons), the mean over time of v; the first `n_topics` are the topics' own, not negative. Of v
            itself (videos, time, neurons) it gives the scores of every frame: their mean is the score of the mean.
    Returns:
        (videos, n_topics) scores; the sigmoid of one is the probability that the topic occurs.
    """

    def __init__(self, n_topics: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_topics = n_topics

    def build(self, mean_shape: tuple[int | None, ...]) -> None:
        assert mean_shape[-1] is not None
        self.n_neurons = mean_shape[-1]
        shape = (self.n_topics,)
        self.gain = self.add_weight(shape=shape, initializer=keras.initializers.Constant(_GAIN), name="gain")
        self.offset = self.add_weight(shape=shape, initializer=keras.initializers.Constant(_OFFSET), name="offset")

    def read(self, mean: Tensor, edits: Sequence[Edit] = (), training: bool = False) -> dict[str, Tensor]:
        """The named activations ``hidden`` (videos, n_topics), the topics' own neurons, and ``scores``."""
        hidden = edited("topics.hidden", mean[..., : self.n_topics], edits)
        scores = ops.softplus(self.gain) * hidden + self.offset
        return {"hidden": hidden, "scores": edited("topics.scores", scores, edits)}

    def call(self, mean: Tensor, training: bool = False) -> Tensor:
        return self.read(mean, training=training)["scores"]

    def seen(self, scores: Tensor) -> Tensor:
        """How much of each topic is seen, 0 to 1: the probability that it occurs."""
        return ops.sigmoid(scores)

    def loss(self, scores: Tensor, topics: Tensor) -> Tensor:
        """The cross-entropy of each topic, summed over the topics: two (videos, n_topics) to (videos,)."""
        topics = ops.cast(topics, scores.dtype)
        return ops.sum(ops.softplus(scores) - scores * topics, axis=-1)

    def two_layers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """f as the perceptron of eq. 8: hidden weights and bias, score weights and bias. ReLU leaves the neurons of
        topics as they are, for none is negative."""
        gain = ops.convert_to_numpy(ops.softplus(self.gain))
        zeros = np.zeros(self.n_topics, np.float32)
        return (
            np.eye(self.n_neurons, self.n_topics, dtype=np.float32),
            zeros,
            np.diag(gain).astype(np.float32),
            ops.convert_to_numpy(self.offset),
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n_topics": self.n_topics}


def topics_said(words: Tensor, naming: Tensor) -> Tensor:
    """Which topics a caption names: words (captions, steps) int and naming (vocabulary_size, n_topics), how much each
    word says of each topic, to (captions, n_topics), 0 or 1."""
    return ops.cast(ops.sum(ops.take(naming, words, axis=0), axis=1) >= NAMED, "float32")


def words_that_name(naming: np.ndarray, words: Sequence[str]) -> list[tuple[str, ...]]:
    """For each topic the words that name it by themselves, the likeliest first: naming (vocabulary_size, n_topics)."""
    found = []
    for said in np.asarray(naming).T:
        likeliest = np.argsort(-said, kind="stable")[: np.count_nonzero(said >= NAMED)]
        found.append(tuple(words[word] for word in likeliest))
    return found


def put_in(video: dict[str, Tensor], truth: Tensor, at: Tensor) -> dict[str, Tensor]:
    """A video whose topic neurons are told the truth where `at` is 1: at every real frame, 1 if the topic is there and
    0 if not (RandInt of Espinosa Zarlenga et al. 2022). ``truth`` and ``at`` are (videos, n_topics), 0 or 1."""
    n_topics = truth.shape[-1]
    kept = ops.cast(video["mask"], truth.dtype)[:, :, None]
    told, at = truth[:, None] * kept, at[:, None]

    def tell(rows: Tensor, told: Tensor, at: Tensor) -> Tensor:
        own = rows[..., :n_topics]
        return ops.concatenate([own + at * (told - own), rows[..., n_topics:]], axis=-1)

    mean_told = truth * ops.cast(ops.any(video["mask"], axis=1), truth.dtype)[:, None]
    return video | {
        "memory": tell(video["memory"], told, at),
        "memory_mean": tell(video["memory_mean"], mean_told, at[:, 0]),
    }
