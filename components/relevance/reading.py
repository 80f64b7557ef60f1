"""What a captioner did with one clip: its words, where they look, what its neurons do, and what speaks for each word.

Deletion curves check that: where a score falls fast as the frames that matter most are deleted, the explanation holds
(Samek et al. 2017).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from topiclens.components.neurons.caption_words import content_numbers, evenly
from topiclens.trainer.accounts import word_accounts
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.endpoints import explained_beam_search
from topiclens.trainer.export import load_captioner
from topiclens.trainer.relevance import Propagate, propagate_relevance, with_relevance
from topiclens.trainer.vocabulary import PAD

RANDOM_ORDERS = 5  # in which frames are deleted, to compare with

# Clips (clips, time, feature_dim), zero rows at deleted frames -> (clips,) scores.
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a captioner did with a clip, as `read` finds it out or a server tells it.

    What relevance gives is None where it is not known.
    """

    words: tuple[str, ...]
    log_prob: float
    attention: np.ndarray  # (words, time), the share of each frame in the choice of a word (eq. 4)
    activations: np.ndarray  # (time, neurons), v
    topic_scores: np.ndarray | None = None  # (topics,), f(mean v); None where the model never learnt f (LSTM-B)
    frames: np.ndarray | None = None  # (words, time), the relevance of each frame for each word
    neurons: np.ndarray | None = None  # (words, neurons), the relevance of each neuron for each word
    scores: np.ndarray | None = None  # (words,), the logit of each word, which is what relevance divides
    previous: np.ndarray | None = None  # (words,), the relevance of the words before
    topic_timeline: np.ndarray | None = None  # (time, topics), f(v_i) of every frame; None also of older exports
    # Of a model with topic neurons: the exact account of each word against words of content, see
    # `topiclens.trainer.accounts.word_accounts`; a row of every array is a word.
    accounts: Mapping[str, np.ndarray] | None = None


class OtherFeatures(ValueError):
    """Features of another backbone than the one that a model was trained on."""


class ModelReader:
    """An exported model, as a function that reads features (time, feature_dim): see `read`.

    `meta` is the content of its captioner.json.

    Raises:
        topiclens.trainer.export.ExportError: there is no such model.
        OtherFeatures: when called on features of another width than the model's.
    """

    def __init__(self, directory: str | os.PathLike):
        self._captioner, vocabulary, self.meta = load_captioner(directory)
        self._vocabulary = tuple(vocabulary)

    def __call__(self, frames: np.ndarray) -> Reading:
        width = self._captioner.config.feature_dim
        if frames.shape[1] != width:
            raise OtherFeatures(
                f"The model reads {width} numbers a frame, these features have {frames.shape[1]}: they are another "
                "backbone's. Take the model of the run that stored the features."
            )
        return read(self._captioner, self._vocabulary, frames, decoding=self.meta["decoding"])

    def relevance(self, frames: np.ndarray, words: Sequence[str]) -> WordRelevance:
        """The relevance of every single feature for the words of a caption of these frames."""
        return explain(self._captioner, frames, self._numbers(words))

    def deletion_curves(self, frames: np.ndarray, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
        """The caption's log-probability as frames are deleted, by relevance and at random; see `deletion_curves`."""
        words = self._numbers(reading.words)

        def score(clips: np.ndarray) -> np.ndarray:
            captions = np.tile(words, (len(clips), 1))
            logits = self._captioner.run(clips, captions, record=("decoder.logits",))["decoder.logits"]
            log_probs = np.asarray(ops.log_softmax(logits, axis=-1))
            return np.take_along_axis(log_probs, captions[:, :, None], axis=2).sum(axis=(1, 2))

        assert reading.frames is not None  # `read` knows the relevance
        rng = np.random.default_rng(0)
        return deletion_curves(score, frames, reading.frames.sum(axis=0), rng, orders=RANDOM_ORDERS)

    def _numbers(self, words: Sequence[str]) -> np.ndarray:
        return np.array([self._vocabulary.index(word) for word in words], np.int32)


def read(captioner: Captioner, vocabulary: Sequence[str], frames: np.ndarray, *, decoding: Mapping) -> Reading:
    """Captions a clip, features (time, feature_dim), and finds out why; `decoding` is that of captioner.json."""
    explained = with_relevance(captioner, frames[None], explained_beam_search(captioner, frames[None], **decoding))
    found = {name: np.asarray(value)[0] for name, value in explained.items()}
    numbers = found["words"][found["words"] != PAD]
    texts, count = tuple(vocabulary), len(numbers)
    accounts = None
    if captioner.config.topic_neurons and count:
        against = evenly(content_numbers(texts), len(texts))
        parts = word_accounts(captioner, captioner.encode(frames[None]), numbers[None], against)
        accounts = {name: np.asarray(part)[0] for name, part in parts.items()}
    return Reading(
        tuple(texts[number] for number in numbers),
        float(found["log_prob"]),
        found["attention"][:count],
        found["activations"],
        found.get("topic_scores"),
        frames=found["frame_relevance"][:count],
        neurons=found["neuron_relevance"][:count],
        scores=found["logits"][:count],
        previous=found["word_relevance"][:count].sum(axis=1),
        topic_timeline=found.get("topic_timeline"),
        accounts=accounts,
    )


def deletion_curves(
    score: Score, frames: np.ndarray, relevance: np.ndarray, rng: np.random.Generator, orders: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Deletes a clip's frames (time, feature_dim), all but the last one, by relevance (time,) and in random orders.

    Returns:
        The scores after the first k = 0 .. steps frames are gone: (steps + 1,), the most relevant frame first, and
        (orders, steps + 1).
    Raises:
        ValueError: the relevance is not that of this clip.
    """
    if np.shape(relevance) != frames.shape[:1]:
        raise ValueError(
            f"The relevance has shape {np.shape(relevance)}; expected one number for each of {len(frames)} rows."
        )
    real = np.flatnonzero(np.any(frames != 0, axis=-1))
    by_relevance = real[np.argsort(-np.asarray(relevance)[real], kind="stable")]
    random = [deletion_curve(score, frames, rng.permutation(real)[:-1]) for _ in range(orders)]
    return deletion_curve(score, frames, by_relevance[:-1]), np.array(random)


def deletion_curve(score: Score, frames: np.ndarray, order: Sequence[int] | np.ndarray) -> np.ndarray:
    """The scores (len(order) + 1,) of a clip from which the first k = 0 .. len(order) frames of `order` are deleted.

    A deleted frame becomes padding, as if it had not been sampled: captioners know clips of any length.
    """
    clips = np.tile(frames, (len(order) + 1, 1, 1))
    for k, frame in enumerate(order, start=1):
        clips[k:, frame] = 0
    return np.asarray(score(clips), np.float64)


def mean_drop(curves: np.ndarray) -> float:
    """The mean over k of how far a score has fallen after k deletions (AOPC), and over curves (..., steps + 1)."""
    return float(np.mean(curves[..., :1] - curves))


@dataclass(frozen=True, eq=False)
class WordRelevance:
    """What speaks for each word of a caption, and against it where negative. A row of every array is a word."""

    words: np.ndarray  # (words,) int
    scores: np.ndarray  # (words,), the logit of each word: what is explained
    features: np.ndarray  # (words, time, feature_dim), 0 at padding
    neurons: np.ndarray  # (words, time, neurons), of the encoder's v, 0 at padding: on the way to `features`
    # (words, words), of the words that were read: column 0 is BOS, column s the s-th word; 0 where not yet read
    previous: np.ndarray
    alpha: np.ndarray  # (words, time), the attention, 0 at padding
    initial: np.ndarray  # (words,), how much came by the decoder's first state: a part of `neurons` and `features`
    # (words,), what the biases took
    decoder_bias: np.ndarray
    encoder_bias: np.ndarray
    mask: np.ndarray  # (time,) bool, False at padding

    @property
    def frames(self) -> np.ndarray:
        """(words, time), each frame's relevance: the sum of its features'."""
        return self.features.sum(axis=2)

    @property
    def unexplained(self) -> np.ndarray:
        """(words,), the score less all relevance: next to nothing, since only rounding is lost."""
        explained = self.frames.sum(axis=1) + self.previous.sum(axis=1) + self.decoder_bias + self.encoder_bias
        return self.scores - explained


def explain(
    captioner: Captioner,
    frames: np.ndarray,
    words: Sequence[int] | np.ndarray,
    *,
    propagate: Propagate = propagate_relevance,
) -> WordRelevance:
    """The relevance of a clip for every word of a caption, the model's own or another.

    Args:
        frames: (time, feature_dim), one clip; rows of zeros are padding.
        words: numbers of the caption's words, without BOS; EOS is explained where it is given, PAD is dropped.
        propagate: `trainer.relevance.traced_propagation` is quicker for many clips.
    Raises:
        ValueError: a clip without a frame, a caption without a word, or either of another model's kind.
    """
    frames, numbers = _checked_frames(captioner, frames), _checked_words(captioner, np.asarray(words))
    found = propagate(captioner, frames[None], numbers[None].astype(np.int32))
    arrays = {name: value.numpy()[0] for name, value in found.items()}
    return WordRelevance(words=numbers, mask=np.any(frames != 0, axis=-1), **arrays)


def _checked_frames(captioner: Captioner, frames: np.ndarray) -> np.ndarray:
    frames, dim = np.asarray(frames, np.float32), captioner.config.feature_dim
    if frames.ndim != 2 or frames.shape[1] != dim:
        raise ValueError(f"The frames have shape {frames.shape}; this model reads one clip, (time, {dim}).")
    if not frames.any():
        raise ValueError("The clip has no frame but padding, so there is nothing a word could be explained by.")
    return frames


def _checked_words(captioner: Captioner, words: np.ndarray) -> np.ndarray:
    known = captioner.config.vocabulary_size
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
