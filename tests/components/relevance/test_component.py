"""The step of the pipeline: the videos of one split, with the neurons' names where the run gave them any."""

import dataclasses
import json

import numpy as np
import pytest
from tfx.types import standard_artifacts

from tests.components.relevance.test_explanation import make_links
from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.components.common import artifacts
from topiclens.components.relevance.component import ExplanationReport
from topiclens.components.relevance.settings import ExplanationConfig
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.schemas import records
from topiclens.schemas.json_lines import write_rows
from topiclens.schemas.plain import to_json
from topiclens.trainer.export import export
from topiclens.trainer.vocabulary import Vocabulary

SPLITS = {"train": 2, "val": 5, "test": 3}
CONFIG = ExplanationConfig(videos=3, split="val", limits=DecodingLimits(max_decode_seconds=60.0))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Artifacts of a run whose videos brought features, by the names of the step's inputs."""
    root = tmp_path_factory.mktemp("run")
    features = {"backbone": None, "n_frames": 28}
    vocabulary = Vocabulary(["a", "dog", "runs", "on", "grass"])
    export(tiny_captioner(3), vocabulary, root / "model" / "Format-Serving", features=features, beam=2, max_words=4)
    rng, rows = np.random.default_rng(0), []
    for split, count in SPLITS.items():
        (root / "examples" / f"Split-{split}").mkdir(parents=True)
        names = [f"{split}{number}" for number in range(count)]
        rows += [{"video_id": name, "features": f"{name}.npy", "split": split} for name in names]
        videos = [
            records.VideoRecord(name, split, rng.normal(size=(4, TINY["feature_dim"])), ("a dog",), np.zeros(4, int))
            for name in names
        ]
        records.write(str(root / "examples" / f"Split-{split}" / "data.gz"), videos)
    write_rows(str(root / "dataset" / "videos.jsonl"), rows)
    judged = [{"video_id": f"val{n}", "split": "val", "scores": {"BLEU-4": 0.0, "CIDEr": n / 10}} for n in range(5)]
    write_rows(str(root / "metrics" / "captions.jsonl"), judged)
    make_links().save(root / "links")
    kinds = {
        "model": standard_artifacts.Model, "dataset": artifacts.DatasetArtifact,
        "examples": standard_artifacts.Examples,
        "metrics": artifacts.CaptionMetricsArtifact, "links": artifacts.NeuronLinksArtifact,
    }  # fmt: skip
    made = {name: kind() for name, kind in kinds.items()}
    for name, artifact in made.items():
        artifact.uri = str(root / name)
    made["examples"].split_names = json.dumps(list(SPLITS))
    return made


def explain(run, folder, **config) -> list[dict]:
    """The entries of the index that the step writes."""
    out = artifacts.ExplanationsArtifact()
    out.uri = str(folder)
    ExplanationReport.EXECUTOR_SPEC.executor_class().Do(
        {name: [artifact] for name, artifact in run.items()},
        {"explanations": [out]},
        {"config_json": to_json(dataclasses.replace(CONFIG, **config))},
    )
    return json.loads((folder / "index.json").read_text())


def test_a_judged_split_is_shown_from_its_best_caption_to_its_worst(run, tmp_path):
    assert [entry["video"] for entry in explain(run, tmp_path)] == ["val4", "val2", "val0"]
    index = (tmp_path / "index.html").read_text()
    assert "CIDEr 0.40" in index and "Captions of val, from the best to the worst" in index
    told = json.loads((tmp_path / "val4.json").read_text())
    assert told["references"] == ["a dog"] and told["topics"][0]["name"].startswith("name ")


def test_pages_lead_to_the_atlas_beside_the_neurons_figures(run, tmp_path):
    figures = artifacts.NeuronFiguresArtifact()
    figures.uri = str(tmp_path / "figures" / "7")
    explain({**run, "figures": figures}, tmp_path / "explanations" / "8")
    for name in ("index.html", "val4.html"):
        assert 'href="../../figures/7/atlas/index.html"' in (tmp_path / "explanations" / "8" / name).read_text()


def test_a_split_that_was_not_judged_is_shown_in_the_order_of_ids(run, tmp_path):
    assert [entry["video"] for entry in explain(run, tmp_path, split="test")] == ["test0", "test1", "test2"]
    index = (tmp_path / "index.html").read_text()
    assert "CIDEr" not in index and "Captions of test, explained" in index


def test_a_split_without_videos_is_no_error(run, tmp_path):
    assert explain(run, tmp_path, split="tset") == []


def test_a_model_that_learnt_no_topics_has_no_links_to_give(run, tmp_path):
    unnamed = {name: artifact for name, artifact in run.items() if name != "links"}
    explain(unnamed, tmp_path, videos=1)
    assert "learnt no topics" in json.loads((tmp_path / "val4.json").read_text())["notes"][0]
