"""What every test starts from: a quiet TensorFlow on the processor, and the folder of real data."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


# A file is one worker's. Those that take minutes begin first: no worker then waits for the last of them.
LONG_FILES = ("test_local_runner.py", "test_kubeflow_runner.py", "test_repairing_in_the_browser.py", "test_tour.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG_FILES.index(item.path.name) if item.path.name in LONG_FILES else len(LONG_FILES))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that ``TOPICLENS_DATA`` names; the test is skipped without it."""
    folder = os.environ.get("TOPICLENS_DATA")
    if not folder:
        pytest.skip("TOPICLENS_DATA names no folder of real data (see README, 'Checks on real data')")
    return Path(folder)
