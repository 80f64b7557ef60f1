"""What breaks only on a cluster, broken here: the compiled steps run through the very entry point that they name.

The test plays the cluster: it reads the specification, hands each step its inputs and outputs as JSON, starts the
container's command as a local process, and takes the outputs' metadata from the file that the step writes.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from topiclens.trainer.exported import read_enhancement

SECONDS_A_STEP = 400
PEOPLE = ("a man is riding a bike", "a man rides a bicycle on a road", "someone is riding a bike")
DOGS = ("a dog is running on grass", "a brown dog runs", "the dog is running")
CHANGES = [
    "features.backbone=none", "topics.n_topics=3", "topics.iterations=20",
    "topics.min_count=1", "vocabulary.min_count=1", "model.encoder_units=4", "model.attention_units=4",
    "model.decoder_units=8", "model.embedding_units=4", "model.topic_units=4", "training.epochs=2",
    'evaluation.minimum={"CIDEr": 0.0}',
]  # fmt: skip


class Cluster:
    """Runs tasks of a compiled pipeline, one process each, as Kubeflow's driver and launcher would."""

    def __init__(self, specification: pathlib.Path, root: pathlib.Path):
        spec = json.loads(specification.read_text())["pipelineSpec"]
        assert spec["schemaVersion"] == "2.1.0"
        self.tasks = spec["root"]["dag"]["tasks"]
        self.components = spec["components"]
        self.executors = spec["deploymentSpec"]["executors"]
        self.root = root
        self.made: dict[str, dict] = {}

    def run(self, name: str) -> dict:
        """Runs one task after those that it depends on; returns its output artifacts by key."""
        if name not in self.made:
            for needed in self.tasks[name].get("dependentTasks", ()):
                self.run(needed)
            self.made[name] = self._start(name)
        return self.made[name]

    def _start(self, name: str) -> dict:
        component = self.components[name]
        definitions = component.get("inputDefinitions", {})
        given = self.tasks[name].get("inputs", {})
        folder = self.root / name
        inputs = {
            "parameterValues": {
                key: value["runtimeValue"]["constant"] for key, value in given.get("parameters", {}).items()
            },
            "artifacts": {
                key: {
                    "artifacts": [
                        self.made[source["taskOutputArtifact"]["producerTask"]][
                            source["taskOutputArtifact"]["outputArtifactKey"]
                        ]
                    ]
                }
                for key, source in given.get("artifacts", {}).items()
            },
        }
        outputs = {
            key: {"name": f"{name}/{key}", "uri": str(folder / key), "type": definition["artifactType"]}
            for key, definition in component.get("outputDefinitions", {}).get("artifacts", {}).items()
        }
        invocation = {
            "inputs": inputs,
            "outputs": {
                "artifacts": {key: {"artifacts": [output]} for key, output in outputs.items()},
                "outputFile": str(folder / "executor_output.json"),
            },
        }
        container = self.executors[component["executorLabel"]]["container"]
        arguments = [json.dumps(invocation) if part == "{{$}}" else part for part in container["args"]]
        assert json.dumps(definitions) and "{{" not in "".join(container["command"])
        done = subprocess.run(
            [sys.executable, *container["command"][1:], *arguments],
            cwd=self.root,  # a cluster does not start steps in the package's folder
            env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=SECONDS_A_STEP,
            check=False,
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stderr[-6000:]}"
        told = json.loads((folder / "executor_output.json").read_text()).get("artifacts", {})
        return {
            key: {**output, "metadata": told.get(key, {"artifacts": [{}]})["artifacts"][0].get("metadata", {})}
            for key, output in outputs.items()
        }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> pathlib.Path:
    """Twenty-four videos of two kinds, which bring their features."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(24):
        kind = number % 2
        frames = (rng.random((6, 8)) * 0.1 + np.eye(8)[kind]).astype(np.float32)
        np.save(folder / f"v{number}.npy", frames)
        rows.append(
            {
                "video_id": f"v{number}",
                "features": f"v{number}.npy",
                "captions": list((PEOPLE, DOGS)[kind]),
                "split": "val" if number >= 18 else "train",
            }
        )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def cluster(dataset, tmp_path_factory) -> Cluster:
    from topiclens.pipeline import kubeflow_runner
    from topiclens.pipeline import settings as configs

    folder = tmp_path_factory.mktemp("cluster")
    compiled = kubeflow_runner.compile_pipeline(
        configs.Settings().changed(CHANGES),
        data=str(dataset),
        root=str(folder / "root"),
        image="registry.example/topiclens:test",
        schema=str(pathlib.Path(__file__).parents[2] / "schemas" / "curated.pbtxt"),
        output=str(folder / "pipeline.json"),
    )
    return Cluster(pathlib.Path(compiled), folder)


def test_every_step_of_the_dag_is_in_the_specification_with_the_image(cluster):
    assert {"VideoIngest", "FeatureExtraction", "TopicModelling", "Vocabulary", "ExamplesJoin", "StatisticsGen",
            "ImportSchemaGen", "ExampleValidator", "ExamplesCheck", "Trainer", "CaptionEvaluator", "NeuronNaming",
            "NeuronEvaluator", "Refine", "ExplanationReport", "Pusher"} == set(
        cluster.tasks
    )  # fmt: skip
    images = {executor["container"]["image"] for executor in cluster.executors.values()}
    assert images == {"registry.example/topiclens:test"}
    assert "ExamplesCheck" in cluster.tasks["Trainer"]["dependentTasks"], "training must wait for the check"


def test_the_whole_dag_runs_through_the_containers_entry_point_to_a_pushed_model(cluster):
    pushed = cluster.run("Pusher")["pushed_model"]
    assert pushed["metadata"]["pushed"] == 1, "the blessing must survive the orchestrator's JSON"
    version = pathlib.Path(pushed["metadata"]["pushed_destination"])
    assert version.name.isdigit() and (version / "saved_model.pb").is_file()
    assert not any((version.parent / ".incoming").iterdir())
    reasons = pathlib.Path(cluster.made["NeuronEvaluator"]["blessing"]["uri"], "reasons.txt").read_text()
    assert read_enhancement(version).any(), "what is pushed answers what_if"
    assert reasons.startswith("BLESSED") and "CIDEr" in reasons and "detecting neuron" in reasons


def test_the_report_of_explanations_tells_features_without_pictures(cluster):
    folder = pathlib.Path(cluster.run("ExplanationReport")["explanations"]["uri"])
    entries = json.loads((folder / "index.json").read_text())
    assert len(entries) == 6, "the dataset has fewer validation videos than explanations.videos"
    judged = pathlib.Path(cluster.made["CaptionEvaluator"]["metrics"]["uri"], "captions.jsonl").read_text().splitlines()
    captions = {row["video_id"]: row["caption"] for row in map(json.loads, judged)}
    assert {entry["video"]: entry["said"] for entry in entries} == captions
    assert "brought features" in (folder / entries[0]["page"]).read_text()
