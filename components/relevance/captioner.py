"""Layer-wise relevance propagation through the captioner (Arras et al. 2017; Anders et al. 2019).

A word's score is its logit. It goes back through the readout to [h_t, context_t, y_{t-1}], through the decoder's LSTM
to the contexts and words of all steps before and to the first state, from contexts and first state to the memory, and
through both directions of the encoder to the features. Gates and attention weights get none: they choose, the signal
that they let through is what speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.relevance import rules
from topiclens.components.relevance.plain import ForwardPass, PlainCaptioner


@dataclass(frozen=True, eq=False)
class WordRelevance:
    """What speaks for each word of a caption, and against it where negative. A row of every array is a word.

    Attributes:
        words: (words,) int.
        scores: (words,), the logit of each word: what is explained.
        features: (words, time, feature_dim), 0 at padding.
        neurons: (words, time, neurons), of the encoder's v; 0 at padding. It lies on the way to `features`, not beside.
        previous: (words, words), of the words that were read: column 0 is BOS, column s the s-th word; 0 where not yet
            read.
        alpha: (words, time), the attention, 0 at padding.
        initial: (words,), how much came by the decoder's first state; it is part of `neurons` and of `features`.
        decoder_bias, encoder_bias: (words,), what the biases took.
        mask: (time,) bool, False at padding.
    """

    words: np.ndarray
    scores: np.ndarray
    features: np.ndarray
    neurons: np.ndarray
    previous: np.ndarray
    alpha: np.ndarray
    initial: np.ndarray
    decoder_bias: np.ndarray
    encoder_bias: np.ndarray
    mask: np.ndarray

    @property
    def frames(self) -> np.ndarray:
        """(words, time), each frame's relevance: the sum of its features'."""
        return self.features.sum(axis=2)

    @property
    def unexplained(self) -> np.ndarray:
        """(words,), the score less all relevance: what the epsilons swallowed, next to nothing."""
        explained = self.frames.sum(axis=1) + self.previous.sum(axis=1) + self.decoder_bias + self.encoder_bias
        return self.scores - explained


def explain(captioner, frames: np.ndarray, words: Sequence[int], *, epsilon: float = rules.EPSILON) -> WordRelevance:
    """The relevance of a clip for every word of a caption, whoever wrote it.

    Args:
        captioner: a `topiclens.trainer.captioner.Captioner`, or its `PlainCaptioner`, which is quicker for many clips.
        frames: (time, feature_dim), one clip; rows of zeros are padding.
        words: numbers of the caption's words, without BOS; EOS is explained where it is given, PAD is dropped.
        epsilon: of the epsilon rule. What it swallows is in `WordRelevance.unexplained`.
    Raises:
        ValueError: a clip without a frame, a caption without a word, or either of another model's kind.
    """
    model = captioner if isinstance(captioner, PlainCaptioner) else PlainCaptioner.of(captioner)
    run = model.run(frames, words)
    memory, previous, initial, decoder_bias = _through_decoder(model, run, epsilon)
    neurons = memory[:, :, : model.n_neurons]
    features, encoder_bias = _through_encoder(model, run, neurons, epsilon)
    if model.skip:
        features = features + memory[:, :, model.n_neurons :]
    alpha = np.stack([step.alpha for step in run.steps])
    features, neurons, alpha = (_with_padding(array, run.mask) for array in (features, neurons, alpha))
    return WordRelevance(
        run.words, run.scores, features, neurons, previous, alpha, initial, decoder_bias, encoder_bias, run.mask
    )


def _through_decoder(
    model: PlainCaptioner, run: ForwardPass, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """From the words' scores to what they are made of.

    Returns:
        the relevance of the memory (words, time, memory_dim) and of the words that were read (words, words), how much
        of the former came by the first state (words,), and what the biases took (words,).
    """
    n, units, embedding_units = len(run.words), model.cell.units, model.embedding.shape[1]
    memory, previous, bias = np.zeros((n, *run.memory.shape)), np.zeros((n, n)), np.zeros(n)
    h, c = np.zeros((n, units)), np.zeros((n, units))
    for t in reversed(range(n)):
        step, word = run.steps[t], run.words[t : t + 1]
        # Step t chose word t; for the words before it, it has not happened.
        readout, taken = rules.linear(
            step.readout, model.readout.kernel[:, word], model.readout.bias[word], run.scores[[t]],
            run.scores[[t], None], epsilon,
        )  # fmt: skip
        bias[t] += taken[0]
        h[t] += readout[0, :units]
        behind = model.cell.step_back(step.cell, h, c, epsilon)
        context, y = behind.x[:, embedding_units:], behind.x[:, :embedding_units]
        context[t] += readout[0, units:-embedding_units]
        previous[:, t] = y.sum(axis=1)
        previous[t, t] += readout[0, -embedding_units:].sum()
        memory += rules.split_sum(step.alpha[:, None] * run.memory, step.context, context, epsilon)
        h, c = behind.h, behind.c
        bias += behind.bias
    initial = h.sum(axis=1) + c.sum(axis=1)
    for layer, z, relevance in ((model.initial_h, run.initial_h, h), (model.initial_c, run.initial_c, c)):
        mean, taken = rules.linear(run.mean, layer.kernel, layer.bias, z, relevance, epsilon)
        memory += rules.split_sum(run.memory / len(run.memory), run.mean, mean, epsilon)
        bias += taken
        initial -= taken
    return memory, previous, initial, bias


def _through_encoder(
    model: PlainCaptioner, run: ForwardPass, neurons: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """From the neurons (words, time, neurons) to the features (words, time, feature_dim), and what the biases took."""
    ahead, back = np.split(neurons, [model.forward.units], axis=2)
    forward, forward_bias = model.forward.read_back(run.forward, ahead, epsilon)
    backward, backward_bias = model.backward.read_back(run.backward, back[:, ::-1], epsilon)
    return forward + backward[:, ::-1], forward_bias + backward_bias


def _with_padding(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Puts the rows of real frames, (words, real, ...), back among rows of zeros: (words, time, ...)."""
    padded = np.zeros((len(values), len(mask), *values.shape[2:]))
    padded[:, mask] = values
    return padded
