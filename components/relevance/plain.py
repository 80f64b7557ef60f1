"""The captioner outside Keras: plain arrays and one forward pass that keeps what the way back needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from topiclens.components.relevance.lstm import Lstm, Step
from topiclens.trainer.vocabulary import BOS, PAD


class Dense(NamedTuple):
    """A linear layer: kernel (inputs, outputs) and bias (outputs,)."""

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x @ self.kernel + self.bias

    @classmethod
    def of(cls, layer) -> Dense:
        return cls(*(np.asarray(array, np.float64) for array in layer.get_weights()))


class WordStep(NamedTuple):
    """The step of the decoder that chooses a word."""

    readout: np.ndarray  # (units + memory_dim + embedding_units,), [h_t, context_t, y_{t-1}]
    context: np.ndarray  # (memory_dim,)
    alpha: np.ndarray  # (time,)
    cell: Step


class ForwardPass(NamedTuple):
    """A clip and a caption, read by the captioner. Time is that of the real frames alone."""

    words: np.ndarray  # (words,) int
    mask: np.ndarray  # (clip's rows,) bool, False at padding
    frames: np.ndarray  # (time, feature_dim)
    forward: list[Step]  # of the encoder, in the order of time
    backward: list[Step]  # of the encoder, the last frame first
    memory: np.ndarray  # (time, memory_dim)
    mean: np.ndarray  # (memory_dim,), of the memory
    initial_h: np.ndarray  # (units,), before tanh
    initial_c: np.ndarray  # (units,), before tanh
    steps: list[WordStep]  # one a word
    scores: np.ndarray  # (words,), the logit of each word


@dataclass(frozen=True, eq=False)
class PlainCaptioner:
    """The weights of a captioner, in double precision: relevance is a sum of many parts of either sign.

    Attributes:
        forward, backward: the encoder's directions.
        skip: whether the memory holds the raw features too.
        embedding: (vocabulary, embedding_units).
        state_projection: U_a (units, attention_units); frame_projection: T_a and b_a; score: w_a (attention_units,).
        cell: the decoder's LSTM over [y_{t-1}, context_t].
        initial_h, initial_c: from the memory's mean to the first state.
        readout: W_p and b_p over [h_t, context_t, y_{t-1}].
    """

    forward: Lstm
    backward: Lstm
    skip: bool
    embedding: np.ndarray
    state_projection: np.ndarray
    frame_projection: Dense
    score: np.ndarray
    cell: Lstm
    initial_h: Dense
    initial_c: Dense
    readout: Dense

    @classmethod
    def of(cls, captioner) -> PlainCaptioner:
        """The weights of a `topiclens.trainer.captioner.Captioner`."""
        encoder, decoder = captioner.encoder, captioner.decoder
        embedding, state_projection, score = (
            np.asarray(layer.get_weights()[0], np.float64)
            for layer in (decoder.embedding, decoder.attention.state_projection, decoder.attention.score)
        )
        return cls(
            Lstm.of(encoder.forward),
            Lstm.of(encoder.backward),
            encoder.skip,
            embedding,
            state_projection,
            Dense.of(decoder.attention.frame_projection),
            score[:, 0],
            Lstm.of(decoder.cell),
            Dense.of(decoder.initial_h),
            Dense.of(decoder.initial_c),
            Dense.of(decoder.readout),
        )

    @property
    def feature_dim(self) -> int:
        return len(self.forward.kernel) - self.forward.units

    @property
    def n_neurons(self) -> int:
        return self.forward.units + self.backward.units

    def run(self, frames: np.ndarray, words: Sequence[int]) -> ForwardPass:
        """Reads a clip, and then the caption word by word (Dong et al. 2017, eq. 3-6).

        Args:
            frames: (time, feature_dim); rows of zeros are padding and play no part.
            words: numbers of the caption's words, without BOS; EOS is a word like any other, PAD is dropped.
        Raises:
            ValueError: a clip without a frame, a caption without a word, or either of another model's kind.
        """
        frames, words = self._checked_frames(frames), self._checked_words(words)
        mask = np.any(frames != 0, axis=-1)
        frames = frames[mask]
        forward, backward = self.forward.read(frames), self.backward.read(frames[::-1])
        v = np.concatenate([[step.h for step in forward], [step.h for step in backward[::-1]]], axis=1)
        memory = np.concatenate([v, frames], axis=1) if self.skip else v
        mean = memory.mean(axis=0)
        initial_h, initial_c = self.initial_h(mean), self.initial_c(mean)  # eq. 5
        h, c = np.tanh(initial_h), np.tanh(initial_c)
        keys = self.frame_projection(memory)
        steps = []
        for y in self.embedding[[BOS, *words[:-1]]]:
            alpha = _softmax(np.tanh(h @ self.state_projection + keys) @ self.score)  # eq. 4
            context = alpha @ memory  # eq. 3
            cell = self.cell.step(np.concatenate([y, context]), h, c)
            h, c = cell.h, cell.c
            steps.append(WordStep(np.concatenate([h, context, y]), context, alpha, cell))
        columns = self.readout.kernel[:, words]
        scores = np.einsum("ti,it->t", [step.readout for step in steps], columns) + self.readout.bias[words]  # eq. 6
        return ForwardPass(words, mask, frames, forward, backward, memory, mean, initial_h, initial_c, steps, scores)

    def _checked_frames(self, frames: np.ndarray) -> np.ndarray:
        frames = np.asarray(frames, np.float64)
        if frames.ndim != 2 or frames.shape[1] != self.feature_dim:
            raise ValueError(
                f"The frames have shape {frames.shape}; this model reads one clip, (time, {self.feature_dim})."
            )
        if not frames.any():
            raise ValueError("The clip has no frame but padding, so there is nothing a word could be explained by.")
        return frames

    def _checked_words(self, words: Sequence[int]) -> np.ndarray:
        words = np.asarray(words)
        if words.ndim != 1 or not np.issubdtype(words.dtype, np.integer):
            raise ValueError(
                f"The caption is an array of shape {words.shape} and type {words.dtype}; expected (words,) int: the "
                "numbers of its words, as Vocabulary.encode gives them."
            )
        words = words[words != PAD]
        if not len(words):
            raise ValueError("The caption has no word to explain.")
        if not 0 <= words.min() <= words.max() < len(self.embedding):
            raise ValueError(
                f"The caption's words are numbered {words.min()} to {words.max()}; the model knows 0 to "
                f"{len(self.embedding) - 1}. Was it encoded with another model's vocabulary?"
            )
        return words


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()
