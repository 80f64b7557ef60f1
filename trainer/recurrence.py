"""The decoder's recurrence over captions that are known ('teacher forcing'), with its gradient written out.

It computes what ``CaptionDecoder.step`` computes, several times faster: all that does not depend on a state is done
once for all words, before the loop or, in the gradient, after it. An automatic gradient makes a product and a sum the
size of every weight at each step; here there is one large product a weight.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from topiclens.trainer.lstm import Gates, lstm_step, lstm_step_gradient, transposed
from topiclens.trainer.tensor import Tensor

# oneDNN makes a kernel for every new shape, which takes about as long as the product itself, and keeps a limited number
# of them. Rounding a step's rows up leaves so few shapes that each kernel is made once.
ROWS_MULTIPLE = 8


class Packing:
    """Where the words of captions lie when they are packed, so that next to nothing is computed for padding.

    With the longest caption first, the captions that still run at a step are the first ones. The packed rows are those
    of step 0, then of step 1 and so on; each step's are rounded up to a multiple of 8 by captions that have ended.

    Args:
        targets: (captions, steps) int, the word to predict at each step and then PAD, 0; the longest caption first.

    Attributes:
        rows: a slice of the packed rows for each step; row i of it is of caption i.
        place: (words,) int, where each packed word is found in ``targets`` read column by column.
        caption: (words,) int, the caption that each packed word is of.
    """

    def __init__(self, targets: Tensor) -> None:
        captions, steps = ops.shape(targets)
        if not isinstance(steps, int):
            raise ValueError(
                f"The words of a batch have shape {targets.shape}; expected a known number of steps, because the "
                "recurrence is unrolled. Pad every batch to one length and say so in the data set's element_spec: "
                "a step that no caption of the batch reaches costs next to nothing."
            )
        self.captions, self.steps = captions, steps
        if keras.backend.backend() == "tensorflow":
            running = ops.sum(ops.cast(ops.not_equal(targets, 0), "int32"), axis=0)
            running = ops.minimum(-(-running // ROWS_MULTIPLE) * ROWS_MULTIPLE, captions)
            ends = ops.unstack(ops.cumsum(running), steps)
            running = ops.arange(captions)[:, None] < running
            self.place = ops.cast(ops.nonzero(ops.reshape(ops.transpose(running), (-1,)))[0], "int32")
        else:
            # Other backends compile for fixed sizes: there every caption runs to the last step.
            ends = [captions * (t + 1) for t in range(steps)]
            self.place = ops.arange(captions * steps, dtype="int32")
        self.rows = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends)]
        self.caption = ops.mod(self.place, captions)

    def pack(self, values: Tensor) -> Tensor:
        """(captions, steps) to (words,)."""
        return ops.take(ops.reshape(ops.transpose(values), (-1,)), self.place)

    def pack_rows(self, values: Tensor) -> Tensor:
        """(captions, steps, n) to (words, n)."""
        return ops.take(ops.reshape(ops.transpose(values, (1, 0, 2)), (-1, values.shape[-1])), self.place, axis=0)

    def unpack(self, values: Tensor) -> Tensor:
        """(words, n) to (captions, steps, n), zero at padding."""
        flat = ops.segment_sum(values, self.place, self.captions * self.steps)
        return ops.transpose(ops.reshape(flat, (self.steps, self.captions, -1)), (1, 0, 2))


def each_once(words: Tensor, vocabulary_size: int) -> tuple[Tensor, Tensor]:
    """The words that occur, each once, and where each of ``words`` (n,) int is among them: (kinds,) and (n,) int.

    A batch of captions repeats most of its words: what depends on a word alone is computed once for each.
    """
    if keras.backend.backend() != "tensorflow":
        return words, ops.arange(ops.shape(words)[0])  # the number of kinds would not be fixed
    occurs = ops.cast(ops.bincount(words, minlength=vocabulary_size) > 0, "int32")
    return ops.cast(ops.nonzero(occurs)[0], "int32"), ops.take(ops.cumsum(occurs) - 1, words)


class _Step(NamedTuple):
    """What the gradient needs of a step; n captions run at it."""

    x: Tensor  # (n, memory_dim + units), [context_t, h_{t-1}]
    comparison: Tensor  # (n, time, attention_units), tanh(U_a h_{t-1} + T_a v_i + b_a)
    alpha: Tensor  # (n, time)
    gates: Gates


def attend_and_recur(
    packing: Packing,
    inputs: Tensor,
    h: Tensor,
    c: Tensor,
    memory: Tensor,
    keys: Tensor,
    bias: Tensor,
    video_index: Tensor,
    weights: tuple[Tensor, ...],
    due: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The states and contexts of all words of all captions (eq. 3-4 and the LSTM).

    Args:
        packing: the Packing of the captions.
        inputs: (words, 4 * units), the part of the LSTM's gates from the words that are read and the bias; packed.
        h, c: (captions, units), the initial state.
        memory: (videos, time, memory_dim), what is attended to.
        keys: (videos, time, attention_units), ``attention.project(memory)``.
        bias: (videos, time), ``padding_bias``; it gets no gradient.
        video_index: (captions,) int, the row of the videos that a caption is of.
        weights: U_a (units, attention_units); w_a (attention_units, 1); the LSTM's kernel for the context
            (memory_dim, 4 * units) and its recurrent kernel (units, 4 * units).
        due: (captions, steps, memory_dim), what the contexts are multiplied by; it gets no gradient.
    Returns:
        (words, units + memory_dim), [h_t, context_t], packed.
    """
    units, memory_dim = h.shape[-1], memory.shape[-1]
    due = None if due is None else packing.pack_rows(due)
    bias = ops.take(bias, video_index, axis=0)

    def to_videos(values: Tensor) -> Tensor:
        """The sum of the rows (n, ...) of the first n captions over each video: (videos, ...)."""
        return ops.segment_sum(values, video_index[: ops.shape(values)[0]], ops.shape(memory)[0])

    @ops.custom_gradient
    def recurrence(
        inputs: Tensor,
        h: Tensor,
        c: Tensor,
        memory: Tensor,
        keys: Tensor,
        state_projection: Tensor,
        score: Tensor,
        context_kernel: Tensor,
        recurrent_kernel: Tensor,
    ) -> tuple[Tensor, Tensor]:
        state_kernel = ops.concatenate([context_kernel, recurrent_kernel], axis=0)
        memory, keys = ops.take(memory, video_index, axis=0), ops.take(keys, video_index, axis=0)
        steps, outputs = [], []
        for rows in packing.rows:
            n = rows.stop - rows.start
            h_before = h[:n]
            queries = ops.matmul(h_before, state_projection)
            comparison = ops.tanh(keys[:n] + queries[:, None, :])
            scores = ops.matmul(ops.reshape(comparison, (-1, comparison.shape[-1])), score)
            alpha = ops.softmax(ops.reshape(scores, (n, -1)) + bias[:n], axis=-1)
            context = ops.squeeze(ops.matmul(alpha[:, None, :], memory[:n]), axis=1)
            context = context if due is None else due[rows] * context
            x = ops.concatenate([context, h_before], axis=-1)
            h, c, gates = lstm_step(inputs[rows] + ops.matmul(x, state_kernel), c[:n])
            steps.append(_Step(x, comparison, alpha, gates))
            outputs.append(ops.concatenate([h, context], axis=-1))

        def gradient(*args: Any, upstream: Tensor = None) -> tuple[Tensor, ...]:
            (d_outputs,) = args if upstream is None else (upstream,)
            state_kernel_t, state_projection_t = transposed(state_kernel), transposed(state_projection)
            d_h, d_c = d_outputs[:0, :units], d_outputs[:0, :units]
            d_keys, d_score = 0.0, 0.0
            d_gates, d_queries, d_contexts = [], [], []
            for rows, step in zip(reversed(packing.rows), reversed(steps)):
                n = rows.stop - rows.start
                d_output = d_outputs[rows]
                d_z, d_c = lstm_step_gradient(step.gates, _grow(d_h, n) + d_output[:, :units], _grow(d_c, n))
                d_x = ops.matmul(d_z, state_kernel_t)
                d_context = d_x[:, :memory_dim] + d_output[:, units:]
                d_context = d_context if due is None else due[rows] * d_context
                d_alpha = ops.squeeze(ops.matmul(d_context[:, None, :], ops.transpose(memory[:n], (0, 2, 1))), axis=1)
                d_scores = step.alpha * (d_alpha - ops.sum(step.alpha * d_alpha, axis=-1, keepdims=True))
                d_score += ops.matmul(
                    ops.transpose(ops.reshape(step.comparison, (-1, step.comparison.shape[-1]))),
                    ops.reshape(d_scores, (-1, 1)),
                )
                # The derivative of tanh is 1 - tanh^2; this is what the tanh^2 takes off (times w_a, below).
                taken_off = d_scores[:, :, None] * step.comparison * step.comparison
                d_keys += to_videos(d_scores)[:, :, None] - to_videos(taken_off)
                # A step's d_scores sum to 0 over time, because softmax ignores a shift: the 1 leaves nothing here.
                d_query = -ops.sum(taken_off, axis=1) * score[:, 0]
                d_h = d_x[:, memory_dim:] + ops.matmul(d_query, state_projection_t)
                d_gates.append(d_z)
                d_queries.append(d_query)
                d_contexts.append(d_context)

            x = ops.concatenate([step.x for step in steps])
            alpha = packing.unpack(ops.concatenate([step.alpha for step in steps]))
            d_gates, d_queries, d_contexts = (ops.concatenate(part[::-1]) for part in (d_gates, d_queries, d_contexts))
            d_state_kernel = ops.matmul(ops.transpose(x), d_gates)
            return (
                d_gates,
                _grow(d_h, packing.captions),
                _grow(d_c, packing.captions),
                to_videos(ops.matmul(ops.transpose(alpha, (0, 2, 1)), packing.unpack(d_contexts))),
                d_keys * score[:, 0],
                ops.matmul(ops.transpose(x[:, memory_dim:]), d_queries),
                d_score,
                d_state_kernel[:memory_dim],
                d_state_kernel[memory_dim:],
            )

        return ops.concatenate(outputs), gradient

    # A custom gradient wants tensors; a reshape makes one of a variable without copying it.
    return recurrence(inputs, h, c, memory, keys, *(ops.reshape(weight, weight.shape) for weight in weights))


def _grow(values: Tensor, n: Tensor) -> Tensor:
    """Appends zero rows up to ``n``: at the step before, further captions run."""
    missing = n - ops.shape(values)[0]
    return ops.concatenate([values, ops.zeros((missing, *values.shape[1:]), values.dtype)])
