"""What a captioner does as it writes: where each word looks, which topics it sees, what its neurons say."""

from keras import ops

from trainer import decoding
from trainer.vocabulary import BOS, PAD


def explained_beam_search(model, frames, beam=5, max_words=20, length_penalty=0.0):
    """Captions of videos, with what the model did to write them.

    Args:
        model: a Captioner.
        frames: (videos, time, feature_dim), padded with zero rows.
        beam, max_words, length_penalty: see `decoding.beam_search`.
    Returns:
        A dictionary of ``words`` (videos, max_words) int32, PAD after the last one; ``log_prob`` (videos,);
        ``attention`` (videos, max_words, time), see `attention_of`; ``activations`` (videos, time, neurons), v, zero at
        padding; and ``topic_scores`` (videos, n_topics), f(mean v), unless the model never learnt f (LSTM-B).
    """
    words, log_prob = decoding.beam_search(model, frames, beam, max_words, length_penalty)
    video = model.encode(frames)
    explained = {
        "words": words,
        "log_prob": log_prob,
        "attention": attention_of(model, video, words),
        "activations": video["v"],
    }
    if model.config.interpretive_weight:
        explained["topic_scores"] = model.topic_perceptron(video["mean"])
    return explained


def attention_of(model, video, words):
    """The attention (eq. 4) of the decoder as it writes known captions.

    Args:
        model: a Captioner.
        video: what ``model.encode`` gives.
        words: (videos, max_words) int, PAD after the last one.
    Returns:
        (videos, max_words, time): a word's row sums to 1 over the real frames; rows of PAD and padded frames are 0.
    """
    decoder, memory, mask = model.decoder, video["memory"], video["mask"]
    keys = decoder.attention.project(memory)
    max_words = words.shape[1]
    read_before = ops.concatenate([ops.full_like(words[:, :1], BOS), words[:, :-1]], axis=1)

    def read(step, state, attention):
        _, state, named = decoder.step(ops.take(read_before, step, axis=1)[:, None], state, memory, mask, keys)
        now = ops.equal(ops.arange(max_words), step)[None, :, None]
        return step + 1, state, ops.where(now, named["alpha"], attention)

    written = ops.logical_and(ops.not_equal(words, PAD)[:, :, None], mask[:, None, :])
    nothing = ops.zeros_like(ops.cast(written, memory.dtype))
    state = tuple(part[:, None] for part in decoder.initial_state(video["memory_mean"]))
    start = (ops.convert_to_tensor(0), state, nothing)
    *_, attention = ops.while_loop(lambda step, *_: step < max_words, read, start, maximum_iterations=max_words)
    return ops.where(written, attention, 0.0)
