"""A root with a pushed version and no model."""

import pytest

from tests.pipeline.repair import stand_ins
from topiclens.pipeline.repair import corrections


@pytest.fixture
def root(tmp_path) -> str:
    """A root that a training pushed a version to."""
    stand_ins.train(tmp_path, "100")
    return str(tmp_path)


@pytest.fixture
def ledger(root):
    return corrections.open_ledger(root)
