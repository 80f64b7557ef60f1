"""Lines that say how far a training is, how fast, and how long it may still take."""

import time
from collections.abc import Callable

import keras

from topiclens.trainer.callbacks import FollowEpochs
from topiclens.trainer.checkpoints import Progress
from topiclens.trainer.settings import TrainingConfig


class ProgressLines(keras.callbacks.Callback):
    """Says a line every `settings.log_every_seconds` and after each epoch: readable on a terminal and in a log alike.

    Args:
        speed: knows the rate.
        progress: knows the best epoch.
        say: takes a line.
    """

    def __init__(self, settings: TrainingConfig, speed: FollowEpochs, progress: Progress, say: Callable[[str], None]):
        super().__init__()
        self.settings = settings
        self.speed = speed
        self.progress = progress
        self.say = say
        self._last_epoch_seconds = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._epoch_start = self._said = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if now - self._said < self.settings.log_every_seconds:
            return
        self._said = now
        rate, _ = self.speed.speed()
        batches = self.speed.batches
        done = (batch + 1) / len(batches)
        parts = [f"{self._name(self._epoch)}: {done:.0%}", f"caption loss {logs['caption_loss']:.3f}"]
        if rate:
            to_go = (1 - done) * batches.captions_per_epoch / rate
            whole = self._last_epoch_seconds or batches.captions_per_epoch / rate
            after = whole * (self.settings.epochs - self._epoch - 1)
            parts.append(f"{rate:.0f} captions/s")
            parts.append(f"{duration(to_go)} left in the epoch, at most {duration(to_go + after)} in all")
        self.say(", ".join(parts))

    def on_epoch_end(self, epoch, logs=None):
        seconds = self._last_epoch_seconds = time.perf_counter() - self._epoch_start
        monitor = self.settings.monitor
        best = "the best so far" if self.progress.best_epoch == epoch else f"best {self._best():.4f}"
        parts = [
            f"{self._name(epoch)}: done in {duration(seconds)}",
            f"{logs['captions_per_second']:.0f} captions/s",
            f"{logs['input_wait_share']:.1%} waiting for input",
            f"caption loss {logs['caption_loss']:.3f}, validation {logs['val_caption_loss']:.3f}",
            f"interpretive loss {logs['interpretive_loss']:.3f}, validation {logs['val_interpretive_loss']:.3f}",
            f"validation {monitor} {logs[f'val_{monitor}']:.4f} ({best})",
        ]
        if "neurons_kept" in logs:
            parts.append(f"{logs['neurons_kept']:.0%} of the named neurons keep their topic")
        left = self.settings.epochs - epoch - 1
        if left and not self.model.stop_training:
            parts.append(f"at most {duration(left * seconds)} left")
        self.say(", ".join(parts))

    def _best(self) -> float:
        score = self.progress.best_score
        return -score if self.settings.monitor == "loss" else score

    def _name(self, epoch: int) -> str:
        return f"epoch {epoch + 1}/{self.settings.epochs}"


def duration(seconds: float) -> str:
    """'45 s', '12 min 5 s', '3 h 20 min'."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
