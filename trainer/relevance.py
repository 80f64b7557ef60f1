"""Layer-wise relevance propagation through the captioner (Arras et al. 2017; Anders et al. 2019).

A word's score is its logit. It is divided among what it was made of: the frames, the words read before, and the biases.
Where a gate multiplies a signal, the signal takes all the relevance and the gate none; so it is with the weights of the
attention. tanh hands its relevance on unchanged, and a sum or a linear layer divides it by the epsilon rule. For
epsilon -> 0 that is the same as input times gradient of the model in which gates and attention are held fast and
tanh(z) is z times the constant tanh(z) / z: everything that is left is linear, so nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.decoder import CaptionDecoder
from topiclens.trainer.lstm import lstm_signal_step, tanh_slope, transposed
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import BOS, PAD

# (captioner, frames, words) -> relevance, as `propagate_relevance`.
Propagate = Callable[[Captioner, Tensor, Tensor], dict[str, Tensor]]


def propagate_relevance(model: Captioner, frames: Tensor, words: Tensor) -> dict[str, Tensor]:
    """The relevance of clips for every word of a caption of each; see `Encoder.read_linearised`.

    Args:
        frames: (videos, time, feature_dim), padded with zero rows.
        words: (videos, steps) int, without BOS, PAD after the last one; the model's own or others.
    Returns:
        A dictionary, in which rows of PAD and of padded frames are 0:
        ``scores`` (videos, steps), each word's logit: what is divided;
        ``features`` (videos, steps, time, feature_dim);
        ``neurons`` (videos, steps, time, neurons), of the encoder's v: they lie on the way to ``features``;
        ``previous`` (videos, steps, steps), of the words that were read, BOS first;
        ``alpha`` (videos, steps, time), the attention;
        ``initial`` (videos, steps), how much came by the decoder's first state, as a part of ``neurons``;
        ``decoder_bias``, ``encoder_bias`` (videos, steps), what the biases took.
    """
    video, words = model.encode(frames), ops.convert_to_tensor(words, "int32")
    named = read_by(model.decoder, video, words)
    found, slopes = through_decoder(model.decoder, video, words, named)
    of_memory = video["memory"][:, None] * slopes
    found["neurons"] = of_memory[:, :, :, : model.encoder.n_neurons]
    places = tf.where(ops.not_equal(words, PAD))  # a row for each word alone
    clips = tf.gather(frames, places[:, 0])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(clips)
        memory = model.encoder(clips, linearised=True)["memory"]
    of_clips = clips * tape.gradient(memory, clips, tf.gather_nd(slopes, places))
    shape = tf.concat([tf.shape(words), tf.shape(frames)[1:]], 0)
    found["features"] = tf.scatter_nd(places, of_clips, tf.cast(shape, places.dtype))
    found["encoder_bias"] = ops.sum(of_memory, axis=(2, 3)) - ops.sum(found["features"], axis=(2, 3))
    return found


def with_relevance(model: Captioner, frames: Tensor, explained: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `endpoints.explained_beam_search` found in these frames, and why each word was written.

    Returns:
        The same, and of each word that was written, zeros at others: ``logits`` (videos, max_words), which relevance
        divides; ``frame_relevance`` (videos, max_words, time); ``neuron_relevance`` (videos, max_words, neurons), over
        all frames; ``word_relevance`` (videos, max_words, max_words), of the words that were read, the beginning of the
        sentence first.
    """
    found = propagate_relevance(model, frames, explained["words"])
    return explained | {
        "logits": found["scores"],
        "frame_relevance": ops.sum(found["features"], axis=3),
        "neuron_relevance": ops.sum(found["neurons"], axis=2),
        "word_relevance": found["previous"],
    }


def traced_propagation(model: Captioner) -> Propagate:
    """`propagate_relevance` as one graph for clips and captions of any length: it takes seconds to make, and then
    answers several times as fast."""
    clips, captions = tf.TensorSpec([None, None, model.config.feature_dim]), tf.TensorSpec([None, None], tf.int32)
    graph = tf.function(
        lambda frames, words: propagate_relevance(model, frames, words), [clips, captions], autograph=False
    )
    return lambda _, frames, words: graph(frames, words)


def read_by(decoder: CaptionDecoder, video: dict[str, Tensor], words: Tensor) -> dict[str, Tensor]:
    """The decoder's named activations while known captions (videos, steps) of encoded videos are written, and ``y``
    (videos, steps, embedding_units), the vectors of the words that are read."""
    named = decoder.read(words, video["memory"], video["mask"], video["memory_mean"])
    return named | {"y": decoder.embedding(words_before(words))}


def words_before(words: Tensor) -> Tensor:
    """What each step reads, BOS first: (videos, steps) int to the same."""
    return ops.concatenate([ops.full_like(words[:, :1], BOS), words[:, :-1]], axis=1)


def columns_of(decoder: CaptionDecoder, words: Tensor, against: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How words' scores are read off [h, context, y] (eq. 6): weights (videos, steps, width), biases (videos, steps).

    A score is the word's logit or, with ``against`` (vocabulary_size,), weights whose sum is 1, its logit less the mean
    one of these words. 0 at PAD.
    """
    kernel, bias = decoder.readout.kernel, decoder.readout.bias
    columns, biases = ops.transpose(ops.take(kernel, words, axis=1), (1, 2, 0)), ops.take(bias, words)
    if against is not None:
        columns, biases = columns - ops.matmul(kernel, against[:, None])[:, 0], biases - ops.sum(bias * against)
    real = ops.cast(ops.not_equal(words, PAD), kernel.dtype)
    return columns * real[:, :, None], biases * real


def through_decoder(
    decoder: CaptionDecoder,
    video: dict[str, Tensor],
    words: Tensor,
    named: dict[str, Tensor],
    against: Tensor | None = None,
) -> tuple[dict[str, Tensor], Tensor]:
    """From each word's score to the memory. What gates leave is linear, so that the slopes are written out.

    Args:
        named: `read_by` of these videos and words.
        against: see `columns_of`.
    Returns:
        ``scores``, ``previous``, ``alpha``, ``initial`` and ``decoder_bias`` as above; and the gradient of the scores
        by the memory, (videos, steps, time, memory_dim).
    """
    cell, memory = decoder.cell, video["memory"]
    y, due = named["y"], decoder.due_before(words_before(words), memory)
    h, c = (ops.concatenate([named[f"initial_{name}"][:, None], named[name][:, :-1]], axis=1) for name in "hc")
    z = ops.tensordot(ops.concatenate([y, named["context"]], axis=-1), cell.kernel, 1) + cell.bias
    z = z + ops.tensordot(h, cell.recurrent_kernel, 1)
    gates = [ops.transpose(gate, (1, 0, 2))[:, :, None] for gate in lstm_signal_step(z, c)[2]]

    # The weights from the signal z_g, and from a word's score, back to what they are made of: y, context, h.
    weights = cell.kernel, cell.recurrent_kernel, cell.bias
    signal, from_h, signal_bias = (ops.split(weight, 4, axis=-1)[2] for weight in weights)
    from_y, from_context = ops.split(signal, [decoder.embedding_units])
    columns, score_bias = columns_of(decoder, words, against)
    score_h, score_context, score_y = ops.split(columns, [decoder.units, decoder.units + memory.shape[-1]], axis=-1)
    own, back_to_h = ops.eye(ops.shape(words)[1])[:, None, :, None], transposed(from_h)  # own: a step is the word's own

    def back(state: tuple[Tensor, ...], row: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (d_h, d_c, _), (here, written, kept, shown) = state, row
        d_c = d_c + (d_h + here * score_h) * shown
        d_g = d_c * written
        return ops.tensordot(d_g, back_to_h, 1), d_c * kept, d_g  # each (videos, words, units)

    d_h, d_c, d_g = tf.scan(back, (own, *gates), (ops.zeros_like(score_h),) * 3, reverse=True)
    slopes = ops.tensordot(d_g, ops.transpose(from_context), 1) + own * score_context
    if due is not None:
        slopes = slopes * ops.transpose(due, (1, 0, 2))[:, :, None]
    slopes = ops.einsum("vti,tvsm->vsim", named["alpha"], slopes)
    previous = ops.einsum("tvsu,vtu->vst", d_g, ops.tensordot(y, from_y, 1))
    previous = previous + own[:, 0, :, 0] * ops.sum(score_y * y, axis=2)[:, :, None]
    bias = ops.tensordot(ops.sum(d_g, axis=0), signal_bias, 1) + score_bias

    initial, frames = 0.0, ops.maximum(ops.sum(ops.cast(video["mask"], memory.dtype), axis=1), 1)
    for name, d_state in (("initial_h", d_h[0]), ("initial_c", d_c[0])):  # eq. 5
        layer = getattr(decoder, name)
        d_z = d_state * tanh_slope(ops.matmul(video["memory_mean"], layer.kernel) + layer.bias)[:, None]
        d_mean = ops.tensordot(d_z, ops.transpose(layer.kernel), 1) / frames[:, None, None]
        slopes = slopes + d_mean[:, :, None]
        first_bias = ops.tensordot(d_z, layer.bias, 1)
        initial, bias = initial + ops.sum(d_state * named[name][:, None], axis=-1) - first_bias, bias + first_bias
    scores = ops.take_along_axis(named["logits"], words[:, :, None], axis=-1)[:, :, 0]
    if against is not None:
        scores = scores - ops.matmul(named["logits"], against[:, None])[:, :, 0]
    found = {"scores": scores, "previous": previous, "alpha": named["alpha"], "initial": initial}
    return found | {"decoder_bias": bias}, slopes
