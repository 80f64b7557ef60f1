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
        adam = FusedAdam if keras.backend.backend() == "tensorflow" else keras.optimizers.Adam
        optimizer = adam(amsgrad=settings.schedule != "cosine", **shared)
    if settings.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=_UNDECAYED)
    return optimizer


class FusedAdam(keras.optimizers.Adam):
    """``keras.optimizers.Adam`` on TensorFlow's own fused kernels: the same numbers in half the time.

    Keras' update is a dozen operations that each read and write an array as large as the weight. The variables,
    schedules, clipping, decay and averaging are Keras' own, so a checkpoint of one fits the other.
    """

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        index = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, variable.dtype)
        shared = dict(
            var=_resource(variable),
            m=_resource(self._momentums[index]),
            v=_resource(self._velocities[index]),
            beta1_power=ops.power(ops.cast(self.beta_1, variable.dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, variable.dtype), step),
            lr=ops.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),  # an embedding's gradient comes as the rows that were read
        )
        if self.amsgrad:
            tf.raw_ops.ResourceApplyAdamWithAmsgrad(vhat=_resource(self._velocity_hats[index]), **shared)
        else:
            tf.raw_ops.ResourceApplyAdam(**shared)


def _resource(variable: Any) -> Tensor:
    """The handle of a Keras variable, or of the TensorFlow variable inside it."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def _learning_rate(
    settings: TrainingConfig, steps_per_epoch: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A number where callbacks may lower it (`plateau`), else a schedule over the steps."""
    peak = float(settings.learning_rate)
    warmup = round(settings.warmup_epochs * steps_per_epoch)
    if settings.schedule == "cosine":
        falling = max(1, settings.epochs * steps_per_epoch - warmup)
        if not warmup:
            return keras.optimizers.schedules.CosineDecay(peak, falling)
        return keras.optimizers.schedules.CosineDecay(0.0, falling, warmup_target=peak, warmup_steps=warmup)
    return _Rising(peak, warmup) if warmup else peak


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
    """Inside, the model has the moving average of its weights, if its optimiser keeps one; afterwards its own."""
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
