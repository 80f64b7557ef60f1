"""The relevance of one clip for the words of its caption, as arrays: see `topiclens.trainer.relevance`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.relevance import Propagate, propagate_relevance
from topiclens.trainer.vocabulary import PAD


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
        """(words,), the score less all relevance: next to nothing, since all that is lost is rounding."""
        explained = self.frames.sum(axis=1) + self.previous.sum(axis=1) + self.decoder_bias + self.encoder_bias
        return self.scores - explained


def explain(
    captioner: Captioner, frames: np.ndarray, words: Sequence[int], *, propagate: Propagate = propagate_relevance
) -> WordRelevance:
    """The relevance of a clip for every word of a caption, whoever wrote it.

    Args:
        captioner: that reads the clip.
        frames: (time, feature_dim), one clip; rows of zeros are padding.
        words: numbers of the caption's words, without BOS; EOS is explained where it is given, PAD is dropped.
        propagate: `trainer.relevance.traced_propagation` is quicker for many clips.
    Raises:
        ValueError: a clip without a frame, a caption without a word, or either of another model's kind.
    """
    frames, words = _checked_frames(captioner, frames), _checked_words(captioner, words)
    found = propagate(captioner, frames[None], words[None].astype(np.int32))
    return WordRelevance(
        words=words, mask=np.any(frames != 0, axis=-1), **{name: value.numpy()[0] for name, value in found.items()}
    )


def _checked_frames(captioner: Captioner, frames: np.ndarray) -> np.ndarray:
    frames, dim = np.asarray(frames, np.float32), captioner.config.feature_dim
    if frames.ndim != 2 or frames.shape[1] != dim:
        raise ValueError(f"The frames have shape {frames.shape}; this model reads one clip, (time, {dim}).")
    if not frames.any():
        raise ValueError("The clip has no frame but padding, so there is nothing a word could be explained by.")
    return frames


def _checked_words(captioner: Captioner, words: Sequence[int]) -> np.ndarray:
    words, known = np.asarray(words), captioner.config.vocabulary_size
    if words.ndim != 1 or not np.issubdtype(words.dtype, np.integer):
        raise ValueError(
            f"The caption is an array of shape {words.shape} and type {words.dtype}; expected (words,) int: the "
            "numbers of its words, as Vocabulary.encode gives them."
        )
    words = words[words != PAD]
    if not len(words):
        raise ValueError("The caption has no word to explain.")
    if not 0 <= words.min() <= words.max() < known:
        raise ValueError(
            f"The caption's words are numbered {words.min()} to {words.max()}; the model knows 0 to {known - 1}. Was "
            "it encoded with another model's vocabulary?"
        )
    return words
