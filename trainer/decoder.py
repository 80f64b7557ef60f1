"""The caption decoder: an LSTM that looks at the frames again before each word."""

import keras
from keras import ops

from trainer.attention import TemporalAttention


class CaptionDecoder(keras.layers.Layer):
    """Writes a caption word by word (Dong et al. 2017, eq. 3-6).

    Args:
        vocabulary_size: number of words, the special ones included.
        units: LSTM units, the width of h.
        embedding_units: width of a word's vector y.
        attention_units: width of the attention's comparison.
        dropout: share of [h, context, y] that is dropped before the word is chosen, in training.
    """

    def __init__(self, vocabulary_size, units=512, embedding_units=468, attention_units=256, dropout=0.5, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.embedding_units = embedding_units
        self.attention_units = attention_units
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_units, name="embedding")
        self.attention = TemporalAttention(attention_units, name="attention")
        self.cell = keras.layers.LSTMCell(units, name="cell")  # its input is [y, context]
        self.initial_h = keras.layers.Dense(units, activation="tanh", name="initial_h")
        self.initial_c = keras.layers.Dense(units, activation="tanh", name="initial_c")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.readout = keras.layers.Dense(vocabulary_size, name="readout")  # W_p, b_p

    def build(self, memory_dim):
        self.embedding.build((None, None))
        self.attention.build(self.units, memory_dim)
        self.cell.build((None, self.embedding_units + memory_dim))
        self.initial_h.build((None, memory_dim))
        self.initial_c.build((None, memory_dim))
        self.readout.build((None, self.units + memory_dim + self.embedding_units))

    def initial_state(self, memory_mean):
        """h_0 and c_0 from the mean frame (eq. 5): (batch, memory_dim) to two (batch, units)."""
        return self.initial_h(memory_mean), self.initial_c(memory_mean)

    def step(self, words, state, memory, mask, keys=None, training=False):
        """Reads one word and predicts the next, for one or more captions ('queries': beams) of each video.

        Args:
            words: (batch, queries) int, y_{t-1}.
            state: the pair h_{t-1}, c_{t-1}, each (batch, queries, units).
            memory: (batch, time, memory_dim); mask: (batch, time) bool; keys: ``attention.project(memory)``.
        Returns:
            logits (batch, queries, vocabulary_size), the next state, and the named activations ``context``
            (batch, queries, memory_dim) and ``alpha`` (batch, queries, time).
        """
        h, c = state
        batch, queries = ops.shape(words)
        flat = (batch * queries, -1)
        y = self.embedding(words)
        context, alpha = self.attention(h, memory, mask, keys)
        _, state = self.cell(
            ops.reshape(ops.concatenate([y, context], axis=-1), flat), [ops.reshape(h, flat), ops.reshape(c, flat)]
        )
        h, c = (ops.reshape(part, (batch, queries, self.units)) for part in state)
        return self.predict(h, context, y, training), (h, c), {"context": context, "alpha": alpha}

    def predict(self, h, context, y, training=False):
        """Logits of the next word from [h_t, context_t, y_{t-1}] (eq. 6); any leading dimensions."""
        return self.readout(self.dropout(ops.concatenate([h, context, y], axis=-1), training=training))

    def call(self, words, memory, mask, memory_mean, video_index, training=False):
        """Log-probability of every word of known captions ('teacher forcing').

        Args:
            words: (captions, steps) int, BOS w_1 .. w_k EOS and then PAD.
            memory, mask, memory_mean: the encoded videos, (videos, ...).
            video_index: (captions,) int, which video a caption is of.
        Returns:
            (captions, steps - 1) log p of the words 1.., 0 at padding.
        """
        state = self.initial_state(memory_mean)
        state = tuple(ops.take(part, video_index, axis=0)[:, None, :] for part in state)
        keys = ops.take(self.attention.project(memory), video_index, axis=0)
        memory, mask = ops.take(memory, video_index, axis=0), ops.take(mask, video_index, axis=0)
        logits = []
        for t in range(words.shape[1] - 1):
            step_logits, state, _ = self.step(words[:, t : t + 1], state, memory, mask, keys, training)
            logits.append(step_logits)
        logits = ops.concatenate(logits, axis=1)
        targets = words[:, 1:]
        loss = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        return -loss * ops.cast(ops.not_equal(targets, 0), loss.dtype)

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "embedding_units": self.embedding_units,
            "attention_units": self.attention_units,
            "dropout": self.dropout.rate,
        }
