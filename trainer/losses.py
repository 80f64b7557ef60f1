"""The two losses: of the words, and of the topics read off the encoder (Dong et al. 2017, section 3.1)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.trainer.edits import Edit, edited
from topiclens.trainer.tensor import Tensor


class TopicPerceptron(keras.layers.Layer):
    """f of eq. 8: a two-layer perceptron from the mean encoder activation to a score for each topic.

    The output is linear: a score is near 1 where the topic occurs and near 0 where it does not, and may leave [0, 1].

    Call arguments:
        mean: (videos, neurons), the mean over time of v. Of v itself (videos, time, neurons) it gives scores of every
            frame, roughly: f learnt from means alone.
    Returns:
        (videos, n_topics) scores.
    """

    def __init__(self, n_topics: int = 100, units: int = 512, dropout: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_topics = n_topics
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="relu", name="hidden")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.score = keras.layers.Dense(n_topics, name="score")

    def build(self, mean_shape: tuple[int | None, ...]) -> None:
        self.hidden.build(mean_shape)
        self.score.build((None, self.units))

    def read(self, mean: Tensor, edits: Sequence[Edit] = (), training: bool = False) -> dict[str, Tensor]:
        """The named activations ``hidden`` (videos, units) and ``scores`` (videos, n_topics)."""
        hidden = edited("topics.hidden", self.hidden(mean), edits)
        scores = self.score(self.dropout(hidden, training=training))
        return {"hidden": hidden, "scores": edited("topics.scores", scores, edits)}

    def call(self, mean: Tensor, training: bool = False) -> Tensor:
        return self.read(mean, training=training)["scores"]

    def seen(self, scores: Tensor) -> Tensor:
        """How much of each topic is seen: near 1 where it occurs, near 0 where it does not."""
        return scores

    def loss(self, scores: Tensor, topics: Tensor) -> Tensor:
        """L_I = ||f(mean v) - s||^2, summed over the topics (eq. 8): two (videos, n_topics) to (videos,)."""
        return ops.sum(ops.square(scores - ops.cast(topics, scores.dtype)), axis=-1)

    def two_layers(self) -> tuple[np.ndarray, ...]:
        """The weights: hidden (neurons, units) and its bias, score (units, n_topics) and its bias."""
        return tuple(
            np.asarray(array, np.float32) for layer in (self.hidden, self.score) for array in layer.get_weights()
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n_topics": self.n_topics, "units": self.units, "dropout": self.dropout.rate}


def log_prob_of(targets: Tensor, logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """log softmax(logits) at the targets: (words,) int and (words, classes) to (words,).

    With its gradient written out it takes a third of the time of TensorFlow's own sparse cross-entropy. The share
    `smoothing` of the result is the mean over all classes instead (Szegedy et al. 2016, section 7).
    """

    @ops.custom_gradient
    def log_prob_of(targets: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = ops.softmax(logits, axis=-1)
        rows = targets[:, None]
        likeliest = ops.log(ops.max(probabilities, axis=-1)) - ops.max(logits, axis=-1)  # - log sum exp, never -inf
        chosen = ops.squeeze(ops.take_along_axis(logits, rows, axis=-1), axis=-1)
        if smoothing:
            result = (1 - smoothing) * chosen + smoothing * ops.mean(logits, axis=-1) + likeliest
        else:
            result = chosen + likeliest

        def gradient(*args: Any, upstream: Tensor = None) -> tuple[None, Tensor]:
            (d_result,) = args if upstream is None else (upstream,)
            everywhere = smoothing / logits.shape[-1]
            d_logits = (everywhere - probabilities) * d_result[:, None]
            places = ops.stack([ops.arange(ops.shape(targets)[0], dtype="int32"), targets], axis=1)
            at_targets = d_result * (1 - smoothing + everywhere - ops.exp(chosen + likeliest))
            return None, ops.scatter_update(d_logits, places, at_targets)

        return result, gradient

    return log_prob_of(targets, logits)
