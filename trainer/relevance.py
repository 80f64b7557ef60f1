"""Layer-wise relevance propagation through the captioner (Arras et al. 2017; Anders et al. 2019).

A word's score is its logit. It is divided among what it was made of: the frames, the words read before, and the biases.
Where a gate multiplies a signal, the signal takes all the relevance and the gate none; so it is with the weights of the
attention. tanh hands its relevance on unchanged, and a sum or a linear layer divides it by the epsilon rule. For
epsilon -> 0 that is the same as input times gradient of the model in which gates and attention are held fast and
tanh(z) is z times the constant tanh(z) / z: everything that is left is linear, so nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.lstm import lstm_signal_step, tanh_slope
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import BOS, PAD

# (captioner, frames, words) -> relevance, as `propagate_relevance`.
Propagate = Callable[[Captioner, Tensor, Tensor], dict[str, tf.Tensor]]


def propagate_relevance(model: Captioner, frames: Tensor, words: Tensor) -> dict[str, tf.Tensor]:
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
    found, by_word = _propagate(model, frames, words)
    return {name: by_word(rows) for name, rows in found.items()}


def with_relevance(model: Captioner, frames: Tensor, explained: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """What `endpoints.explained_beam_search` found in these frames, and why each word was written.

    Returns:
        The same, and of each word that was written, zeros at others: ``logits`` (videos, max_words), which relevance
        divides; ``frame_relevance`` (videos, max_words, time); ``neuron_relevance`` (videos, max_words, neurons), over
        all frames; ``word_relevance`` (videos, max_words, max_words), of the words that were read, the beginning of the
        sentence first.
    """
    found, by_word = _propagate(model, frames, explained["words"])
    wanted = {
        "logits": found["scores"],
        "frame_relevance": tf.reduce_sum(found["features"], 2),
        "neuron_relevance": tf.reduce_sum(found["neurons"], 1),
        "word_relevance": found["previous"],
    }
    return explained | {name: by_word(rows) for name, rows in wanted.items()}


def traced_propagation(model: Captioner) -> Propagate:
    """`propagate_relevance` as one graph for clips and captions of any length: it takes seconds to make, and then
    answers several times as fast."""
    clips, captions = tf.TensorSpec([None, None, model.config.feature_dim]), tf.TensorSpec([None, None], tf.int32)
    graph = tf.function(
        lambda frames, words: propagate_relevance(model, frames, words), [clips, captions], autograph=False
    )
    return lambda _, frames, words: graph(frames, words)


def _propagate(model: Captioner, frames: Tensor, words: Tensor) -> tuple[dict[str, Tensor], Callable[[Tensor], Tensor]]:
    """What `propagate_relevance` returns with a row for each word alone, and a function that puts rows where the words
    are: (rows, ...) to (videos, steps, ...)."""
    places = tf.where(ops.not_equal(words, PAD))
    video, place = places[:, 0], places[:, 1]
    clips = tf.gather(frames, video)
    with tf.GradientTape() as tape:
        tape.watch(clips)
        encoded = model.encoder(clips, linearised=True)
        memory = encoded["memory"]
    found, slopes = _through_decoder(model.decoder, memory, encoded["mask"], tf.gather(words, video), place)
    of_memory = memory * slopes
    found["neurons"] = of_memory[:, :, : model.encoder.n_neurons]
    found["features"] = clips * tape.gradient(memory, clips, slopes)
    found["encoder_bias"] = tf.reduce_sum(of_memory, (1, 2)) - tf.reduce_sum(found["features"], (1, 2))

    def by_word(rows: Tensor) -> Tensor:
        shape = tf.concat([tf.shape(words, tf.int64), tf.shape(rows, tf.int64)[1:]], 0)
        return tf.scatter_nd(places, rows, shape)

    return found, by_word


def _through_decoder(
    decoder: keras.layers.Layer, memory: Tensor, mask: Tensor, captions: Tensor, place: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """From the score of one word of each caption, the one at `place` (rows,), to the memory.

    Returns:
        ``scores``, ``previous``, ``alpha``, ``initial`` and ``decoder_bias`` as above, a row a word; and the gradient
        of the scores by the memory.
    """
    read_before = ops.concatenate([ops.full_like(captions[:, :1], BOS), captions[:, :-1]], axis=1)
    y = ops.transpose(decoder.embedding(read_before), (1, 0, 2))  # (steps, rows, embedding_units)
    # Biases are the weights of inputs that are 1; those that make the first state are told apart.
    one, first_one = ops.ones_like(memory[:, 0, :1]), ops.ones_like(memory[:, 0, :1])
    real = ops.cast(mask, memory.dtype)[:, :, None]
    keys, cell, chosen = decoder.attention.project(memory), decoder.cell, tf.gather(captions, place, batch_dims=1)

    def read(step: Tensor, h: Tensor, c: Tensor, readout: Tensor, alpha: Tensor) -> tuple[Tensor, ...]:
        _, looks = decoder.attention(h[:, None], memory, mask, keys)
        looks = ops.stop_gradient(looks[:, 0])
        context = ops.squeeze(ops.matmul(looks[:, None], memory), axis=1)  # eq. 3
        inputs = ops.concatenate([y[step], context, h], axis=-1)
        h, c, _ = lstm_signal_step(ops.matmul(inputs, kernel) + one * cell.bias, c)
        here = ops.equal(place, ops.cast(step, place.dtype))[:, None]
        readout = ops.where(here, ops.concatenate([h, context, y[step]], axis=-1), readout)
        return step + 1, h, c, readout, ops.where(here, looks, alpha)

    with tf.GradientTape() as tape:
        tape.watch([memory, y, one, first_one])
        kernel = ops.concatenate([cell.kernel, cell.recurrent_kernel], axis=0)
        mean = ops.sum(memory, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)
        h, c = first = [  # eq. 5
            z * tanh_slope(z)
            for layer in (decoder.initial_h, decoder.initial_c)
            for z in [ops.matmul(mean, layer.kernel) + first_one * layer.bias]
        ]
        readout = ops.zeros((ops.shape(memory)[0], decoder.readout.kernel.shape[0]), memory.dtype)
        *_, readout, alpha = ops.while_loop(
            lambda step, *_: step < ops.shape(captions)[1],
            read,
            (ops.convert_to_tensor(0), h, c, readout, ops.zeros_like(memory[:, :, 0])),
        )
        columns = ops.take(ops.transpose(decoder.readout.kernel), chosen, axis=0)
        scores = ops.sum(readout * columns, axis=-1) + one[:, 0] * ops.take(decoder.readout.bias, chosen)  # eq. 6
    sources = {"memory": memory, "y": y, "one": one, "first_one": first_one, "first": first}
    slopes = tape.gradient(scores, sources, unconnected_gradients="zero")
    biases, first_biases = slopes["one"][:, 0], slopes["first_one"][:, 0]
    initial = tf.add_n([tf.reduce_sum(part * slope, 1) for part, slope in zip(first, slopes["first"])]) - first_biases
    previous = ops.transpose(ops.sum(y * slopes["y"], axis=-1))
    found = {"scores": scores, "previous": previous, "alpha": alpha, "initial": initial}
    return found | {"decoder_bias": biases + first_biases}, slopes["memory"]
