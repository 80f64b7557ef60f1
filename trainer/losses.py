"""The interpretive loss: topics read off the mean encoder activation (Dong et al. 2017, section 3.1)."""

import keras
from keras import ops


class TopicPerceptron(keras.layers.Layer):
    """f of eq. 8: a two-layer perceptron from the mean encoder activation to a score for each topic.

    The output is linear: a score is near 1 where the topic occurs and near 0 where it does not, and may leave [0, 1].

    Args:
        n_topics: number of topics, N_t.
        units: hidden ReLU units.
        dropout: share of hidden units dropped in training.

    Call arguments:
        mean: (videos, neurons), the mean over time of v.
    Returns:
        (videos, n_topics) scores.
    """

    def __init__(self, n_topics=100, units=512, dropout=0.5, **kwargs):
        super().__init__(**kwargs)
        self.n_topics = n_topics
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="relu", name="hidden")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.score = keras.layers.Dense(n_topics, name="score")

    def build(self, mean_shape):
        self.hidden.build(mean_shape)
        self.score.build((None, self.units))

    def call(self, mean, training=False):
        return self.score(self.dropout(self.hidden(mean), training=training))

    def get_config(self):
        return super().get_config() | {
            "n_topics": self.n_topics,
            "units": self.units,
            "dropout": self.dropout.rate,
        }


def interpretive_loss(scores, topics):
    """L_I = ||f(mean v) - s||^2, summed over the topics (eq. 8): two (videos, n_topics) to (videos,)."""
    return ops.sum(ops.square(scores - ops.cast(topics, scores.dtype)), axis=-1)
