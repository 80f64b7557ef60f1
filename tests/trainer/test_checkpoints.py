"""Checkpoints: whole or absent, and of one training alone."""

import keras
import numpy as np
import pytest

from topiclens.trainer.checkpoints import CheckpointMismatch, Checkpoints, TrainingState, claim, fingerprint_of


def model(units=3):
    keras.utils.set_random_seed(units)
    made = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    made.compile(keras.optimizers.Adam(0.01, amsgrad=True, use_ema=True), loss="mse")
    made.optimizer.build(made.trainable_variables)
    return made


def step(made, times=1):
    x, y = np.random.default_rng(0).normal(size=(8, 4)), np.ones((8, 1))
    for _ in range(times):
        made.train_on_batch(x, y)


def test_steps_after_a_restore_are_those_that_would_have_followed(tmp_path):
    straight, before, after = model(), model(), model()
    step(straight, 5)
    step(before, 3)
    Checkpoints(tmp_path, before).save(TrainingState(epochs_done=3, history=[{"loss": 0.5}]))
    state = Checkpoints(tmp_path, after).restore()
    step(after, 2)
    assert state == TrainingState(epochs_done=3, history=[{"loss": 0.5}])
    for got, expected in zip(
        after.variables + after.optimizer.variables, straight.variables + straight.optimizer.variables
    ):
        np.testing.assert_array_equal(got, expected)


def test_the_best_weights_come_back_and_leave_the_optimiser_alone(tmp_path):
    made = model()
    checkpoints = Checkpoints(tmp_path, made)
    assert not checkpoints.restore_best()
    checkpoints.save_best()
    best = made.get_weights()
    step(made, 2)
    assert checkpoints.restore_best()
    for got, expected in zip(made.get_weights(), best):
        np.testing.assert_array_equal(got, expected)
    assert int(made.optimizer.iterations) == 2


def test_a_write_that_is_cut_off_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    made = model()
    checkpoints = Checkpoints(tmp_path, made)
    checkpoints.save(TrainingState(epochs_done=1))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", _cut_off)
        patch.setattr("os.remove", lambda path: None)  # a killed process removes nothing
        checkpoints.save(TrainingState(epochs_done=2))
    assert len(list(tmp_path.iterdir())) == 2
    assert Checkpoints(tmp_path, made).restore().epochs_done == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def _cut_off(*_, **__):
    raise KeyboardInterrupt


def test_a_checkpoint_of_another_shape_is_an_error(tmp_path):
    Checkpoints(tmp_path, model(3)).save(TrainingState())
    with pytest.raises(CheckpointMismatch, match="other shapes"):
        Checkpoints(tmp_path, model(5)).restore()


def test_a_folder_belongs_to_the_training_that_claimed_it(tmp_path):
    facts = {"training": {"seed": 0, "epochs": 5}, "data": {"records": "abc"}}
    claim(tmp_path / "work", facts)
    claim(tmp_path / "work", facts)
    with pytest.raises(CheckpointMismatch, match="data records was 'abc', is now 'xyz'; training seed was 0, is now 1"):
        claim(tmp_path / "work", {"training": {"seed": 1, "epochs": 5}, "data": {"records": "xyz"}})
    assert fingerprint_of(facts) != fingerprint_of(facts | {"data": {"records": "xyz"}})
