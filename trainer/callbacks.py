"""What happens around the steps of a training: the order of the data, its speed, divergence, names, the checkpoint.

At the end of an epoch they run in the order of the list in `topiclens.trainer.training`. Each adds to `logs` what the
next ones read. The checkpoint is last, so that what it calls done is done.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.schemas.progress import Progress
from topiclens.trainer.checkpoints import Checkpoints, TrainingState
from topiclens.trainer.data import TrainingBatches
from topiclens.trainer.optimizers import averaged_weights
from topiclens.trainer.profiles import Profile
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.videos import Videos

PLATEAU_PATIENCE, PLATEAU_FACTOR = 2, 0.5  # epochs without a better one, and what the learning rate is multiplied by
LOG_EVERY_SECONDS = 30.0
# Features of real networks lie within tens; beyond this, sigmoids are flat and squares overflow soon.
_LARGE_FEATURE = 1e4
_log = logging.getLogger(__name__)

# (videos, neurons) mean activations, (videos, topics) 0 or 1, the TopicPerceptron -> (neurons,) int, topics or -1.
NameNeurons = Callable[[np.ndarray, np.ndarray, keras.layers.Layer], np.ndarray]

_SAMPLED = 1000  # videos
_BATCH = 100  # videos
_PROFILES = 6  # topics


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite."""


class FollowEpochs(keras.callbacks.Callback):
    """Sets the epoch of the batches, and measures its speed.

    Adds to `logs`: `learning_rate`, `captions_per_second`, and `input_wait_share`, the share of the time that the
    model waited for its input. The clock starts after the first batch, which takes its time to compile.
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

    `largest_feature` is the largest number among the training features, which were checked to be finite.
    """

    def __init__(self, settings: TrainingConfig, largest_feature: float) -> None:
        super().__init__()
        self.settings = settings
        self.largest_feature = largest_feature
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not math.isfinite(loss := logs["loss"]):
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
    """Lowers the learning rate when validation has not improved for PLATEAU_PATIENCE epochs.

    They count from the best epoch, or from the last time that the rate was lowered.
    """

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        since = max(-1 if one is None else one for one in (self.state.best_epoch, self.state.lowered_at))
        if epoch - since >= PLATEAU_PATIENCE:
            rate = self.model.optimizer.learning_rate
            rate.assign(rate * PLATEAU_FACTOR)
            self.state.lowered_at = epoch


class SaveState(keras.callbacks.Callback):
    """Writes the last checkpoint after each epoch, with the reason if the training is over."""

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


class ProgressLines(keras.callbacks.Callback):
    """Says a line within 80 columns every LOG_EVERY_SECONDS and after each epoch, for terminals and logs.

    The other figures of an epoch are logged at level DEBUG, and TensorBoard has them.
    """

    def __init__(self, settings: TrainingConfig, speed: FollowEpochs, state: TrainingState, progress: Progress) -> None:
        super().__init__()
        self.settings = settings
        self.speed = speed
        self.state = state
        self._tell = progress
        self._last_epoch_seconds: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._name = f"epoch {epoch + 1}/{self.settings.epochs}"
        self._epochs_after = self.settings.epochs - epoch - 1
        self._epoch_start = self._said = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        if now - self._said < LOG_EVERY_SECONDS:
            return
        self._said = now
        batches, (rate, _) = self.speed.batches, self.speed.speed()
        done = (batch + 1) / len(batches)
        parts = [f"{self._name}: {done:.0%}", f"loss {logs['caption_loss']:.2f}"]
        if rate:
            whole = batches.captions_per_epoch / rate
            left = (1 - done) * whole
            in_all = left + (self._last_epoch_seconds or whole) * self._epochs_after
            parts.append(f"{rate:.0f} captions/s")
            parts.append(f"{duration(left)} left, {duration(in_all)} in all")
        self._tell(", ".join(parts))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = self._last_epoch_seconds = time.perf_counter() - self._epoch_start
        monitor, score = self.settings.monitor, self.state.best_score
        assert score is not None  # validation comes before
        best = "best" if self.state.best_epoch == epoch else f"best {-score if monitor == 'loss' else score:.3f}"
        parts = [
            f"{self._name}: loss {logs['caption_loss']:.2f}, val {logs['val_caption_loss']:.2f}",
            f"{monitor} {logs[f'val_{monitor}']:.3f} ({best})",
        ]
        if self._epochs_after and not self.model.stop_training:
            parts.append(f"{duration(self._epochs_after * seconds)} left")
        self._tell(", ".join(parts))
        kept = f", {logs['neurons_kept']:.0%} of the named neurons keep their topic" if "neurons_kept" in logs else ""
        _log.debug(
            f"{seconds:.0f} s, {logs['captions_per_second']:.0f} captions/s, "
            f"{logs['input_wait_share']:.1%} waiting for input, "
            f"interpretive loss {logs['interpretive_loss']:.3f}, val {logs['val_interpretive_loss']:.3f}{kept}"
        )


def duration(seconds: float) -> str:
    """'45 s', '12 min', '3 h'."""
    seconds = round(seconds)
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


class FollowNames(keras.callbacks.Callback):
    """Names the neurons after each epoch, on a sample of the training videos, and compares these names with the last.

    The sample is the same in every epoch: at most 1,000 videos, equally spaced in the order of their ids. Where weights
    are averaged, the averages are used. A checkpoint keeps the names, so a training that was killed goes on with the
    same figures.

    Adds to `logs`:
        neurons_named: how many neurons have a name.
        neurons_kept: |{j : a_j = b_j}| / |{j}| over the neurons j that have a name both now, a_j, and after the epoch
            before, b_j; 1 where no name changed. Absent after the first epoch, and where no neuron has two names.
        neurons_topics: the share of the topics of the sample that give their name to a neuron.
    """

    def __init__(
        self,
        name_neurons: NameNeurons,
        videos: Videos,
        settings: TrainingConfig,
        state: TrainingState,
        topic_names: Sequence[str] = (),
    ):
        super().__init__()
        self.name_neurons = name_neurons
        self.topic_names = topic_names
        self.videos = videos
        self.settings = settings
        self.state = state
        sampled = min(len(videos), _SAMPLED)
        self._sample = np.arange(sampled) * len(videos) // sampled
        self._topics = videos.topics[self._sample]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averaged_weights(self.model):
            self._mean = self._mean_activations()
            names = np.asarray(self.name_neurons(self._mean, self._topics, self.model.topic_perceptron))
        logs |= naming_figures(names, self.state.neuron_names, self._topics)
        self.state.neuron_names = names.tolist()

    def profiles(self) -> list[Profile]:
        """After an epoch, what all neurons do in the sample's videos of each of the topics that occur most."""
        counts, names = self._topics.astype(bool).sum(axis=0), np.array(self.state.neuron_names)
        most = np.argsort(-counts, kind="stable")[:_PROFILES]
        called = self.topic_names or [f"topic {topic}" for topic in range(len(counts))]
        return [
            Profile(
                f"{called[topic]} ({counts[topic]} videos)",
                self._mean[self._topics[:, topic] > 0].mean(axis=0),
                names == topic,
            )
            for topic in most.tolist()
            if counts[topic]
        ]

    def _mean_activations(self) -> np.ndarray:
        means = []
        for start in range(0, len(self._sample), _BATCH):
            frames = self.videos.padded_frames(self._sample[start : start + _BATCH], self.settings.n_frames)
            means.append(ops.convert_to_numpy(self.model.encode(ops.convert_to_tensor(frames))["mean"]))
        return np.concatenate(means)


def naming_figures(names: np.ndarray, before: list[int] | None, topics: np.ndarray) -> dict[str, float]:
    """The figures that `FollowNames` logs.

    Args:
        names, before: (neurons,), the topic of each neuron, -1 for none: now, and after the epoch before.
        topics: (videos, topics), not 0 where a topic occurs.
    """
    occurring = np.flatnonzero(topics.any(axis=0))
    found = {
        "neurons_named": float(np.sum(names >= 0)),
        "neurons_topics": float(np.isin(occurring, names).sum() / max(len(occurring), 1)),
    }
    last = np.full_like(names, -1) if before is None else np.asarray(before)
    if (both := (names >= 0) & (last >= 0)).any():
        found["neurons_kept"] = float(np.mean(names[both] == last[both]))
    return found
