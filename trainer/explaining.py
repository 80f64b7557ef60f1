"""What a captioner does as it writes: where each word looks, which topics it sees, what its neurons say."""

from keras import ops

from topiclens.trainer import decoding
from topiclens.trainer.vocabulary import BOS, PAD


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
    video = model.encode(frames)
    words, log_prob = decoding.search(model, video, beam, max_words, length_penalty)
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
    alpha = follow(model, video, words, lambda step, logits, named: named["alpha"][:, 0], ops.shape(video["mask"])[1])
    written = ops.logical_and(ops.not_equal(words, PAD)[:, :, None], video["mask"][:, None, :])
    return ops.where(written, alpha, 0.0)


def follow(model, video, words, tell, width):
    """What there is to tell of each step of the decoder as it writes known captions ('teacher forcing').

    Args:
        model: a Captioner.
        video: what ``model.encode`` gives.
        words: (videos, steps) int, PAD after the last one.
        tell: from a step, its logits (videos, vocabulary_size) before a word is chosen, and its named activations (see
            `CaptionDecoder.step`) to (videos, width) float.
    Returns:
        (videos, steps, width); what is told where nothing but PAD is written means nothing.
    """
    decoder, memory, mask = model.decoder, video["memory"], video["mask"]
    keys = decoder.attention.project(memory)
    videos, steps = ops.shape(words)
    read_before = ops.concatenate([ops.full_like(words[:, :1], BOS), words[:, :-1]], axis=1)

    def read(step, state, told):
        logits, state, named = decoder.step(ops.take(read_before, step, axis=1)[:, None], state, memory, mask, keys)
        now = ops.equal(ops.arange(steps), step)[None, :, None]
        return step + 1, state, ops.where(now, tell(step, logits[:, 0], named)[:, None], told)

    state = tuple(part[:, None] for part in decoder.initial_state(video["memory_mean"]))
    start = (ops.convert_to_tensor(0), state, ops.zeros((videos, steps, width), dtype=memory.dtype))
    *_, told = ops.while_loop(lambda step, *_: step < steps, read, start, maximum_iterations=steps)
    return told
