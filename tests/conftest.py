"""What every test starts from: a quiet TensorFlow on the processor, and the folder of real data."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that ``TOPICLENS_DATA`` names; the test is skipped without it."""
    folder = os.environ.get("TOPICLENS_DATA")
    if not folder:
        pytest.skip("TOPICLENS_DATA names no folder of real data (see README, 'Checks on real data')")
    return Path(folder)
