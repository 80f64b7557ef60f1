"""Writing captions: beam search for a whole batch, as one graph.

A caption's score is its whole log-probability, the end-of-sentence word included: a caption that reaches ``max_words``
must end there, and pays for it. PAD, BOS and UNK are never written.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from topiclens.trainer.edits import Edit, check_steps
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import BOS, EOS, PAD, UNK

_NEVER = float("-inf")


def beam_search(
    model: keras.Model, frames: Tensor, beam: int = 5, max_words: int = 20, length_penalty: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Searches for the likeliest caption, keeping ``beam`` unfinished ones in play.

    At each step the ``beam`` best continuations are chosen among all. Those that end leave the beam, and the best one
    ever finished is kept apart, so that it can neither be pushed out nor hold a place. A video's search is over when
    nothing unfinished can overtake its best finished caption.

    Args:
        frames: (videos, time, feature_dim), padded with zero rows.
        beam: unfinished captions in play for each video; 1 is greedy, the likeliest word at every step.
        length_penalty: ranks finished captions by log_prob / (words + 1) ** length_penalty; 0 by log_prob alone.
    Returns:
        words (videos, max_words) int32, PAD after the last one, no EOS; log_prob (videos,) of the caption with its EOS.
    """
    return search(model, model.encode(frames), beam, max_words, length_penalty)


def search(
    model: keras.Model,
    video: dict[str, Tensor],
    beam: int = 5,
    max_words: int = 20,
    length_penalty: float = 0.0,
    edits: Sequence[Edit] = (),
) -> tuple[Tensor, Tensor]:
    """`beam_search` in encoded videos (``model.encode``), under edits of the decoder's activations."""
    check_steps(edits, max_words + 1)
    decoder = model.decoder
    memory, mask = video["memory"], video["mask"]
    keys = decoder.attention.project(memory)
    videos = ops.shape(memory)[0]
    vocabulary_size = decoder.vocabulary_size
    forbidden, only_the_end = _word_rules(vocabulary_size)

    def rank(log_prob: Tensor, n_words: Tensor) -> Tensor:
        return log_prob / ops.cast(n_words + 1, log_prob.dtype) ** length_penalty

    def running(*loop: Tensor) -> Tensor:
        log_prob, best_rank = loop[3], loop[6]
        # A log-probability only falls, and is forgiven most at the greatest length: the best that can still come.
        can_come = rank(ops.max(log_prob, axis=1), ops.convert_to_tensor(max_words))
        return ops.any(can_come > best_rank)

    def extend(step: Tensor, state: Tensor, *found: Tensor) -> tuple[Tensor, ...]:
        words, log_prob, best_words, best_log_prob, best_rank = found
        last = ops.where(step == 0, BOS, ops.take(words, ops.maximum(step - 1, 0), axis=2))
        now = decoder.step(last, state, memory, mask, keys, edits, step)
        rules = ops.where(step == max_words, only_the_end, forbidden)
        candidates = log_prob[:, :, None] + ops.log_softmax(now["logits"], axis=-1) + rules
        scores, places = ops.top_k(ops.reshape(candidates, (videos, beam * vocabulary_size)), beam)
        parents, next_words = places // vocabulary_size, places % vocabulary_size

        # The best of those that end here against the best that has ended before.
        ended = ops.where(next_words == EOS, scores, _NEVER)
        winner = ops.argmax(ended, axis=1)[:, None]
        ended_log_prob = ops.take_along_axis(ended, winner, axis=1)
        ended_rank = rank(ended_log_prob, step)[:, 0]
        ended_words = _of_beam(words, ops.take_along_axis(parents, winner, axis=1))[:, 0]
        better = ended_rank > best_rank
        best_words = ops.where(better[:, None], ended_words, best_words)
        best_log_prob = ops.where(better, ended_log_prob[:, 0], best_log_prob)
        best_rank = ops.where(better, ended_rank, best_rank)

        # The rest go on.
        state = tuple(_of_beam(now[name], parents) for name in decoder.state)
        here = ops.arange(max_words) == step
        words = ops.where(here, next_words[:, :, None], _of_beam(words, parents))
        log_prob = ops.where(next_words == EOS, _NEVER, scores)
        return step + 1, state, words, log_prob, best_words, best_log_prob, best_rank

    initial = decoder.initial_state(video["memory_mean"], edits)
    state = tuple(ops.repeat(part[:, None], beam, axis=1) for part in initial)
    nothing = ops.zeros((videos, beam, max_words), dtype="int32")
    # All beams begin alike, so only one may begin: the others would be the same caption again.
    alone = ops.where(ops.arange(beam) == 0, 0.0, _NEVER) + ops.zeros((videos, 1))
    never = ops.full((videos,), _NEVER)
    *_, best_words, best_log_prob, _ = ops.while_loop(
        running,
        extend,
        (ops.convert_to_tensor(0), state, nothing, alone, nothing[:, 0], never, never),
        maximum_iterations=max_words + 1,
    )
    return best_words, best_log_prob


def with_end(words: Tensor) -> Tensor:
    """Captions (videos, steps) int, PAD after the last word, each with an EOS behind it: (videos, steps + 1)."""
    n_words = ops.sum(ops.cast(ops.not_equal(words, PAD), "int32"), axis=1, keepdims=True)
    longer = ops.pad(words, ((0, 0), (0, 1)), constant_values=PAD)
    return ops.where(ops.equal(ops.arange(ops.shape(longer)[1]), n_words), EOS, longer)


def _of_beam(values: Tensor, parents: Tensor) -> Tensor:
    """The rows ``parents`` (videos, n) of ``values`` (videos, beam, ...), in each video."""
    return ops.take_along_axis(values, parents[:, :, None], axis=1)


def _word_rules(vocabulary_size: int) -> tuple[Tensor, Tensor]:
    """What to add to the log-probabilities: words never written, and the one word allowed at the end."""
    forbidden = np.zeros(vocabulary_size, "float32")
    forbidden[[PAD, BOS, UNK]] = _NEVER
    only_the_end = np.full(vocabulary_size, _NEVER, "float32")
    only_the_end[EOS] = 0.0
    return ops.convert_to_tensor(forbidden), ops.convert_to_tensor(only_the_end)
