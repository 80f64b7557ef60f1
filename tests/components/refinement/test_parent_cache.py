"""What is remembered of a parent, and of no other."""

import numpy as np
import pytest

from topiclens.components.refinement.gate_evaluator import ParentCache
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.exported import EXTRA

VIDEOS = [VideoRecord("v1", "val", np.ones((2, 3), np.float32), ("a dog",), np.array([1, 0]))]


@pytest.fixture
def parent(tmp_path):
    """As much of an export as tells it from others."""
    folder = tmp_path / "versions" / "1"
    (folder / EXTRA).mkdir(parents=True)
    (folder / EXTRA / "captioner.json").write_text("{}")
    (folder / EXTRA / "captioner.weights.h5").write_bytes(b"weights")
    return folder


def test_what_is_remembered_is_found_again_beside_the_parent(parent):
    ParentCache(str(parent), VIDEOS).remember({"v1": "a dog"}, "captions", 5)
    assert ParentCache(str(parent), VIDEOS).recall("captions", 5) == {"v1": "a dog"}
    assert ParentCache(str(parent), VIDEOS).recall("captions", 6) is None
    assert [entry.name for entry in parent.parent.iterdir()] != ["1"] and len(list(parent.parent.iterdir())) == 2


def test_another_models_or_other_videos_figures_are_not_taken_for_its_own(parent, tmp_path):
    memory = tmp_path / "memory"
    ParentCache(str(parent), VIDEOS, str(memory)).remember({"CIDEr": 0.5}, "figures")
    other = [VideoRecord("v1", "val", np.zeros((2, 3), np.float32), ("a dog",), np.array([1, 0]))]
    assert ParentCache(str(parent), other, str(memory)).recall("figures") is None
    (parent / EXTRA / "captioner.weights.h5").write_bytes(b"other weights")
    assert ParentCache(str(parent), VIDEOS, str(memory)).recall("figures") is None


def test_a_place_that_cannot_be_written_costs_time_alone(parent, tmp_path):
    (tmp_path / "file").write_text("")
    memory = ParentCache(str(parent), VIDEOS, str(tmp_path / "file" / "memory"))
    memory.remember({"CIDEr": 0.5}, "figures")
    assert memory.recall("figures") is None
