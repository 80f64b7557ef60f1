"""The tour notebook, cell by cell. `TOPICLENS_ROOT=runs/sample make test` runs it on the sample's run as well."""

import os
import shutil
from pathlib import Path

import keras
import nbclient
import nbformat
import pytest

from tests.components.neurons.planted import links
from tests.components.videos.conftest import write_clip
from tests.pipeline.review.planted_run import FRAMES, VERSION, make_root
from topiclens.components.features.backbones.base import Backbone
from topiclens.trainer.export import export_again
from topiclens.trainer.exported import EXTRA

TOUR = Path(__file__).parents[2] / "docs" / "tour.ipynb"


@pytest.fixture
def planted(tmp_path) -> Path:
    """The root of a run with a clip and a model that sees it through a network of one layer."""
    root = make_root(tmp_path / "root")
    pixels = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
    network = keras.Model(pixels, {"features": keras.layers.Dense(6, use_bias=False)(mean)})
    version = root / "serving" / "topiclens" / VERSION
    parent = version.rename(tmp_path / "parent")
    export_again(parent, version, backbone=Backbone("tiny", network, image_size=8, dim=6))
    links().save(version / EXTRA)
    (root / "data" / "videos").mkdir(parents=True)
    write_clip(root / "data" / "videos" / "clip.mp4", FRAMES)
    return root


@pytest.fixture
def sample(tmp_path) -> Path:
    """A copy of the run that is named: a correction is recorded in it."""
    if not os.environ.get("TOPICLENS_ROOT"):
        pytest.skip("TOPICLENS_ROOT names no run")
    return Path(shutil.copytree(os.environ["TOPICLENS_ROOT"], tmp_path / "root"))


@pytest.mark.parametrize("run", ["planted", "sample"])
def test_the_tour_runs_from_top_to_bottom(run, request, monkeypatch):
    monkeypatch.setenv("TOPICLENS_ROOT", str(request.getfixturevalue(run)))
    notebook = nbformat.read(TOUR, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is kept without outputs"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(TOUR.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    html = "".join(data.get("text/html", "") for data in shown)
    assert html.count("<table") >= 5 and "<img" in html and any("image/png" in data for data in shown)
    assert not [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
