"""Under which name TensorBoard lists a training."""

import datetime
import os

import pytest

from topiclens.trainer import tensorboard
from topiclens.trainer.tensorboard import log_folder


@pytest.fixture
def clock(monkeypatch):
    """Sets the time of day."""

    class Clock(datetime.datetime):
        minute_of_day = 0

        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2026, 11, 30, 21, cls.minute_of_day, tzinfo=tz)

    monkeypatch.setattr(tensorboard.datetime, "datetime", Clock)
    return Clock


def test_a_training_that_goes_on_keeps_its_name_and_no_two_share_one(tmp_path, clock):
    work = str(tmp_path)
    clock.minute_of_day = 30
    first = log_folder(work, str(tmp_path / "aa"), "LSTM-I seed 0")
    assert os.path.basename(first) == "LSTM-I seed 0 · 2026-11-30 21:30 UTC"
    other = log_folder(work, str(tmp_path / "bb"), "LSTM-I seed 0")
    assert os.path.basename(other) == "LSTM-I seed 0 · 2026-11-30 21:30 UTC (2)"
    clock.minute_of_day = 45
    assert log_folder(work, str(tmp_path / "aa"), "LSTM-I seed 0") == first
    assert log_folder(work, str(tmp_path / "bb"), "LSTM-I seed 0") == other
    assert os.path.basename(log_folder(work, str(tmp_path / "cc"), "LSTM-B seed 1")).startswith("LSTM-B seed 1 · ")
