"""What a captioner answers, read from the outputs of its signatures. The answers show themselves in a notebook."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from topiclens.serving import display, signatures
from topiclens.serving.errors import WrongSignature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DECIMALS = 6


@dataclass(frozen=True)
class Caption:
    """A caption and the log-probability that the model gives it."""

    text: str
    log_prob: float

    def to_json(self) -> str:
        """All of it but the pictures, under the names of the attributes."""
        told = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "frames"}
        return json.dumps(told, ensure_ascii=False, default=_listed)

    def _repr_html_(self) -> str:
        return display.caption_html(self.text, self.log_prob)


@dataclass(frozen=True, eq=False)
class ExplainedCaption(Caption):
    """A caption with what the model did to write it.

    Attributes:
        text, log_prob: as of a `Caption`.
        words: of the caption, in order.
        attention: (words, the clip's frames), the share of each frame in what a word was chosen by (eq. 4).
        activations: (the clip's frames, neurons) of the encoder.
        topic_scores: (topics,), near 1 where the model sees the topic; None where it never learnt any (LSTM-B).
        topics: the names of the topics; None where they are not known.
        frames: JPEG bytes; None where the clip was given as features, or with others.
        logits: (words,), the score of each word; None, as all that follows, where relevance was not asked for or the
            model cannot tell it. Relevance divides it: what speaks for the word is positive, what speaks against it
            negative, and the model's constants take what is missing.
        frame_relevance: (words, the clip's frames).
        neuron_relevance: (words, neurons), over all frames. It is a part of the frames' relevance, not beside it.
        word_relevance: (words, words), of the words read before; the first column is the beginning of the sentence.
    """

    words: tuple[str, ...]
    attention: np.ndarray
    activations: np.ndarray
    topic_scores: np.ndarray | None
    topics: tuple[str, ...] | None = None
    frames: tuple[bytes, ...] | None = None
    logits: np.ndarray | None = None
    frame_relevance: np.ndarray | None = None
    neuron_relevance: np.ndarray | None = None
    word_relevance: np.ndarray | None = None

    def _repr_html_(self) -> str:
        tables = [display.words_html(title, self.words, of, self.frames) for title, of in self._over_frames().items()]
        return super()._repr_html_() + "".join(tables) + display.topics_html(self.topic_scores, self.topics)

    def plot(self) -> Figure:
        """The attention of each word over the frames, and their relevance, as a figure of Matplotlib."""
        return display.plot_words(self.text, self.words, self._over_frames())

    def _over_frames(self) -> dict[str, np.ndarray]:
        """What is known of each word and frame, (words, frames), by what it says."""
        attention = {"Attention: where each word looks": self.attention}
        if self.frame_relevance is None:
            return attention
        return attention | {"Relevance: frames for (blue) and against (red) each word": self.frame_relevance}


@dataclass(frozen=True, eq=False)
class WhatIf(Caption):
    """What the model would say of a clip in which it saw some topics more, or less.

    Attributes:
        text, log_prob: of the caption that it would write.
        topic_scores: (topics,), of the changed clip; near 1 where the model sees the topic.
        topics: the names of the topics; None where they are not known.
    """

    topic_scores: np.ndarray
    topics: tuple[str, ...] | None = None

    def _repr_html_(self) -> str:
        return super()._repr_html_() + display.topics_html(self.topic_scores, self.topics)

    def plot(self) -> Figure:
        """The topics that the model would see most, as a figure of Matplotlib."""
        return display.plot_topics(self.text, self.topic_scores, self.topics)


def read_captions(signature: str, outputs: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[Caption]:
    """The captions of a batch.

    Args:
        signature: that gave the outputs.
        outputs: arrays by name, each leading with the batch.
        lengths: how many frames each clip of the batch has.
    Raises:
        WrongSignature: the outputs are not those of a captioner.
    """
    names = (signatures.CAPTION_OUTPUT, signatures.LOG_PROB_OUTPUT)
    texts, log_probs = _wanted(signature, outputs, names, len(lengths))
    return [Caption(_text(text), float(log_prob)) for text, log_prob in zip(texts, log_probs)]


def read_explained(signature: str, outputs: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[ExplainedCaption]:
    """The explained captions of a batch, without the padding of words and frames: see `read_captions`."""
    captions = read_captions(signature, outputs, lengths)
    names = (signatures.WORDS_OUTPUT, signatures.ATTENTION_OUTPUT, signatures.ACTIVATIONS_OUTPUT)
    words, attention, activations = _wanted(signature, outputs, names, len(lengths))
    scores = outputs.get(signatures.TOPIC_SCORES_OUTPUT, [None] * len(lengths))
    explained = []
    for i, (caption, length) in enumerate(zip(captions, lengths)):
        written = tuple(_text(word) for word in words[i] if word)
        shown = attention[i, : len(written), :length], activations[i, :length], scores[i]
        explained.append(ExplainedCaption(caption.text, caption.log_prob, written, *shown))
    return explained


def read_relevance(signature: str, outputs: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[ExplainedCaption]:
    """The explained captions of a batch with the relevance of frames, neurons and words: see `read_explained`."""
    names = (
        signatures.LOGITS_OUTPUT, signatures.FRAME_RELEVANCE_OUTPUT, signatures.NEURON_RELEVANCE_OUTPUT,
        signatures.WORD_RELEVANCE_OUTPUT,
    )  # fmt: skip
    logits, of_frames, of_neurons, of_words = _wanted(signature, outputs, names, len(lengths))
    told = []
    for i, (explained, length) in enumerate(zip(read_explained(signature, outputs, lengths), lengths)):
        count = len(explained.words)
        told.append(
            dataclasses.replace(
                explained,
                logits=logits[i, :count],
                frame_relevance=of_frames[i, :count, :length],
                neuron_relevance=of_neurons[i, :count],
                word_relevance=of_words[i, :count, :count],
            )
        )
    return told


def read_what_if(signature: str, outputs: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[WhatIf]:
    """The captions and topic scores of a batch of changed clips: see `read_captions`."""
    captions = read_captions(signature, outputs, lengths)
    (scores,) = _wanted(signature, outputs, (signatures.TOPIC_SCORES_OUTPUT,), len(lengths))
    return [WhatIf(caption.text, caption.log_prob, row) for caption, row in zip(captions, scores)]


def _wanted(signature: str, outputs: Mapping[str, np.ndarray], names: Sequence[str], count: int) -> list[np.ndarray]:
    if not set(names) <= set(outputs) or any(len(outputs[name]) != count for name in names):
        came = {name: np.shape(value) for name, value in outputs.items()}
        raise WrongSignature(
            f"Expected {' and '.join(names)} of length {count} from signature '{signature}', got {came}. "
            "Likely cause: the model served is not a TopicLens captioner. Check its name and its base folder."
        )
    return [outputs[name] for name in names]


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _listed(value: Any) -> Any:
    """Arrays and NumPy's numbers as JSON has them."""
    return np.round(np.asarray(value, np.float64), _DECIMALS).tolist()
