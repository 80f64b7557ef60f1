"""Training batches: whole videos, every caption of a batch sorted by length.

A batch holds all captions of a few videos, so that the encoder runs once a video (see `topiclens.trainer.captioner`):

    frames       (V, T, F) float32   frame features, all-zero rows where a clip is shorter than T
    words        (N, L) int32        BOS w1 .. wk EOS, then PAD; the longest caption first
    video_index  (N,) int32          the row of `frames` that a caption describes
    topics       (V, K) float32      the video's topics, 0 or 1

V and N vary. T and L do not, because the decoder is unrolled over L (see `topiclens.trainer.recurrence`): L is the
length of the split's longest caption, rounded up to a multiple of 4. A step that no caption reaches costs next to
nothing.
"""

import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from topiclens.trainer.tensor import Tensor
from topiclens.trainer.videos import Videos
from topiclens.trainer.vocabulary import PAD

LENGTH_MULTIPLE = 4
_PREFETCHED_BATCHES = 4


class TrainingBatches:
    """One split as batches of whole videos; the same (seed, epoch) always gives the same batches.

    Args:
        n_frames: T.
        batch_captions: captions of a batch, on average. All batches but the last have the same number of videos V, so
            an epoch always has `len(self)` batches.
        max_captions_per_video: draws this many captions of each video anew for every epoch; None takes all.
        shuffle: False keeps the videos in the order of their ids (for validation).
        bucket_batches: videos are sorted by their longest caption within runs of this many batches, and the batches of
            a run are shuffled again. The captions of a batch then end at about the same step, which keeps its products
            large. 1 turns it off.
    """

    def __init__(
        self,
        videos: Videos,
        *,
        n_frames: int = 28,
        batch_captions: int = 200,
        max_captions_per_video: int | None = None,
        shuffle: bool = True,
        bucket_batches: int = 8,
        seed: int = 0,
    ):
        self.videos = videos
        self.n_frames = n_frames
        self.max_captions_per_video = max_captions_per_video
        self.shuffle = shuffle
        self.bucket_batches = bucket_batches if shuffle else 1
        self.seed = seed
        self.epoch = 0
        self.captions_per_epoch = sum(min(len(c), max_captions_per_video or len(c)) for c in videos.captions)
        longest = max(len(words) for captions in videos.captions for words in captions)
        self.length = math.ceil(longest / LENGTH_MULTIPLE) * LENGTH_MULTIPLE
        self.videos_per_batch = max(1, round(batch_captions * len(videos) / self.captions_per_epoch))
        self.wait_seconds = 0.0

    def __len__(self) -> int:
        """Batches an epoch."""
        return math.ceil(len(self.videos) / self.videos_per_batch)

    def batches(self, epoch: int) -> Iterator[dict[str, np.ndarray]]:
        """The batches of one epoch as NumPy arrays."""
        rng = np.random.default_rng([self.seed, epoch])
        chosen = [self._choose(captions, rng) for captions in self.videos.captions]
        for positions in self._order(chosen, rng):
            yield self._batch(positions, chosen)

    @property
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        return {
            "frames": tf.TensorSpec([None, self.n_frames, self.videos.frames[0].shape[1]], tf.float32),
            "words": tf.TensorSpec([None, self.length], tf.int32),
            "video_index": tf.TensorSpec([None], tf.int32),
            "topics": tf.TensorSpec([None, self.videos.topics.shape[1]], tf.float32),
        }

    def dataset(self) -> tf.data.Dataset:
        """The batches of epoch `self.epoch`, made ahead of the consumer, whose waiting adds up in `wait_seconds`."""
        batches = tf.data.Dataset.from_generator(lambda: self.batches(self.epoch), output_signature=self.element_spec)
        # Zip asks its datasets one after the other: the moment of asking, then the batch. What lies between is waiting.
        asked = tf.data.Dataset.counter().map(lambda _: tf.timestamp())
        timed = tf.data.Dataset.zip(asked, batches.prefetch(_PREFETCHED_BATCHES)).map(self._clock)
        options = tf.data.Options()
        options.experimental_optimization.apply_default_optimizations = False  # these would fetch ahead of the clock
        options.experimental_optimization.inject_prefetch = False
        options.autotune.enabled = False  # its thread sleeps for up to a minute, and the next epoch would wait for it
        return timed.apply(tf.data.experimental.assert_cardinality(len(self))).with_options(options)

    def _clock(self, asked: Tensor, batch: int) -> Tensor:
        tf.numpy_function(self._add_wait, [tf.timestamp() - asked], [])
        return batch

    def _add_wait(self, seconds: np.ndarray) -> None:
        self.wait_seconds += float(seconds)

    def _choose(self, captions: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        most = self.max_captions_per_video
        if most is None or len(captions) <= most:
            return captions
        return [captions[i] for i in rng.choice(len(captions), most, replace=False)]

    def _order(self, chosen: list[list[np.ndarray]], rng: np.random.Generator) -> Iterator[np.ndarray]:
        """The positions of each batch's videos."""
        order = rng.permutation(len(chosen)) if self.shuffle else np.arange(len(chosen))
        run = self.bucket_batches * self.videos_per_batch
        for start in range(0, len(order), run):
            members = order[start : start + run]
            if self.bucket_batches > 1:
                members = members[np.argsort([max(map(len, chosen[i])) for i in members], kind="stable")]
            batches = [members[i : i + self.videos_per_batch] for i in range(0, len(members), self.videos_per_batch)]
            yield from (batches[i] for i in rng.permutation(len(batches))) if self.shuffle else batches

    def _batch(self, positions: np.ndarray, chosen: list[list[np.ndarray]]) -> dict[str, np.ndarray]:
        pairs = [(words, row) for row, i in enumerate(positions) for words in chosen[i]]
        pairs.sort(key=lambda pair: -len(pair[0]))
        words = np.full((len(pairs), self.length), PAD, np.int32)
        for row, (caption, _) in zip(words, pairs):
            row[: len(caption)] = caption
        return {
            "frames": self.videos.padded_frames(positions, self.n_frames),
            "words": words,
            "video_index": np.asarray([row for _, row in pairs], np.int32),
            "topics": self.videos.topics[positions],
        }
