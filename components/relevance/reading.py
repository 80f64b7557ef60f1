"""What a captioner did with one clip: its words, where they look, what its neurons say, and what speaks for each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from topiclens.components.relevance.deletion import DeletionCurves, deletion_curves
from topiclens.components.relevance.word_relevance import WordRelevance, explain
from topiclens.trainer.explaining import explained_beam_search
from topiclens.trainer.export import load_captioner
from topiclens.trainer.relevance import with_relevance
from topiclens.trainer.vocabulary import PAD

RANDOM_ORDERS = 5  # in which frames are taken away, to compare with


@dataclass(frozen=True, eq=False)
class Reading:
    """What a captioner did with a clip, as `read` finds it out or a server tells it.

    Attributes:
        words: of the caption, in order.
        log_prob: of the caption.
        attention: (words, time), the share of each frame in what a word was chosen by (eq. 4).
        activations: (time, neurons), v.
        topic_scores: (topics,), f(mean v); None where the model never learnt f (LSTM-B).
        frames: (words, time), the relevance of each frame for each word; None where it is not known.
        neurons: (words, neurons), the relevance of each neuron for each word; None where it is not known.
        scores: (words,), the logit of each word, which is what relevance shares out; None where it is not known.
        previous: (words,), the relevance of the words before; None where it is not known.
    """

    words: tuple[str, ...]
    log_prob: float
    attention: np.ndarray
    activations: np.ndarray
    topic_scores: np.ndarray | None = None
    frames: np.ndarray | None = None
    neurons: np.ndarray | None = None
    scores: np.ndarray | None = None
    previous: np.ndarray | None = None


class OtherFeatures(ValueError):
    """Features of another backbone than the one that a model was trained on."""


class ModelReader:
    """An exported model, as a function that reads features (time, feature_dim): see `read`.

    Attributes:
        meta: the content of its captioner.json.
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
        """The relevance of every single feature for the words of a caption that was read off these frames."""
        return explain(self._captioner, frames, self._numbers(words))

    def deletion_curves(self, frames: np.ndarray, reading: Reading) -> DeletionCurves:
        """What becomes of the caption's log-probability as frames are taken away, by their relevance or at random."""
        words = self._numbers(reading.words)

        def score(clips: np.ndarray) -> np.ndarray:
            captions = np.tile(words, (len(clips), 1))
            logits = self._captioner.run(clips, captions, record=("decoder.logits",))["decoder.logits"]
            log_probs = np.asarray(ops.log_softmax(logits, axis=-1))
            return np.take_along_axis(log_probs, captions[:, :, None], axis=2).sum(axis=(1, 2))

        rng = np.random.default_rng(0)
        return deletion_curves(score, frames, reading.frames.sum(axis=0), rng, orders=RANDOM_ORDERS)

    def _numbers(self, words: Sequence[str]) -> np.ndarray:
        return np.array([self._vocabulary.index(word) for word in words], np.int32)


def read(captioner, vocabulary: Sequence[str], frames: np.ndarray, *, decoding: Mapping) -> Reading:
    """Captions a clip and finds out why.

    Args:
        captioner, vocabulary: as `topiclens.trainer.export.load_captioner` gives them, with `decoding` of its third
            result.
        frames: (time, feature_dim), the clip's features.
        decoding: `beam`, `max_words` and `length_penalty`.
    """
    explained = with_relevance(captioner, frames[None], explained_beam_search(captioner, frames[None], **decoding))
    found = {name: np.asarray(value)[0] for name, value in explained.items()}
    numbers = found["words"][found["words"] != PAD]
    texts, count = tuple(vocabulary), len(numbers)
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
    )
