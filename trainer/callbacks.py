"""What happens around the steps of a training: the order of the data, its speed, divergence, the checkpoint.

Validation is in `topiclens.trainer.validation`, TensorBoard in `topiclens.trainer.tensorboard`, the line of progress in
`topiclens.trainer.progress`.
At the end of an epoch they run in the order in which `topiclens.trainer.training` lists them, each adding to `logs`
what the next ones read; the checkpoint is last, so that whatever it says is done has been done.
"""

import math
import time
from typing import Any

import keras
from keras import ops

from topiclens.trainer.checkpoints import Checkpoints, TrainingState
from topiclens.trainer.data import TrainingBatches
from topiclens.trainer.settings import TrainingConfig

# Features of real networks lie within tens; beyond this, sigmoids are flat and squares overflow soon.
PLATEAU_PATIENCE, PLATEAU_FACTOR = 2, 0.5  # epochs without a better one, and what the learning rate is multiplied by
_LARGE_FEATURE = 1e4


class TrainingDiverged(ArithmeticError):
    """The loss is no number any more."""


class FollowEpochs(keras.callbacks.Callback):
    """Tells the batches which epoch it is, and how fast the epoch went.

    Adds to `logs`: `learning_rate`, `captions_per_second`, and `input_wait_share`, the share of the time that the
    model waited for its input. The clock starts after the first batch, whose time goes into compiling.
    """

    def __init__(self, batches: TrainingBatches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.batches.epoch = epoch
        self._seen = 0
        self._restart_clock()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 0 and len(self.batches) > 1:
            self._restart_clock()
        else:
            self._seen += 1
            self._last = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        rate, wait = self.speed()
        logs["captions_per_second"] = rate
        logs["input_wait_share"] = wait
        logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def speed(self) -> tuple[float, float]:
        """(captions/s, share of the time waiting for input) so far in this epoch; (0, 0) before the clock has run."""
        elapsed = self._last - self._start
        if not self._seen or elapsed <= 0:
            return 0.0, 0.0
        captions = self._seen * self.batches.captions_per_epoch / len(self.batches)
        return captions / elapsed, min(1.0, self.batches.wait_seconds / elapsed)

    def _restart_clock(self) -> None:
        self._start = self._last = time.perf_counter()
        self.batches.wait_seconds = 0.0


class StopOnDivergence(keras.callbacks.Callback):
    """Ends the training with a reason when the loss becomes NaN or infinite.

    Args:
        largest_feature: the largest number among the training features, which were checked to be finite.
    """

    def __init__(self, settings: TrainingConfig, largest_feature: float) -> None:
        super().__init__()
        self.settings = settings
        self.largest_feature = largest_feature
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = logs["loss"]
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"The loss became {loss} in epoch {self._epoch + 1}, batch {batch + 1}. {self._likely_cause()} "
                "The checkpoint of the epoch before is whole, but a training under new settings begins anew."
            )

    def _likely_cause(self) -> str:
        if self.largest_feature > _LARGE_FEATURE:
            return (
                f"The frame features reach {self.largest_feature:.3g}, where networks give tens at most, so their "
                "scale is the likely cause: normalise the features."
            )
        rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        clipping = f"clipped at {self.settings.clip_norm:g}" if self.settings.clip_norm else "not clipped"
        return (
            "The features and captions were checked when they were read, so the likely cause is too long a step: the "
            f"learning rate is {rate:.3g} and gradients are {clipping}. Lower learning_rate, or set a clip_norm."
        )


class LowerOnPlateau(keras.callbacks.Callback):
    """Lowers the learning rate when validation has not improved for some epochs since the best one or the last fall."""

    def __init__(self, settings: TrainingConfig, state: TrainingState) -> None:
        super().__init__()
        self.settings = settings
        self.state = state

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        since = max(-1 if one is None else one for one in (self.state.best_epoch, self.state.lowered_at))
        if epoch - since >= PLATEAU_PATIENCE:
            rate = self.model.optimizer.learning_rate
            rate.assign(rate * PLATEAU_FACTOR)
            self.state.lowered_at = epoch


class SaveState(keras.callbacks.Callback):
    """Writes the last checkpoint after each epoch, and in it why the training is over, if it is."""

    def __init__(self, checkpoints: Checkpoints, state: TrainingState, epochs: int) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        self.state = state
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.state.epochs_done = epoch + 1
        self.state.history.append({name: float(value) for name, value in logs.items()})
        if self.model.stop_training:
            without = self.state.epochs_without_improvement(epoch)
            self.state.finished = f"validation has not improved for {without} epochs"
        elif epoch + 1 == self.epochs:
            self.state.finished = f"all {self.epochs} epochs are done"
        self.checkpoints.save(self.state)
