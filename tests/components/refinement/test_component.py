"""The step of the pipeline: a model goes through it unchanged, or taught."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from tfx.types import standard_artifacts

from tests.components.neurons.planted import links
from tests.components.refinement.planted_parent import SETTINGS, TOPICS, TRAIN, VAL, correction, export_parent, hashes
from tests.components.videos.conftest import write_clip
from topiclens.components.common import artifacts
from topiclens.components.common.blessing import Blessing, read_blessing, write_blessing
from topiclens.components.refinement.component import Refine
from topiclens.components.refinement.settings import RefineConfig
from topiclens.components.topics.labels import OccurrenceRule
from topiclens.components.topics.model import TopicModel
from topiclens.schemas import records
from topiclens.schemas.json_lines import write_rows
from topiclens.schemas.plain import to_json
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.verdicts import Reason
from topiclens.trainer.exported import read_meta


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """What a run hands to the step, by the names of its inputs."""
    root = tmp_path_factory.mktemp("run")
    export_parent(root / "model" / "Format-Serving")
    rows = [{"video_id": video.video_id, "content": correction().content} for video in (*TRAIN, *VAL)]
    write_rows(str(root / "dataset" / "videos.jsonl"), rows)
    for split, videos in (("train", TRAIN), ("val", VAL)):
        (root / "examples" / f"Split-{split}").mkdir(parents=True)
        records.write(str(root / "examples" / f"Split-{split}" / "data.gz"), videos)
    rule = OccurrenceRule()
    TopicModel(("dog", "man"), np.ones((3, 2), int), 1, 0.1, 0.1, rule, 0, TOPICS).save(root / "topic_model")
    links().save(root / "links")
    write_blessing(root / "model_blessing", Blessing("val", (Reason("CIDEr minimum", True, "CIDEr is 0.5."),)))
    kinds = {
        "model": standard_artifacts.Model, "dataset": artifacts.DatasetArtifact,
        "examples": standard_artifacts.Examples,
        "topic_model": artifacts.TopicModelArtifact, "links": artifacts.NeuronLinksArtifact,
        "model_blessing": standard_artifacts.ModelBlessing,
    }  # fmt: skip
    made = {name: kind() for name, kind in kinds.items()}
    for name, artifact in made.items():
        artifact.uri = str(root / name)
    made["examples"].split_names = json.dumps(["train", "val"])
    return made


def refined(inputs, folder, *corrections):
    """The refined model's folder, what the Pusher obeys, and why."""
    model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    model.uri, blessing.uri = str(folder / "refined_model"), str(folder / "blessing")
    config = RefineConfig(SETTINGS, tuple(one.to_json() for one in corrections), cache_dir=None)
    Refine.EXECUTOR_SPEC.executor_class().Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {"refined_model": [model], "blessing": [blessing]},
        {"config_json": to_json(config)},
    )
    return (
        pathlib.Path(model.uri, "Format-Serving"),
        blessing.get_int_custom_property("blessed"),
        read_blessing(blessing.uri),
    )


def test_without_corrections_the_model_goes_through_byte_for_byte_and_stays_blessed(inputs, tmp_path):
    folder, blessed, found = refined(inputs, tmp_path)
    assert hashes(folder) == hashes(pathlib.Path(inputs["model"].uri, "Format-Serving"))
    assert blessed == 1 and [reason.check for reason in found.reasons] == ["CIDEr minimum", "teachable"]


def test_a_model_that_is_not_blessed_is_not_taught(inputs, tmp_path):
    refused = standard_artifacts.ModelBlessing()
    refused.uri = str(tmp_path / "refused")
    write_blessing(refused.uri, Blessing("val", (Reason("CIDEr minimum", False, "CIDEr is 0.0."),)))
    folder, blessed, _ = refined({**inputs, "model_blessing": refused}, tmp_path, correction())
    assert blessed == 0 and hashes(folder) == hashes(pathlib.Path(inputs["model"].uri, "Format-Serving"))


def test_corrections_are_taught_and_the_gates_reasons_join_the_others(inputs, tmp_path):
    folder, blessed, found = refined(inputs, tmp_path, correction())
    assert read_meta(folder)["refinement"]["corrections"] == [correction().id]
    assert blessed == 1 and [reason.check for reason in found.reasons][:2] == ["CIDEr minimum", "corrected"]


def test_the_frames_of_a_stretch_are_found_by_the_times_of_the_film(inputs, tmp_path):
    filmed, said = artifacts.DatasetArtifact(), dataclasses.replace(correction(), stretch=Stretch(0, 0.25))
    filmed.uri = str(tmp_path / "dataset")
    row = {"video_id": said.video_id, "content": said.content, "path": str(write_clip(tmp_path / "film.mp4", 4))}
    write_rows(str(tmp_path / "dataset" / "videos.jsonl"), [row])
    folder, _, _ = refined({**inputs, "dataset": filmed}, tmp_path / "filmed", said)
    assert read_meta(folder)["refinement"]["corrections"] == [said.id]
    folder, _, found = refined(inputs, tmp_path / "features alone", said)
    assert hashes(folder) == hashes(pathlib.Path(inputs["model"].uri, "Format-Serving"))
    assert "when the clip's frames are shown" in found.reasons[-1].words


def test_what_was_said_of_files_is_left_to_a_refinement_and_holds_nothing_up(inputs, tmp_path, caplog):
    of_file = correction(video="5f5f5f5f-mine.mp4", number=2)
    folder, blessed, _ = refined(inputs, tmp_path / "alone", of_file)
    assert blessed == 1 and hashes(folder) == hashes(pathlib.Path(inputs["model"].uri, "Format-Serving"))
    assert of_file.id in caplog.text
    folder, blessed, _ = refined(inputs, tmp_path / "beside another", of_file, correction())
    assert blessed == 1 and read_meta(folder)["refinement"]["corrections"] == [correction().id]


def test_what_was_said_of_another_content_is_not_taught(inputs, tmp_path, caplog):
    of_another = dataclasses.replace(correction(), content="0" * 64)
    folder, blessed, _ = refined(inputs, tmp_path, of_another)
    assert blessed == 1 and hashes(folder) == hashes(pathlib.Path(inputs["model"].uri, "Format-Serving"))
    assert of_another.id in caplog.text
