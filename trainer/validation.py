"""Judging each epoch by the captions that the model writes, and keeping the best."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.trainer.checkpoints import Checkpoints, TrainingState
from topiclens.trainer.data import TrainingBatches
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.optimizers import averaged_weights
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.videos import Videos
from topiclens.trainer.vocabulary import Vocabulary

ScoreCaptions = Callable[[dict[str, list[str]], dict[str, str]], Mapping[str, float]]
LOSS = "loss"
VIDEOS_A_BATCH = 100  # that are captioned at a time


class CaptionWriter:
    """Writes captions with the model's present weights, as one graph that is traced once; beam 1 is greedy."""

    def __init__(self, model: keras.Model, vocabulary: Vocabulary, *, beam: int = 1, max_words: int = 20) -> None:
        self.vocabulary = vocabulary

        def search(frames: Tensor) -> tuple[Tensor, Tensor]:
            return beam_search(model, frames, beam=beam, max_words=max_words)

        self._search: Any = search
        if keras.backend.backend() == "tensorflow":  # JAX compiles the loops by itself
            import tensorflow as tf

            self._search = tf.function(search, reduce_retracing=True, autograph=False)

    def __call__(self, batches: Iterable[tuple[list[str], np.ndarray]]) -> dict[str, str]:
        """From (video ids, (b, t, dim) frames) to a caption for each id."""
        captions: dict[str, str] = {}
        for ids, frames in batches:
            words, _ = self._search(ops.convert_to_tensor(frames))
            captions |= {
                video_id: self.vocabulary.decode(row.tolist())
                for video_id, row in zip(ids, ops.convert_to_numpy(words), strict=True)
            }
        return captions


class Validation(keras.callbacks.Callback):
    """Captions the validation videos after each epoch, keeps the best weights, and stops when none gets better.

    Adds to `logs`: `val_loss` and the model's other losses as `val_...`, and each score as `val_<name>`. Where weights
    are averaged, the averages are judged and kept.

    Args:
        score_captions: (references by id, caption by id) -> figures by name, higher being better.
    Attributes:
        captions: the latest captions by video id.
    """

    def __init__(
        self,
        videos: Videos,
        vocabulary: Vocabulary,
        settings: TrainingConfig,
        *,
        model: keras.Model,
        score_captions: ScoreCaptions | None,
        checkpoints: Checkpoints,
        state: TrainingState,
    ) -> None:
        super().__init__()
        if settings.monitor != LOSS and score_captions is None:
            raise ValueError(
                f"The best epoch is to be chosen by {settings.monitor} (the setting `monitor`), but no "
                "`score_captions` was given to measure it. Pass one, or set monitor to 'loss'."
            )
        self.videos = videos
        self.settings = settings
        self.score_captions = score_captions
        self.checkpoints = checkpoints
        self.state = state
        self.captions: dict[str, str] = {}
        self.references = {video_id: list(texts) for video_id, texts in zip(videos.ids, videos.references)}
        self._batches = TrainingBatches(
            videos, n_frames=settings.n_frames, batch_captions=settings.batch_captions, shuffle=False
        )
        self._write = CaptionWriter(model, vocabulary)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averaged_weights(self.model):
            figures = self._judge()
            logs.update({f"val_{name}": float(value) for name, value in figures.items()})
            score = self._score(figures)
            if self.state.best_score is None or score > self.state.best_score:
                self.state.best_score, self.state.best_epoch = score, epoch
                self.checkpoints.save_best()
        patience = self.settings.patience
        if patience and self.state.epochs_without_improvement(epoch) >= patience:
            self.model.stop_training = True

    def _judge(self) -> dict[str, float]:
        figures = self.model.evaluate(self._batches.dataset(), verbose=0, return_dict=True)
        if self.score_captions is not None:
            self.captions = self._write(self.videos.frame_batches(VIDEOS_A_BATCH, self.settings.n_frames))
            figures |= self.score_captions(self.references, self.captions)
        return figures

    def _score(self, figures: Mapping[str, float]) -> float:
        monitor = self.settings.monitor
        if monitor not in figures:
            raise ValueError(
                f"The setting `monitor` is {monitor!r}, but validation gave {', '.join(sorted(figures))}. "
                "Set it to one of these."
            )
        score = float(figures[monitor])
        if not math.isfinite(score):
            raise ValueError(f"Validation gave {score} for {monitor}; expected a number to compare epochs by.")
        return -score if monitor == LOSS else score
