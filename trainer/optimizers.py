"""The optimiser and its learning rate, from the settings."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.tensor import Tensor

_UNDECAYED = ["bias"]


def build_optimizer(settings: TrainingConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Adam, with AMSGrad unless the rate falls to 0 by itself, or the paper's Adadelta; as `settings` say."""
    shared = dict(
        learning_rate=_learning_rate(settings, steps_per_epoch),
        weight_decay=settings.weight_decay or None,
        global_clipnorm=settings.clip_norm or None,
        use_ema=settings.average_weights > 0,
        ema_momentum=settings.average_weights or 0.99,
    )
    if settings.optimizer == "adadelta":
        optimizer = keras.optimizers.Adadelta(rho=0.95, epsilon=1e-6, **shared)
    else:
        optimizer = _adam()(amsgrad=settings.schedule != "cosine", **shared)
    if settings.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=_UNDECAYED)
    return optimizer


def _adam() -> type[keras.optimizers.Adam]:
    if keras.backend.backend() != "tensorflow":
        return keras.optimizers.Adam
    from topiclens.trainer.fused_adam import FusedAdam

    return FusedAdam


def _learning_rate(
    settings: TrainingConfig, steps_per_epoch: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A number where callbacks may lower it (`plateau`), else a schedule over the steps."""
    peak = float(settings.learning_rate)
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if settings.schedule == "cosine":
        falling = max(1, settings.epochs * steps_per_epoch - warmup)
        return _cosine(peak, falling, warmup)
    if warmup:
        return _Rising(peak, warmup)
    return peak


def _cosine(peak: float, falling: int, warmup: int) -> keras.optimizers.schedules.LearningRateSchedule:
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(peak, falling)
    return keras.optimizers.schedules.CosineDecay(0.0, falling, warmup_target=peak, warmup_steps=warmup)


class _Rising(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from 0 to `peak` in `warmup` steps and stays there."""

    def __init__(self, peak: float, warmup: int) -> None:
        self.peak = peak
        self.warmup = warmup

    def __call__(self, step: Tensor) -> Tensor:
        return self.peak * ops.minimum(1.0, ops.cast(step, "float32") / self.warmup)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup": self.warmup}


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Inside, the model holds the moving average of its weights, if its optimiser keeps one; afterwards its own."""
    optimizer = model.optimizer
    if not optimizer.use_ema or not optimizer.built:
        yield
        return
    own = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    for variable, average in zip(model.trainable_variables, optimizer._model_variables_moving_average):
        variable.assign(average)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own):
            variable.assign(value)
