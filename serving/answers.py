"""What a captioner answers, read from the outputs of its signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.serving import signatures
from topiclens.serving.errors import WrongSignature


@dataclass(frozen=True)
class Caption:
    """A caption and the log-probability that the model gives it."""

    text: str
    log_prob: float


@dataclass(frozen=True, eq=False)
class ExplainedCaption:
    """A caption with what the model did to write it.

    Attributes:
        text, log_prob: as of a `Caption`.
        words: of the caption, in order.
        attention: (words, the clip's frames), the share of each frame in what a word was chosen by (eq. 4).
        activations: (the clip's frames, neurons) of the encoder.
        topic_scores: (topics,), near 1 where the model sees the topic; None where it never learnt any (LSTM-B).
    """

    text: str
    log_prob: float
    words: tuple[str, ...]
    attention: np.ndarray
    activations: np.ndarray
    topic_scores: np.ndarray | None


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What the model would say of a clip in which it saw some topics more, or less.

    Attributes:
        caption: the one it would write.
        log_prob: that the model gives it.
        topic_scores: (topics,), of the changed clip; near 1 where the model sees the topic.
    """

    caption: str
    log_prob: float
    topic_scores: np.ndarray


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
        explained.append(
            ExplainedCaption(
                caption.text,
                caption.log_prob,
                written,
                attention[i, : len(written), :length],
                activations[i, :length],
                scores[i],
            )  # fmt: skip
        )
    return explained


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
