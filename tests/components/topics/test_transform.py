"""The Beam step: what it writes, and that nothing but the rows decides it."""

import json

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from topiclens.components.topics.documents import content_words
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.settings import SamplerSettings, TopicModellingConfig
from topiclens.components.topics.transform import ModelTopics

SAMPLER = SamplerSettings(n_topics=4, iterations=40)


def _rows(documents, split="train", prefix=""):
    return [
        {"video_id": prefix + name, "split": split, "captions": [" ".join(words[:20]), " ".join(words[20:])]}
        for name, words in documents.items()
    ]


def _run(rows, folder, **told):
    summaries = folder / "summaries"
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | beam.Create(rows)
            | ModelTopics(str(folder / "topics"), TopicModellingConfig(**{"sampler": SAMPLER, "seed": 5, **told}))
            | beam.Map(json.dumps)
            | beam.io.WriteToText(str(summaries), shard_name_template="")
        )
    files = {path.name: path.read_bytes() for path in (folder / "topics").iterdir()}
    return json.loads(summaries.read_text()), files


def _labels(files):
    return {row["video_id"]: row["topics"] for row in map(json.loads, files["labels.jsonl"].splitlines())}


@pytest.fixture(scope="module")
def rows(documents):
    train = dict(list(documents.items())[:40])
    held_out = dict(list(documents.items())[40:])
    return _rows(train) + _rows(held_out, split="val")


@pytest.fixture(scope="module")
def written(rows, tmp_path_factory):
    return _run(rows, tmp_path_factory.mktemp("run"))


def test_all_videos_are_labelled(rows, written):
    summary, files = written
    assert set(files) == {"model.npz", "topics.json", "labels.jsonl", "log_likelihood.jsonl"}
    labels = _labels(files)
    assert set(labels) == {row["video_id"] for row in rows} and all(labels.values())
    assert summary["fitted"] == 40 and summary["inferred"] == 20 and summary["without_topics"] == 0
    assert summary["topics_a_video"] == sum(len(labels[row["video_id"]]) for row in rows[:40]) / 40


def test_the_order_of_the_rows_is_forgotten(rows, written, tmp_path):
    _, files = _run(rows[::-1], tmp_path)
    assert files == written[1]


def test_held_out_videos_do_not_touch_the_model_nor_each_other(rows, written, tmp_path):
    _, files = _run(rows[:41], tmp_path)
    assert files["model.npz"] == written[1]["model.npz"] and files["topics.json"] == written[1]["topics.json"]
    alone = rows[40]["video_id"]
    assert _labels(files)[alone] == _labels(written[1])[alone]


def test_labels_of_held_out_videos_come_from_the_written_model(rows, written, tmp_path):
    for name, content in written[1].items():
        (tmp_path / name).write_bytes(content)
    model = TopicModel.load(tmp_path)
    for row in rows[40:]:
        assert (
            model.rule(model.infer_words(row["video_id"], content_words(row["captions"])))
            == _labels(written[1])[row["video_id"]]
        )


def test_decisions_and_an_earlier_model_reach_every_label(rows, written, tmp_path):
    (tmp_path / "earlier").mkdir()
    for name, content in written[1].items():
        (tmp_path / "earlier" / name).write_bytes(content)
    _, files = _run(rows, tmp_path, governance={"ban": [2]}, previous=str(tmp_path / "earlier"), seed=6)
    assert len(json.loads(files["matching.json"])["kept"]) >= 3
    before, after = _labels(written[1]), _labels(files)
    assert any(2 in topics for topics in before.values()) and not any(2 in topics for topics in after.values())


def test_a_video_of_unknown_words_has_no_topic_and_is_counted(rows, tmp_path):
    unknown = {"video_id": "unknown", "split": "test", "captions": ["zebras!"]}
    summary, files = _run([*rows[:40], unknown], tmp_path)
    assert _labels(files)["unknown"] == [] and summary["without_topics"] == 1


def test_a_dataset_without_training_captions_stops_the_step(rows, tmp_path):
    with pytest.raises(Exception, match="No topics can be fitted.*rows of the split 'train'"):
        _run(rows[40:], tmp_path)
