"""What a captioner answers, read from the outputs of its signatures. The answers show themselves in a notebook."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from topiclens.schemas.timelines import HeatMap
from topiclens.serving import display
from topiclens.serving.errors import WrongSignature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DECIMALS = 6
# Outputs of signatures that are attributes of an answer, with the axes after the batch that are padded.
_AXES = {
    "attention": ("word", "frame"),
    "activations": ("frame",),
    "topic_scores": (),
    "topic_timeline": ("frame",),
    "logits": ("word",),
    "frame_relevance": ("word", "frame"),
    "neuron_relevance": ("word",),
    "word_relevance": ("word", "word"),
}

Answer = TypeVar("Answer", bound="Caption")


@dataclass(frozen=True)
class Caption:
    """A caption and the log-probability that the model gives it."""

    text: str
    log_prob: float

    def to_json(self) -> str:
        """All attributes by name, without the pictures."""
        names = (field.name for field in dataclasses.fields(self) if field.name not in ("frames", "heat_pictures"))
        shown = {name: getattr(self, name) for name in names}
        return json.dumps(shown, ensure_ascii=False, default=_listed)

    def _repr_html_(self) -> str:
        return display.caption_html(self.text, self.log_prob)


@dataclass(frozen=True, eq=False)
class ExplainedCaption(Caption):
    """A caption with what the model did to write it.

    Attributes:
        text, log_prob: as in `Caption`.
        words: of the caption, in order.
        attention: (words, frames of the clip), the weight of each frame in the choice of a word (eq. 4).
        activations: (frames of the clip, neurons) of the encoder.
        topic_scores: (topics,), near 1 where the model sees the topic; None for a model without topics (LSTM-B).
        topics: the names of the topics; None where they are not known.
        frames: JPEG bytes; None where the clip was given as features, or with others.
        logits: (words,), the score of each word. Relevance divides it: a positive share speaks for the word, a negative
            one against it, and the model's constants take the rest. `logits` and the attributes below are None where
            relevance was not asked for, or the model does not give it.
        frame_relevance: (words, frames of the clip).
        neuron_relevance: (words, neurons), over all frames: another division of the frames' part.
        word_relevance: (words, words), of the words read before; the first column is the beginning of the sentence.
        heat_maps: which parts of the frames speak for the caption, and for each word; None where they were not asked
            for.
        heat_pictures: a JPEG of each heat map, red where it speaks for the word and blue where against.
        topic_timeline: (frames of the clip, topics), how much of each topic the model sees in each frame; None for a
            model without topics, or one that was exported before there were timelines.
        seconds: when each frame is shown, from the film's first frame on; None where that is not known.
    """

    words: tuple[str, ...]
    attention: np.ndarray
    activations: np.ndarray
    topic_scores: np.ndarray | None = None
    topics: tuple[str, ...] | None = None
    frames: tuple[bytes, ...] | None = None
    logits: np.ndarray | None = None
    frame_relevance: np.ndarray | None = None
    neuron_relevance: np.ndarray | None = None
    word_relevance: np.ndarray | None = None
    heat_maps: tuple[HeatMap, ...] | None = None
    heat_pictures: tuple[bytes, ...] | None = None
    topic_timeline: np.ndarray | None = None
    seconds: tuple[float, ...] | None = None

    def _repr_html_(self) -> str:
        tables = [display.words_html(title, self.words, of, self.frames) for title, of in self._over_frames().items()]
        heat = display.heat_maps_html(self.words, self.heat_maps or (), self.heat_pictures or ())
        return super()._repr_html_() + "".join(tables) + heat + display.topics_html(self.topic_scores, self.topics)

    def plot(self) -> Figure:
        """The attention of each word over the frames, and their relevance, as a figure of Matplotlib."""
        return display.plot_words(self.text, self.words, self._over_frames())

    def _over_frames(self) -> dict[str, np.ndarray]:
        """The tables (words, frames) by their titles."""
        attention = {"Attention: where each word looks": self.attention}
        if self.frame_relevance is None:
            return attention
        return attention | {"Relevance: frames for (red) and against (blue) each word": self.frame_relevance}


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


def read_answers(
    kind: type[Answer], needed: Sequence[str], signature: str, outputs: Mapping[str, np.ndarray], lengths: Sequence[int]
) -> list[Answer]:
    """The answers of a batch, without the padding of words and frames.

    Args:
        needed: the outputs that an answer must have, besides the caption and its log-probability.
        outputs: arrays of the signature by name, each leading with the batch.
        lengths: how many frames each clip of the batch has.
    Raises:
        WrongSignature: the outputs are not those of a captioner.
    """
    needed = ("caption", "log_prob", *needed)
    if not set(needed) <= set(outputs) or any(len(outputs[name]) != len(lengths) for name in needed):
        came = {name: np.shape(value) for name, value in outputs.items()}
        raise WrongSignature(
            f"Expected {' and '.join(needed)} of length {len(lengths)} from signature '{signature}', got {came}. "
            "Likely cause: the model served is not a TopicLens captioner. Check its name and its base folder."
        )
    answers = []
    read = {field.name for field in dataclasses.fields(kind)} & set(outputs)
    for i, length in enumerate(lengths):
        words = tuple(_text(word) for word in outputs["words"][i] if word) if "words" in read else ()
        cut = {"word": slice(len(words)), "frame": slice(length)}
        parts: dict[str, Any] = {
            name: outputs[name][i][tuple(cut[axis] for axis in axes)] for name, axes in _AXES.items() if name in read
        }
        if "words" in read:
            parts["words"] = words
        answers.append(kind(_text(outputs["caption"][i]), float(outputs["log_prob"][i]), **parts))
    return answers


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _listed(value: Any) -> Any:
    """Arrays, NumPy's numbers and heat maps as JSON has them."""
    if isinstance(value, HeatMap):
        return dataclasses.asdict(value)
    return np.round(np.asarray(value, np.float64), _DECIMALS).tolist()
