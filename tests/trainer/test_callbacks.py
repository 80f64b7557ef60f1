"""Callbacks one by one, around a model that only pretends to train."""

import types

import keras
import numpy as np
import pytest

from topiclens.trainer.callbacks import FollowEpochs, LowerOnPlateau, StopOnDivergence, TrainingDiverged, duration
from topiclens.trainer.checkpoints import TrainingState
from topiclens.trainer.optimizers import averaged_weights, build_optimizer
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.validation import Validation
from topiclens.trainer.videos import FrameStore, Videos
from topiclens.trainer.vocabulary import BOS, EOS, Vocabulary


def pretender(settings=TrainingConfig(), losses=()):
    """A model with an optimiser that validates to `losses`, one after the other."""
    losses = iter(losses)
    return types.SimpleNamespace(
        optimizer=build_optimizer(settings, steps_per_epoch=10),
        stop_training=False,
        evaluate=lambda *_, **__: {"loss": next(losses)},
    )


def one_video() -> Videos:
    frames = FrameStore(memory_bytes=100)
    frames.append(np.ones((1, 2), np.float32))
    return Videos(
        ids=["a"],
        frames=frames,
        store_index=np.array([0]),
        captions=[[np.array([BOS, 4, EOS])]],
        references=[("x",)],
        topics=np.zeros((1, 1), np.float32),
        left_out=[],
        largest_feature=1.0,
        digest="",
    )


def validate(settings, losses):
    """Runs the validations of some epochs; gives (state, saves of the best, the epoch it stopped after)."""
    model, state, saved = pretender(settings, losses), TrainingState(), []
    validation = Validation(
        one_video(),
        Vocabulary(["x"]),
        settings,
        model=model,
        score_captions=None,
        checkpoints=types.SimpleNamespace(save_best=lambda: saved.append(state.best_epoch)),
        state=state,
    )
    validation.set_model(model)
    for epoch in range(len(losses)):
        validation.on_epoch_end(epoch, {})
        if model.stop_training:
            return state, saved, epoch
    return state, saved, None


def test_training_stops_after_its_patience_and_keeps_the_best_epoch():
    state, saved, stopped = validate(TrainingConfig(monitor="loss", patience=2), [5.0, 4.0, 4.5, 3.0, 3.0, 3.1, 2.0])
    assert (saved, stopped) == ([0, 1, 3], 5)
    assert (state.best_epoch, state.best_score) == (3, -3.0)


def test_no_patience_means_no_early_stop():
    _, _, stopped = validate(TrainingConfig(monitor="loss", patience=0), [1.0, 2.0, 3.0, 4.0])
    assert stopped is None


def test_a_figure_that_was_not_measured_cannot_be_monitored():
    with pytest.raises(ValueError, match="no `score_captions`"):
        validate(TrainingConfig(), [1.0])
    with pytest.raises(ValueError, match="gave nan for loss"):
        validate(TrainingConfig(monitor="loss"), [float("nan")])


def test_the_learning_rate_falls_only_while_validation_stands_still():
    settings = TrainingConfig(schedule="plateau", learning_rate=1.0)
    model, state = pretender(settings), TrainingState(best_epoch=0)
    lower = LowerOnPlateau(state)
    lower.set_model(model)
    rates = []
    for epoch, best in enumerate([0, 0, 0, 3, 3, 3, 3, 3]):
        state.best_epoch = best
        lower.on_epoch_end(epoch, {})
        rates.append(float(model.optimizer.learning_rate))
    assert rates == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


@pytest.mark.parametrize(
    "settings, largest_feature, cause",
    [
        ({}, 1e6, "frame features reach 1e\\+06"),
        ({"learning_rate": 0.5}, 3.0, "learning rate is 0.5 and gradients are clipped at 10"),
        ({"clip_norm": 0}, 3.0, "gradients are not clipped"),
    ],
)
def test_a_loss_that_is_no_number_stops_training_and_names_the_likely_cause(settings, largest_feature, cause):
    settings = TrainingConfig(**settings)
    callback = StopOnDivergence(settings, largest_feature)
    callback.set_model(pretender(settings))
    callback.on_epoch_begin(2)
    callback.on_train_batch_end(0, {"loss": 3.0})
    with pytest.raises(TrainingDiverged, match=f"became nan in epoch 3, batch 8.*{cause}"):
        callback.on_train_batch_end(7, {"loss": float("nan")})


def test_speed_counts_neither_the_first_batch_nor_what_follows_the_last(monkeypatch):
    class Batches:
        captions_per_epoch, wait_seconds, epoch = 40, 0.0, None

        def __len__(self):
            return 4

    clock = [0.0]
    monkeypatch.setattr("topiclens.trainer.callbacks.time.perf_counter", lambda: clock[0])
    batches = Batches()
    speed = FollowEpochs(batches)
    speed.set_model(pretender())
    speed.on_epoch_begin(5)
    assert batches.epoch == 5
    for batch, at in enumerate([60.0, 61.0, 62.0, 63.0]):
        clock[0] = at
        batches.wait_seconds += 0.25
        speed.on_train_batch_end(batch)
    clock[0] = 100.0
    logs = {}
    speed.on_epoch_end(5, logs)
    assert logs["captions_per_second"] == pytest.approx(10.0)
    assert logs["input_wait_share"] == pytest.approx(0.25)
    assert logs["learning_rate"] == pytest.approx(TrainingConfig().learning_rate)


def test_schedules_rise_and_fall_as_the_settings_say():
    def rates(**settings):
        optimizer = build_optimizer(TrainingConfig(learning_rate=0.2, epochs=10, **settings), steps_per_epoch=10)
        found = []
        for step in (0, 5, 10, 55, 100):
            optimizer.iterations.assign(step)
            found.append(float(optimizer.learning_rate))
        return found

    assert rates() == pytest.approx([0.2] * 5)
    assert rates(warmup_epochs=1) == pytest.approx([0, 0.1, 0.2, 0.2, 0.2])
    falling = [0.1 * (1 + np.cos(np.pi * t)) for t in (0, 0.05, 0.1, 0.55, 1)]
    assert rates(schedule="cosine") == pytest.approx(falling, abs=1e-7)
    assert rates(schedule="cosine", warmup_epochs=1) == pytest.approx([0, 0.1, 0.2, 0.1, 0], abs=1e-7)


def test_adam_keeps_the_largest_second_moment_unless_the_rate_falls_to_nothing_anyhow():
    kept = [build_optimizer(TrainingConfig(schedule=name), 1).amsgrad for name in ("constant", "plateau", "cosine")]
    assert kept == [True, True, False]


def dense(settings):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(build_optimizer(settings, 1), loss="mse")
    return model


def test_weights_decay_and_biases_do_not():
    model = dense(TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    kernel, bias = (np.ones(variable.shape) for variable in model.variables)
    model.set_weights([kernel, bias])
    model.optimizer.apply_gradients([(keras.ops.zeros_like(v), v) for v in model.trainable_variables])
    np.testing.assert_allclose(model.get_weights()[0], kernel * (1 - 0.1 * 0.5), rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], bias)


def test_gradients_are_clipped_as_one_vector():
    settings = TrainingConfig.paper(clip_norm=10.0)
    optimizer = build_optimizer(settings, 1)
    gradients = [np.full((2, 2), 30.0, "float32"), np.full((4,), 40.0, "float32")]  # norms 60 and 80, together 100
    clipped = optimizer._clip_gradients([keras.ops.convert_to_tensor(g) for g in gradients])
    for gradient, result in zip(gradients, clipped):
        np.testing.assert_allclose(result, gradient / 10, rtol=1e-5)


def test_averaged_weights_are_there_inside_and_gone_outside():
    model = dense(TrainingConfig(average_weights=0.75, learning_rate=0.1))
    x, y = np.eye(3, dtype="float32"), np.ones((3, 2), "float32")
    average = None
    for step in range(4):
        model.train_on_batch(x, y)
        own = model.get_weights()
        average = own if step == 0 else [0.75 * a + 0.25 * w for a, w in zip(average, own)]
    with averaged_weights(model):
        for got, expected in zip(model.get_weights(), average):
            np.testing.assert_allclose(got, expected, rtol=1e-5)
    for got, expected in zip(model.get_weights(), own):
        np.testing.assert_array_equal(got, expected)


def test_settings_that_cannot_work_are_refused():
    for wrong, message in [
        (dict(optimizer="adagrad"), "adam, adadelta"),
        (dict(optimizer="adadelta", learning_rate=1e-3), "Set learning_rate to 1.0"),
        (dict(schedule="plateau", warmup_epochs=1), "not with plateau"),
        (dict(batch_captions=0), "batch_captions is 0"),
        (dict(average_weights=1.0), "average_weights"),
    ]:
        with pytest.raises(ValueError, match=message):
            TrainingConfig(**wrong)


def test_durations_read_naturally():
    assert [duration(s) for s in (0.4, 59, 61, 3700)] == ["0 s", "59 s", "1 min", "1 h"]
