"""A captioner that reads and writes captions while its neurons are changed: thousands of changes, a few graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from topiclens.components.captions.generate import pad
from topiclens.components.neurons.enhancement import enhanced
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.decoding import search
from topiclens.trainer.encoder import with_neurons
from topiclens.trainer.explaining import follow
from topiclens.trainer.vocabulary import PAD

ROWS = 128  # changed videos that pass the decoder together
_NEVER = -1e9  # the log-probability of what does not count; finite, so that sums and slopes stay numbers


@dataclass(frozen=True, eq=False)
class Edits:
    """Changes of neurons. Row r is a video whose decoder sees keep_r * v + added_r at every real frame.

    Attributes:
        videos: those that are changed, in any number of ways each.
        video: (rows,) int, the place in `videos`.
        keep: (rows, neurons) float32; 1 leaves a neuron alone, 0 takes it out.
        added: (rows, neurons) float32; 0 adds nothing.
    """

    videos: Sequence[VideoRecord]
    video: np.ndarray
    keep: np.ndarray
    added: np.ndarray

    @classmethod
    def of(
        cls,
        videos: Sequence[VideoRecord],
        video: np.ndarray,
        n_neurons: int,
        *,
        keep: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> Edits:
        """Changes of which only some are said: by default every neuron is left alone."""
        shape = len(video), n_neurons
        keep = np.ones(shape, np.float32) if keep is None else np.asarray(keep, np.float32)
        added = np.zeros(shape, np.float32) if added is None else np.asarray(added, np.float32)
        for name, values in (("keep", keep), ("added", added)):
            if values.shape != shape:
                raise ValueError(f"`{name}` has shape {values.shape}; expected {shape}: (rows, neurons).")
        return cls(videos, np.asarray(video, np.int32), keep, added)


class EditedCaptioner:
    """What a captioner reads and writes under edits.

    Args:
        captioner: a `topiclens.trainer.captioner.Captioner` on TensorFlow, trained with topics or without.
        max_words, beam, length_penalty: how it writes them, see `topiclens.trainer.decoding.beam_search`; beam 1 is
            greedy.
    """

    def __init__(self, captioner, max_words: int = 20, beam: int = 1, length_penalty: float = 0.0):
        import tensorflow as tf

        self.captioner = captioner
        self.n_neurons = captioner.encoder.n_neurons
        self._decoding = {"beam": beam, "max_words": max_words, "length_penalty": length_penalty}
        numbers = tf.TensorSpec([None, None], tf.float32)
        frames = tf.TensorSpec([None, None, captioner.config.feature_dim], tf.float32)
        edit, words = (frames, tf.TensorSpec([None], tf.int32), numbers, numbers), tf.TensorSpec([None, None], tf.int32)

        def graph(function: Callable, *more: tf.TensorSpec) -> Callable:
            return tf.function(function, input_signature=[*edit, *more], autograph=False)

        self._score_graph = graph(self._score, words, numbers)
        self._slopes_graph = graph(self._slopes, words, numbers)
        self._expect_graph = graph(self._expect, words, numbers)
        self._write_graph = graph(self._write)
        self._topics_graph = graph(self._topics)

    def scores(self, edits: Edits, words: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """sum_t weight_t log p(w_t | w_1 .. w_t-1, v) of known captions: (rows,).

        Args:
            words: (rows, steps) int, a caption for each row, PAD after its end; EOS is a word like any other.
            weights: (rows, steps), 0 at PAD.
        """
        return _in_batches(self._score_graph, edits, words, weights)

    def slopes(self, edits: Edits, words: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """How the score of `scores` moves with each neuron's factor, d score / d keep_j: (rows, neurons).

        Where keep is 1 and nothing is added, that is gradient times input, sum_i v_ij d score / d v_ij over the frames
        i: to the first order, how far the score falls when neuron j is taken out.
        """
        return _in_batches(self._slopes_graph, edits, words, weights)

    def expected(self, edits: Edits, words: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """log sum_t sum_w p(w | w_1 .. w_t-1, v) over the steps t of known captions and the wanted words w: (rows,).

        It is the log of how many wanted words the model expects on its way along the caption.

        Args:
            words: (rows, steps) int, as in `scores`.
            wanted: (rows, vocabulary_size), 1 at wanted words, 0 at others; at least one is wanted.
        """
        return _in_batches(self._expect_graph, edits, words, wanted)

    def write(self, edits: Edits) -> np.ndarray:
        """Captions: (rows, max_words) int, PAD after the last word."""
        return _in_batches(self._write_graph, edits)

    def topic_scores(self, edits: Edits) -> np.ndarray:
        """f(mean v*), of the captioner's own f: (rows, n_topics); they mean nothing if it never learnt f (LSTM-B)."""
        return _in_batches(self._topics_graph, edits)

    def _score(self, frames, video, keep, added, words, weights):
        def tell(step, logits, named):
            return ops.take_along_axis(ops.log_softmax(logits), ops.take(words, step, axis=1)[:, None], axis=1)

        told = follow(self.captioner, self._edited(frames, video, keep, added), words, tell, width=1)
        return ops.sum(weights[:, : ops.shape(words)[1]] * told[:, :, 0], axis=1)

    def _slopes(self, frames, video, keep, added, words, weights):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(keep)
            score = self._score(frames, video, keep, added, words, weights)
        return tape.gradient(score, keep)

    def _expect(self, frames, video, keep, added, words, wanted):
        unwanted = _NEVER * (1 - wanted)

        def tell(step, logits, named):
            return ops.logsumexp(ops.log_softmax(logits) + unwanted, axis=1, keepdims=True)

        told = follow(self.captioner, self._edited(frames, video, keep, added), words, tell, width=1)
        return ops.logsumexp(ops.where(ops.equal(words, PAD), _NEVER, told[:, :, 0]), axis=1)

    def _write(self, frames, video, keep, added):
        words, _ = search(self.captioner, self._edited(frames, video, keep, added), **self._decoding)
        return words

    def _topics(self, frames, video, keep, added):
        return self.captioner.topic_perceptron(self._edited(frames, video, keep, added)["mean"])

    def _edited(self, frames, video, keep, added):
        """The encoded videos of the rows, changed: what the decoder sees."""
        encoded = self.captioner.encode(frames)
        rows = {name: ops.take(values, video, axis=0) for name, values in encoded.items()}
        mask = ops.cast(rows["mask"], rows["v"].dtype)
        return with_neurons(rows, enhanced(keep[:, None, :] * rows["v"], mask, added))


def _in_batches(graph: Callable, edits: Edits, words: np.ndarray | None = None, more: np.ndarray | None = None):
    """A graph's answers for all rows, short captions with short ones, in the order of the rows."""
    lengths = np.zeros(len(edits.video), int) if words is None else np.count_nonzero(words != PAD, axis=1)
    order = np.argsort(lengths, kind="stable")
    answers = []
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        places, video = np.unique(edits.video[rows], return_inverse=True)
        inputs = [pad([edits.videos[place] for place in places]), video, edits.keep[rows], edits.added[rows]]
        if words is not None:
            inputs += [words[rows, : max(lengths[rows])], more[rows]]
        answers.append(graph(*inputs).numpy())
    return np.concatenate(answers)[np.argsort(order)]
