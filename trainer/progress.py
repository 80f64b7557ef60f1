"""Lines that say how far a training is, how fast, and how long it may still take."""

import logging
import time
from typing import Any

import keras

from topiclens.schemas.progress import Progress
from topiclens.trainer.callbacks import FollowEpochs
from topiclens.trainer.checkpoints import TrainingState
from topiclens.trainer.settings import TrainingConfig

LOG_EVERY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class ProgressLines(keras.callbacks.Callback):
    """Says a line within 80 columns every LOG_EVERY_SECONDS and after each epoch, for terminals and logs.

    The rest of an epoch's figures is logged at level DEBUG, and TensorBoard has it.

    Args:
        speed: knows the rate.
        state: knows the best epoch.
        progress: takes the lines.
    """

    def __init__(self, settings: TrainingConfig, speed: FollowEpochs, state: TrainingState, progress: Progress) -> None:
        super().__init__()
        self.settings = settings
        self.speed = speed
        self.state = state
        self._tell = progress
        self._last_epoch_seconds: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._epoch_start = self._said = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        if now - self._said < LOG_EVERY_SECONDS:
            return
        self._said = now
        rate, _ = self.speed.speed()
        batches = self.speed.batches
        done = (batch + 1) / len(batches)
        parts = [f"{self._name(self._epoch)}: {done:.0%}", f"loss {logs['caption_loss']:.2f}"]
        if rate:
            to_go = (1 - done) * batches.captions_per_epoch / rate
            whole = self._last_epoch_seconds or batches.captions_per_epoch / rate
            after = whole * (self.settings.epochs - self._epoch - 1)
            parts.append(f"{rate:.0f} captions/s")
            parts.append(f"{duration(to_go, short=True)} left, {duration(to_go + after, short=True)} in all")
        self._tell(", ".join(parts))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = self._last_epoch_seconds = time.perf_counter() - self._epoch_start
        monitor = self.settings.monitor
        best = "best" if self.state.best_epoch == epoch else f"best {self._best():.3f}"
        parts = [
            f"{self._name(epoch)}: loss {logs['caption_loss']:.2f}, val {logs['val_caption_loss']:.2f}",
            f"{monitor} {logs[f'val_{monitor}']:.3f} ({best})",
        ]
        left = self.settings.epochs - epoch - 1
        if left and not self.model.stop_training:
            parts.append(f"{duration(left * seconds, short=True)} left")
        self._tell(", ".join(parts))
        details = [
            f"{duration(seconds)}, {logs['captions_per_second']:.0f} captions/s",
            f"{logs['input_wait_share']:.1%} waiting for input",
            f"interpretive loss {logs['interpretive_loss']:.3f}, val {logs['val_interpretive_loss']:.3f}",
        ]
        if "neurons_kept" in logs:
            details.append(f"{logs['neurons_kept']:.0%} of the named neurons keep their topic")
        _log.debug(", ".join(details))

    def _best(self) -> float:
        score = self.state.best_score
        assert score is not None  # validation comes before
        return -score if self.settings.monitor == "loss" else score

    def _name(self, epoch: int) -> str:
        return f"epoch {epoch + 1}/{self.settings.epochs}"


def duration(seconds: float, *, short: bool = False) -> str:
    """'45 s', '12 min 5 s', '3 h 20 min'; in short '45 s', '12 min', '3 h'."""
    seconds = round(seconds)
    for size, unit, smaller_size, smaller in ((3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole = f"{seconds // size} {unit}"
            return whole if short else f"{whole} {seconds % size // smaller_size} {smaller}"
    return f"{seconds} s"
