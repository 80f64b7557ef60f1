"""A captioner on many edited videos: thousands of runs, a few graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from topiclens.components.captions.generate import pad_videos
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.edits import Edit
from topiclens.trainer.losses import log_prob_of
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import PAD

ROWS = 128  # runs that pass the decoder together
_MOST_LOGITS = 2**25  # at once: 128 MiB
_NEVER = -1e9  # the log-probability of what does not count; finite, so that sums and slopes stay numbers


class BatchedCaptioner:
    """What a captioner reads and writes under edits, in batches.

    Every method takes a video for each run; a video of many runs is encoded once a batch. The edits have a row for each
    run, or one row for all. Known captions are `words` (runs, steps) int, PAD after the end; EOS is a word like any
    other. `max_words`, `beam` and `length_penalty` are those of `topiclens.trainer.decoding.beam_search`.
    """

    def __init__(self, captioner: Captioner, max_words: int = 20, beam: int = 1, length_penalty: float = 0.0):
        self.captioner = captioner
        self._decoding: dict[str, Any] = {"beam": beam, "max_words": max_words, "length_penalty": length_penalty}
        self._graphs: dict[tuple, Callable] = {}

    def scores(
        self, videos: Sequence[VideoRecord], words: np.ndarray, weights: np.ndarray, edits: Sequence[Edit] = ()
    ) -> np.ndarray:
        """sum_t weight_t log p(w_t | w_1 .. w_t-1, v): (runs,). The weights (runs, steps) are 0 at PAD."""
        return self._in_batches(self._score, videos, edits, words, weights)

    def slopes(self, videos: Sequence[VideoRecord], words: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Gradient times input of each neuron, sum_i v_ij d score / d v_ij over the frames i: (runs, neurons).

        To first order, this is how far the score of `scores` falls when neuron j is deleted.
        """
        return self._in_batches(self._slope, videos, (), words, weights)

    def expected(
        self, videos: Sequence[VideoRecord], words: np.ndarray, wanted: np.ndarray, edits: Sequence[Edit] = ()
    ) -> np.ndarray:
        """log sum_t sum_w p(w | w_1 .. w_t-1, v) over the steps t and the wanted words w: (runs,).

        It is the log of how many wanted words the model expects along the caption. `wanted` (runs, vocabulary_size) is
        1 at wanted words, at least one, and 0 at others.
        """
        return self._in_batches(self._expect, videos, edits, words, wanted)

    def write(self, videos: Sequence[VideoRecord], edits: Sequence[Edit] = ()) -> np.ndarray:
        """Captions: (runs, max_words) int, PAD after the last word."""
        return self._in_batches(self._write, videos, edits)

    def topic_scores(self, videos: Sequence[VideoRecord], edits: Sequence[Edit] = ()) -> np.ndarray:
        """f(mean v), near 1 where a topic is seen: (runs, n_topics); without meaning of a captioner that never learnt
        f (LSTM-B)."""
        return self._in_batches(self._topics, videos, edits)

    def _score(self, run: dict, words: Tensor, weights: Tensor) -> Tensor:
        logits = self.captioner.run(**run, words=words, record=("decoder.logits",))["decoder.logits"]
        log_probs = log_prob_of(ops.reshape(words, (-1,)), ops.reshape(logits, (-1, logits.shape[-1])))
        return ops.sum(weights[:, : ops.shape(words)[1]] * ops.reshape(log_probs, ops.shape(words)), axis=1)

    def _slope(self, run: dict, words: Tensor, weights: Tensor) -> Tensor:
        import tensorflow as tf

        keep = ops.ones((ops.shape(words)[0], 1, self.captioner.encoder.n_neurons))
        with tf.GradientTape() as tape:
            tape.watch(keep)
            score = self._score({**run, "edits": [Edit("encoder.v", scale=keep)]}, words, weights)
        return ops.squeeze(tape.gradient(score, keep), axis=1)

    def _expect(self, run: dict, words: Tensor, wanted: Tensor) -> Tensor:
        logits = self.captioner.run(**run, words=words, record=("decoder.logits",))["decoder.logits"]
        told = ops.logsumexp(ops.log_softmax(logits) + _NEVER * (1 - wanted)[:, None], axis=2)
        return ops.logsumexp(ops.where(ops.equal(words, PAD), _NEVER, told), axis=1)

    def _write(self, run: dict) -> Tensor:
        return self.captioner.run(**run, **self._decoding)["words"]

    def _topics(self, run: dict) -> Tensor:
        # No caption is needed: one PAD is read.
        words = ops.zeros((ops.shape(run["video_index"])[0], 1), "int32")
        scores = self.captioner.run(**run, words=words, record=("topics.scores",))["topics.scores"]
        return self.captioner.topic_perceptron.seen(scores)

    def _in_batches(
        self,
        answer: Callable,
        videos: Sequence[VideoRecord],
        edits: Sequence[Edit],
        *known: np.ndarray,
    ) -> np.ndarray:
        """Answers for all runs, in their order; short captions are read with short ones.

        `known`: captions and what is asked of each, (runs, ...); nothing where none are read.
        """
        changes = [_Changes(edit, len(videos)) for edit in edits]
        graph = self._graph(answer, changes, bool(known))
        place_of = {id(video): place for place, video in enumerate(videos)}
        video = np.array([place_of[id(video)] for video in videos])
        lengths = np.count_nonzero(known[0] != PAD, axis=1) if known else np.zeros(len(videos), int)
        order = np.argsort(lengths, kind="stable")
        answers, start = [], 0
        while start < len(order):
            rows = order[start : start + ROWS]
            if known:  # the logits of all steps are held at once
                longest = max(lengths[rows[-1]], 1)
                rows = rows[: max(_MOST_LOGITS // (longest * self.captioner.config.vocabulary_size), 1)]
            start += len(rows)
            places, index = np.unique(video[rows], return_inverse=True)
            inputs = [pad_videos([videos[place] for place in places]), index, [change.of(rows) for change in changes]]
            if known:
                words, more = known
                inputs += [words[rows, : max(lengths[rows])], more[rows]]
            answers.append(graph(*inputs).numpy())
        return np.concatenate(answers)[np.argsort(order)]

    def _graph(self, answer: Callable, changes: Sequence[_Changes], reads: bool) -> Callable:
        """One graph for all runs whose edits differ in numbers alone."""
        import tensorflow as tf

        key = answer.__name__, tuple(change.key for change in changes)
        if key not in self._graphs:
            known = [tf.TensorSpec([None, None], dtype) for dtype in (tf.int32, tf.float32)]
            signature = [
                tf.TensorSpec([None, None, self.captioner.config.feature_dim], tf.float32),
                tf.TensorSpec([None], tf.int32),
                [change.specs() for change in changes],
                *(known if reads else []),
            ]

            def run(frames: Tensor, video_index: Tensor, arrays: Sequence[dict], *more: Tensor) -> Tensor:
                edits = [Edit(change.name, **values) for change, values in zip(changes, arrays)]
                return answer({"frames": frames, "video_index": video_index, "edits": edits}, *more)

            self._graphs[key] = tf.function(run, input_signature=signature, autograph=False)
        return self._graphs[key]


class _Changes:
    """The numbers of an edit; a batch takes its rows."""

    def __init__(self, edit: Edit, runs: int):
        self.name = edit.name
        self._arrays = {
            name: np.asarray(value, bool if name == "at" else np.float32)
            for name in ("scale", "add", "set", "at")
            if (value := getattr(edit, name)) is not None
        }
        for name, array in self._arrays.items():
            if array.ndim < 2 or len(array) not in (1, runs):
                raise ValueError(
                    f"The {name} of an edit of {edit.name} has shape {array.shape}; expected a row for each of {runs} "
                    "runs, or one row for all."
                )
        # The rows vary from batch to batch, and the steps or frames may; what is 1 is broadcast.
        shapes = {
            name: (None, *(size if size == 1 else None for size in array.shape[1:-1]), array.shape[-1])
            for name, array in self._arrays.items()
        }
        self.key = self.name, tuple(shapes.items())

    def specs(self) -> dict:
        import tensorflow as tf

        return {name: tf.TensorSpec(shape, self._arrays[name].dtype) for name, shape in self.key[1]}

    def of(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: array if len(array) == 1 else array[rows] for name, array in self._arrays.items()}
