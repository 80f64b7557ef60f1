"""From frames to features: a network that gets batches of one shape, filled with frames of several videos."""

import collections
import hashlib
import json
from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from topiclens.components.features.backbones.base import Backbone
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas.jpeg_frames import encode_frames

BATCH_SIZE = 32
# Must change when the same settings give other numbers than before: stored features are then computed again.
VERSION = 2


def as_served(frames: Iterable[np.ndarray]) -> list[np.ndarray]:
    """A clip's frames, (height, width, 3) uint8 RGB, as a served model sees them: sent as JPEG, and decoded by its
    graph (`topiclens.trainer.endpoints.build_extract`)."""
    return [
        tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE").numpy() for jpeg in encode_frames(frames)
    ]


class FeatureExtractor:
    """A backbone, compiled once for one batch shape.

    Every frame is brought to the network's size first, and batches are filled with frames of as many videos as needed.
    The last batch is padded, since another shape would be another compilation.
    """

    def __init__(self, backbone: Backbone, batch_size: int = BATCH_SIZE):
        if batch_size < 1:
            raise ValueError(f"Expected a batch of at least 1 picture, got batch_size={batch_size}.")
        self.backbone = backbone
        self.batch_size = batch_size
        self._side = backbone.image_size
        self._prepare = tf.function(
            backbone.prepare, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)], autograph=False
        )
        self._features = tf.function(
            backbone.features,
            input_signature=[tf.TensorSpec((batch_size, self._side, self._side, 3), tf.uint8)],
            autograph=False,
        )

    def __call__(
        self, videos: Iterable[tuple[Hashable, Sequence[np.ndarray]]]
    ) -> Iterator[tuple[Hashable, np.ndarray]]:
        """Yields (key, features (t, dim) float32) of each video, in order.

        `videos` are (key, frames) with t >= 1 frames (height, width, 3) uint8 RGB, consumed as batches need them.
        """
        waiting: collections.deque[tuple[Hashable, int]] = collections.deque()  # (key, its count of frames)
        pictures = np.empty((0, self._side, self._side, 3), np.uint8)
        rows = np.empty((0, self.backbone.dim), np.float32)
        for key, frames in videos:
            if not len(frames):
                raise ValueError(f"Video {key!r} has no frames; expected at least 1.")
            waiting.append((key, len(frames)))
            pictures = np.concatenate([pictures, self.prepare(frames)])
            full = len(pictures) // self.batch_size * self.batch_size
            if full:
                rows = np.concatenate([rows, self._run(pictures[:full])])
                pictures = pictures[full:]
            while waiting and waiting[0][1] <= len(rows):
                key, count = waiting.popleft()
                yield key, rows[:count]
                rows = rows[count:]
        if len(pictures):
            rows = np.concatenate([rows, self._run(pictures)])
        for key, count in waiting:
            yield key, rows[:count]
            rows = rows[count:]

    def prepare(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """Brings frames of any sizes to the network's: t arrays -> (t, side, side, 3) uint8."""
        if len({frame.shape for frame in frames}) == 1:
            return self._prepare(np.stack(frames)).numpy()
        return np.concatenate([self._prepare(frame[np.newaxis]).numpy() for frame in frames])

    def _run(self, pictures: np.ndarray) -> np.ndarray:
        """(k, side, side, 3) -> (k, dim), a padded batch at a time."""
        batches = []
        for start in range(0, len(pictures), self.batch_size):
            batch = pictures[start : start + self.batch_size]
            padding = [(0, self.batch_size - len(batch)), (0, 0), (0, 0), (0, 0)]
            batches.append(self._features(np.pad(batch, padding)).numpy()[: len(batch)])
        return np.concatenate(batches)


def fingerprint(backbone: str, *, sampling: Sampling, dim: int | None, batch_size: int = BATCH_SIZE) -> str:
    """A short text that is equal for two runs exactly when they would compute the same features of the same clip.

    Args:
        backbone: the network and its weights, see `backbones.registry.identity`.
        batch_size: part of it because sums over another batch shape may round otherwise.
    """
    parts = {"backbone": backbone, "dim": dim, "batch_size": batch_size, "version": VERSION}
    parts |= sampling.to_json()
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
