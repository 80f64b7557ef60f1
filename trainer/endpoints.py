"""What an export answers, as functions of tensors: the graphs of its signatures."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import BOS, EOS, PAD, Vocabulary
from topiclens.trainer.what_if import what_if


def build_caption(captioner: Captioner, vocabulary: Vocabulary, search: Mapping) -> Callable[..., Any]:
    """frames (b, t, dim) -> {"caption": (b,) string, "log_prob": (b,) float32}."""
    texts = _texts(vocabulary)

    def answer(frames: Tensor) -> dict[str, Tensor]:
        words, log_prob = beam_search(captioner, frames, **search)
        return {"caption": _sentences(tf.gather(texts, words)), "log_prob": log_prob}

    return answer


def build_explain(vocabulary: Vocabulary, explain: Callable) -> Callable[..., Any]:
    """frames (b, t, dim) -> what `explain` returns, such as `explained_beam_search`, its words as strings, and the
    captions."""
    texts = _texts(vocabulary)

    def answer(frames: Tensor) -> dict[str, Tensor]:
        explained = explain(frames)
        words = tf.gather(texts, explained["words"])
        return {**explained, "words": words, "caption": _sentences(words)}

    return answer


def build_what_if(
    captioner: Captioner, vocabulary: Vocabulary, enhancement: np.ndarray, search: Mapping
) -> Callable[..., Any]:
    """frames (b, t, dim), topic_deltas (b, n_topics) -> what `what_if` returns, its words as captions."""
    texts, enhancement = _texts(vocabulary), np.asarray(enhancement, np.float32)

    def answer(frames: Tensor, topic_deltas: Tensor) -> dict[str, Tensor]:
        changed = what_if(captioner, frames, topic_deltas, enhancement, **search)
        return {"caption": _sentences(tf.gather(texts, changed.pop("words"))), **changed}

    return answer


def _texts(vocabulary: Vocabulary) -> list[str]:
    """The words by number; those that are never shown are empty."""
    silent = {PAD, BOS, EOS}
    return ["" if i in silent else word for i, word in enumerate(vocabulary)]


def _sentences(words: tf.Tensor) -> tf.Tensor:
    """(b, max_words) string, "" after the last one, to (b,)."""
    return tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))


def build_extract(backbone: Any) -> Callable[[Tensor], Tensor]:
    """How the signatures that take JPEG see it: a function of frames_jpeg (b, t) string.

    It gives (b, t, dim) float32, all-zero rows where the bytes are empty.

    A frame is decoded and cropped by itself, so sizes may differ; the network sees one video at a time, which bounds
    its memory whatever the batch.
    """
    size, dim = backbone.image_size, backbone.dim

    def prepare(jpeg: Tensor) -> Tensor:
        image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE")
        return backbone.prepare(image[None])[0]

    def of_video(jpegs: Tensor) -> Tensor:
        real = tf.where(tf.strings.length(jpegs) > 0)
        shape = [tf.size(jpegs, tf.int64), dim]

        def extract() -> Tensor:
            pictures = tf.map_fn(
                prepare, tf.gather_nd(jpegs, real), fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8)
            )
            return tf.scatter_nd(real, backbone.features(pictures), shape)

        # TensorFlow's fused convolutions answer an empty batch with a wrong shape.
        return tf.cond(tf.shape(real)[0] > 0, extract, lambda: tf.zeros(shape))

    features = tf.TensorSpec([None, dim], tf.float32)
    return lambda frames_jpeg: tf.map_fn(of_video, frames_jpeg, fn_output_signature=features)
