"""The caption decoder: an LSTM that looks at the frames again before each word."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from topiclens.trainer.attention import TemporalAttention, padding_bias
from topiclens.trainer.edits import Edit, edited
from topiclens.trainer.losses import log_prob_of
from topiclens.trainer.recurrence import Packing, attend_and_recur, each_once
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import BOS, PAD


class CaptionDecoder(keras.layers.Layer):
    """Writes a caption word by word (Dong et al. 2017, eq. 3-6).

    Args:
        vocabulary_size: number of words, the special ones included.
        dropout: share of [h, context, y] that is dropped before the word is chosen, in training.
        word_dropout: share of y that is dropped before it is read, in training.
        label_smoothing: share of a target that goes to all words alike, in training.
        topic_neurons: so many neurons, the first of the memory, are topic neurons; see `due`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        embedding_units: int = 468,
        attention_units: int = 256,
        dropout: float = 0.5,
        word_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        topic_neurons: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.embedding_units = embedding_units
        self.attention_units = attention_units
        self.label_smoothing = label_smoothing
        self.topic_neurons = topic_neurons
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_units, name="embedding")
        self.attention = TemporalAttention(attention_units, name="attention")
        self.cell = keras.layers.LSTMCell(units, name="cell")  # its input is [y, context]
        self.initial_h = keras.layers.Dense(units, activation="tanh", name="initial_h")
        self.initial_c = keras.layers.Dense(units, activation="tanh", name="initial_c")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.word_dropout = keras.layers.Dropout(word_dropout, name="word_dropout")
        self.readout = keras.layers.Dense(vocabulary_size, name="readout")  # W_p, b_p

    def build(self, memory_dim: int) -> None:
        self.embedding.build((None, None))
        self.attention.build(self.units, memory_dim)
        self.cell.build((None, self.embedding_units + memory_dim))
        self.initial_h.build((None, memory_dim))
        self.initial_c.build((None, memory_dim))
        self.readout.build((None, self.units + memory_dim + self.embedding_units))
        if self.topic_neurons:
            shape = (self.vocabulary_size, self.topic_neurons)
            self.naming = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="naming")

    def due(self, said: Tensor, memory_dim: int) -> Tensor:
        """How much of the context a step still reads: a topic neuron counts until its topic is said, all else always.

        Without this a neuron pulls its topic's words in at every step, and captions repeat them. From `said`
        (..., topic_neurons), the sum of `naming` over the words read so far, to (..., memory_dim).
        """
        always = ops.ones((*ops.shape(said)[:-1], memory_dim - self.topic_neurons))
        return ops.concatenate([ops.relu(1 - said), always], axis=-1)

    @property
    def state(self) -> tuple[str, ...]:
        """What a step hands on to the next, by its names in `step`."""
        return ("h", "c", "said") if self.topic_neurons else ("h", "c")

    def initial_state(self, memory_mean: Tensor, edits: Sequence[Edit] = ()) -> tuple[Tensor, ...]:
        """The first `state`: h_0 and c_0 from the mean frame (eq. 5), and that no topic is said yet.

        From (batch, memory_dim) to (batch, the width of each).
        """
        h, c = self.initial_h(memory_mean), self.initial_c(memory_mean)
        h, c = edited("decoder.initial_h", h, edits), edited("decoder.initial_c", c, edits)
        return (h, c, ops.zeros((ops.shape(h)[0], self.topic_neurons))) if self.topic_neurons else (h, c)

    def step(
        self,
        words: Tensor,
        state: tuple[Tensor, ...],
        memory: Tensor,
        mask: Tensor,
        keys: Tensor = None,
        edits: Sequence[Edit] = (),
        step: Tensor = None,
    ) -> dict[str, Tensor]:
        """Reads one word and predicts the next, for one or more captions ('queries': beams) of each video.

        Args:
            words: (batch, queries) int, y_{t-1}.
            state: that of the step before, each part (batch, queries, its width).
            memory: (batch, time, memory_dim); mask: (batch, time) bool; keys: ``attention.project(memory)``.
        Returns:
            the named activations ``alpha``, ``context``, ``h``, ``c`` and ``logits``, each (batch, queries, its width).
        """
        due, told = None, {}
        if self.topic_neurons:
            told = {"said": state[2] + ops.take(self.naming, words, axis=0)}
            due = self.due(told["said"], memory.shape[-1])
        now = self._advance(words, state[:2], memory, mask, keys, edits, step, due) | told
        logits = self._logits(words, now["h"], now["context"])
        return {**now, "logits": edited("decoder.logits", logits, edits, step)}

    def read(
        self, words: Tensor, memory: Tensor, mask: Tensor, memory_mean: Tensor, edits: Sequence[Edit] = ()
    ) -> dict[str, Tensor]:
        """The named activations while known captions are written, one of each video.

        Args:
            words: (videos, steps) int, w_1 .. w_k and then PAD; EOS is a word like any other.
        Returns:
            ``initial_h`` and ``initial_c`` (videos, units); ``alpha``, ``context``, ``h``, ``c`` and ``logits``, each
            (videos, steps, its width), zero at PAD. Step t - 1 is the one at which w_t is chosen.
        """
        initial_h, initial_c, *_ = self.initial_state(memory_mean, edits)
        before = ops.concatenate([ops.full_like(words[:, :1], BOS), words[:, :-1]], axis=1)
        keys, due = self.attention.project(memory), self.due_before(before, memory)

        def advance(last: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
            state = last["h"][:, None], last["c"][:, None]
            word, now_due = ops.take(before, step, axis=1)[:, None], None
            if due is not None:
                now_due = ops.take(due, step, axis=1)[:, None]
            now = self._advance(word, state, memory, mask, keys, edits, step, now_due)
            now = {name: values[:, 0] for name, values in now.items()}
            return now, now

        nothing = {"alpha": ops.zeros_like(memory[:, :, 0]), "context": ops.zeros_like(memory_mean)}
        steps = ops.arange(ops.shape(words)[1])
        _, named = ops.scan(advance, {**nothing, "h": initial_h, "c": initial_c}, steps)
        named = {name: ops.transpose(values, (1, 0, 2)) for name, values in named.items()}
        logits = self._logits(before, named["h"], named["context"])
        named["logits"] = edited("decoder.logits", logits, edits)
        written = ops.not_equal(words, PAD)[:, :, None]
        named = {name: ops.where(written, values, 0.0) for name, values in named.items()}
        return {"initial_h": initial_h, "initial_c": initial_c, **named}

    def _advance(
        self,
        words: Tensor,
        state: tuple[Tensor, Tensor],
        memory: Tensor,
        mask: Tensor,
        keys: Tensor,
        edits: Sequence[Edit],
        step: Tensor,
        due: Tensor,
    ) -> dict[str, Tensor]:
        """``step`` without the logits."""
        batch, queries = ops.shape(words)
        context, alpha = self.attention(state[0], memory, mask, keys, edits=edits, step=step, due=due)
        # Rows of matrices from here on: products of higher rank are slow.
        y, context_rows, h, c = (
            ops.reshape(values, (batch * queries, values.shape[-1]))
            for values in (self.embedding(words), context, *state)
        )
        _, state = self.cell(ops.concatenate([y, context_rows], axis=-1), [h, c])
        h, c = (
            edited(name, ops.reshape(rows, (batch, queries, self.units)), edits, step)
            for name, rows in zip(("decoder.h", "decoder.c"), state)
        )
        return {"alpha": alpha, "context": context, "h": h, "c": c}

    def due_before(self, before: Tensor, memory: Tensor) -> Tensor | None:
        """`due` at each step, from the words (videos, steps) that the steps read: (videos, steps, memory_dim)."""
        if not self.topic_neurons:
            return None
        return self.due(ops.cumsum(ops.take(self.naming, before, axis=0), axis=1), memory.shape[-1])

    def _logits(self, words: Tensor, h: Tensor, context: Tensor) -> Tensor:
        """The logits of the next words after ``words`` (batch, queries)."""
        parts = (ops.concatenate([h, context], axis=-1), self.embedding(words))
        rows = (ops.reshape(values, (-1, values.shape[-1])) for values in parts)
        return ops.reshape(self.predict(*rows), (*ops.shape(words), self.vocabulary_size))

    def predict(self, state: Tensor, y: Tensor, training: bool = False) -> Tensor:
        """Logits (rows, vocabulary_size) of the next word from [h_t, context_t] and y_{t-1} (eq. 6)."""
        return self.readout(self.dropout(ops.concatenate([state, y], axis=-1), training=training))

    def call(
        self,
        words: Tensor,
        memory: Tensor,
        mask: Tensor,
        memory_mean: Tensor,
        video_index: Tensor,
        training: bool = False,
    ) -> Tensor:
        """log p(caption | video) of known captions ('teacher forcing').

        Args:
            words: (captions, steps + 1) int, BOS w_1 .. w_k EOS and then PAD.
            video_index: (captions,) int, the row of memory, mask and memory_mean that a caption is of.
        Returns:
            (captions,), the sum over the words w_1 .. w_k EOS; in training, with the smoothed targets.
        """
        # The longest first; the result goes back to the order of the words given.
        order = ops.argsort(-ops.sum(ops.cast(ops.not_equal(words, PAD), "int32"), axis=1))
        words, video_index = ops.take(words, order, axis=0), ops.take(video_index, order, axis=0)
        packing = Packing(words[:, 1:])
        word_kernel, context_kernel = ops.split(self.cell.kernel, [self.embedding_units])
        y, inputs = self._read(packing.pack(words[:, :-1]), word_kernel, training)
        h, c, *_ = (ops.take(part, video_index, axis=0) for part in self.initial_state(memory_mean))
        states = attend_and_recur(
            packing,
            inputs,
            h,
            c,
            memory,
            self.attention.project(memory),
            padding_bias(mask),
            video_index,
            due=self.due_before(words[:, :-1], memory),
            weights=(
                self.attention.state_projection.kernel,
                self.attention.score.kernel,
                context_kernel,
                self.cell.recurrent_kernel,
            ),
        )
        targets = packing.pack(words[:, 1:])
        smoothing = self.label_smoothing if training else 0.0
        log_probs = log_prob_of(targets, self.predict(states, y, training), smoothing)
        log_probs = log_probs * ops.cast(ops.not_equal(targets, PAD), log_probs.dtype)
        return ops.segment_sum(log_probs, ops.take(order, packing.caption), ops.shape(words)[0])

    def _read(self, words: Tensor, word_kernel: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """The vectors y of words (n,), and their part of the cell's gates, bias included: (n, 4 * units)."""

        def gates(y: Tensor) -> Tensor:
            return ops.matmul(y, word_kernel) + self.cell.bias

        if training and self.word_dropout.rate:  # each reading of a word drops other parts of its vector
            y = self.word_dropout(self.embedding(words), training=True)
            return y, gates(y)
        kinds, kind = each_once(words, self.vocabulary_size)
        y = self.embedding(kinds)
        return ops.take(y, kind, axis=0), ops.take(gates(y), kind, axis=0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "embedding_units": self.embedding_units,
            "attention_units": self.attention_units,
            "dropout": self.dropout.rate,
            "word_dropout": self.word_dropout.rate,
            "label_smoothing": self.label_smoothing,
            "topic_neurons": self.topic_neurons,
        }
