"""f of eq. 8 outside Keras: plain arrays, so that neurons can be taken out of it by the million."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Perceptron:
    """A perceptron with one hidden ReLU layer and a linear output (Dong et al. 2017, eq. 8).

    Attributes:
        hidden: (neurons, units); hidden_bias: (units,).
        score: (units, topics); score_bias: (topics,).
    """

    hidden: np.ndarray
    hidden_bias: np.ndarray
    score: np.ndarray
    score_bias: np.ndarray

    @classmethod
    def of(cls, topic_perceptron: Any) -> Perceptron:
        """The weights of a `topiclens.trainer.losses.TopicPerceptron`."""
        layers = (topic_perceptron.hidden, topic_perceptron.score)
        return cls(*(np.asarray(array, np.float32) for layer in layers for array in layer.get_weights()))

    @property
    def n_neurons(self) -> int:
        return len(self.hidden)

    @property
    def n_topics(self) -> int:
        return self.score.shape[1]

    def __call__(self, mean: np.ndarray) -> np.ndarray:
        """f: mean activations (videos, neurons) to scores (videos, topics)."""
        return np.maximum(mean @ self.hidden + self.hidden_bias, 0) @ self.score + self.score_bias
