"""What an export answers, as functions of tensors: the graphs of its signatures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.edits import Edit
from topiclens.trainer.encoders import frame_mask
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import BOS, EOS, PAD, Vocabulary


def explained_beam_search(
    model: Captioner, frames: Tensor, *, max_words: int = 20, **decoding: Any
) -> dict[str, Tensor]:
    """Captions of videos, with where each word looks, which topics the model sees and what its neurons do.

    Returns:
        ``words`` (videos, max_words) int32, PAD after the last one; ``log_prob`` (videos,); ``attention``
        (videos, max_words, time) (eq. 4): a word's row sums to 1 over the real frames, rows of PAD and padded frames
        are 0; and ``activations`` (videos, time, neurons), v, zero at padding. Unless the model never learnt f
        (LSTM-B), also ``topic_scores`` (videos, n_topics), f(mean v), near 1 where a topic is seen; and
        ``topic_timeline`` (videos, time, n_topics), f(v_i) of every frame i, zero at padding.
    """
    scores = ("topics.scores",) if model.config.interpretive_weight else ()
    found = model.run(frames, record=("decoder.alpha", "encoder.v", *scores), max_words=max_words, **decoding)
    written = ops.logical_and(ops.not_equal(found["words"], PAD)[:, :, None], frame_mask(frames)[:, None, :])
    attention = ops.where(written, found["decoder.alpha"][:, :max_words], 0.0)
    explained = {"words": found["words"], "log_prob": found["log_prob"], "attention": attention}
    explained["activations"] = found["encoder.v"]
    return explained | (_topics_over_time(model, frames, found) if scores else {})


def _topics_over_time(model: Captioner, frames: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """How much of each topic is seen in all frames together, and in each of them (Fig. 4 of Dong et al. 2017).

    Topic neurons are read one by one, so that a frame's score means what a clip's does. The paper's f learnt from the
    mean of v alone: of a single frame it is an approximation.
    """
    f = model.topic_perceptron
    timeline = f.seen(f(found["encoder.v"])) * ops.cast(frame_mask(frames), "float32")[:, :, None]
    return {"topic_scores": f.seen(found["topics.scores"]), "topic_timeline": timeline}


def what_if(
    model: Captioner, frames: Tensor, topic_deltas: Tensor, enhancement: np.ndarray, **decoding: Any
) -> dict[str, Tensor]:
    """Captions of videos in which the model sees a topic more, or less: v*_i = v_i + sum_t delta_it e_t at every real
    frame i, e_t being a topic's row of the enhancement (Dong et al. 2017, section 4).

    Args:
        frames: (videos, time, feature_dim), padded with zero rows.
        topic_deltas: (videos, n_topics) float, how strongly a topic is added; 1 is the paper's strength, 0 leaves the
            topic as it is, a negative one takes it away. Or (videos, time, n_topics), at each frame by itself.
        enhancement: (n_topics, neurons) float, what strength 1 of each topic adds to v.
    Returns:
        ``words`` (videos, max_words) int32, PAD after the last one; ``log_prob`` (videos,); and ``topic_scores``
        (videos, n_topics), f(mean v*).
    """
    deltas = topic_deltas if len(topic_deltas.shape) == 3 else topic_deltas[:, None]
    enhanced = Edit("encoder.v", add=ops.matmul(deltas, enhancement))
    found = model.run(frames, edits=[enhanced], record=["topics.scores"], **decoding)
    seen = model.topic_perceptron.seen(found["topics.scores"])
    return {"words": found["words"], "log_prob": found["log_prob"], "topic_scores": seen}


def build_text(vocabulary: Vocabulary) -> Callable[..., dict[str, Tensor]]:
    """How answers become text: their numbers `words` (b, max_words) become `caption` (b,) string.

    `keep_words` keeps `words` as strings, "" after the last one.
    """
    texts = ["" if number in (PAD, BOS, EOS) else word for number, word in enumerate(vocabulary)]

    def in_text(answer: dict[str, Tensor], keep_words: bool = False) -> dict[str, Tensor]:
        words = tf.gather(texts, answer["words"])
        caption = tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))
        others = {name: value for name, value in answer.items() if name != "words"}
        return {"caption": caption, **others} | ({"words": words} if keep_words else {})

    return in_text


def build_extract(backbone: Any) -> Callable[[Tensor], Tensor]:
    """How the signatures that take JPEG see it: from frames_jpeg (b, t) string to (b, t, dim) float32.

    Empty bytes give a row of zeros. A frame is decoded and cropped by itself, so sizes may differ; the network sees one
    video at a time, which bounds its memory whatever the batch.
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
