"""Exact accounts: what the logit of each word is made of.

Eq. 6 of Dong et al. 2017 is linear: logit_w = W_p[w] . [h_t, phi(V)_t, y_t-1] + b_w. So a neuron's part of it, its
weight times what the context phi(V) holds of it, is exact. Only what came through the state h_t is divided among
neurons by relevance (`topiclens.trainer.relevance`).
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.relevance import columns_of, read_by, through_decoder
from topiclens.trainer.tensor import Tensor

# (frames, words, against) -> accounts, as `word_accounts`.
Account = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]


def word_accounts(model: Captioner, video: dict[str, Tensor], words: Tensor, against: Tensor) -> dict[str, Tensor]:
    """What the words of a caption of each clip are made of.

    A word's score is its logit less the mean logit of the words of ``against`` at the same step: softmax knows logits
    up to a shift alone, and most of a logit says that some word of content is due, not which.

    Args:
        video: what `Captioner.encode` gives.
        words: (videos, steps) int, without BOS, PAD after the last one; the model's own or others.
        against: (vocabulary_size,) weights, their sum 1.
    Returns:
        A dictionary of (videos, steps) and, of neurons, (videos, steps, neurons), 0 at PAD. ``scores``, and the parts
        that they are the exact sum of: ``neurons``, through what phi(V) holds of each; ``features``, of the raw
        features, where the decoder attends to them; ``state``, h; ``word_before``, y; ``bias``. And
        ``neurons_by_state``, what of ``state`` came through each neuron, by relevance.
    """
    decoder, words, neurons = model.decoder, ops.convert_to_tensor(words, "int32"), model.encoder.n_neurons
    named = read_by(decoder, video, words)
    found, slopes = through_decoder(decoder, video, words, named, against)
    columns, bias = columns_of(decoder, words, against)
    ends = [decoder.units, decoder.units + video["memory"].shape[-1]]
    of_h, of_context, of_y = ops.split(columns, ends, axis=-1)
    direct = of_context * named["context"]
    in_all = ops.einsum("vsim,vim->vsm", slopes, video["memory"])
    return {
        "scores": found["scores"],
        "neurons": direct[:, :, :neurons],
        "features": ops.sum(direct[:, :, neurons:], axis=-1),
        "state": ops.sum(of_h * named["h"], axis=-1),
        "word_before": ops.sum(of_y * named["y"], axis=-1),
        "bias": bias,
        "neurons_by_state": (in_all - direct)[:, :, :neurons],
    }


def still(frame: Tensor, videos: Tensor) -> dict[str, Tensor]:
    """So many encoded clips in which nothing changes, what `word_accounts` reads of them: ``frame`` (memory_dim,) is
    each row of their ``memory``."""
    memory = frame[None, None] + ops.zeros((videos, 2, 1))  # two rows: Keras warns of a softmax over one
    return {"memory": memory, "memory_mean": memory[:, 0], "mask": ops.ones((videos, 2), "bool")}


def traced_accounts(model: Captioner) -> Account:
    """`word_accounts` of frames (videos, time, feature_dim), as one graph for clips and captions of any length."""
    clips, captions = tf.TensorSpec([None, None, model.config.feature_dim]), tf.TensorSpec([None, None], tf.int32)
    return tf.function(
        lambda frames, words, against: word_accounts(model, model.encode(frames), words, against),
        [clips, captions, tf.TensorSpec([model.config.vocabulary_size])],
        autograph=False,
    )
