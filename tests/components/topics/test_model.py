"""A topic model in its folder."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest

from topiclens.components.topics import fitting
from topiclens.components.topics.documents import content_words
from topiclens.components.topics.labels import OccurrenceRule
from topiclens.components.topics.model import MODEL, TABLE, TopicModel
from topiclens.components.topics.table import Topic


@pytest.fixture(scope="module")
def model(documents):
    return fitting.fit(documents, n_topics=4, iterations=60, seed=3).model


@pytest.fixture
def folder(model, tmp_path):
    model.save(tmp_path)
    return tmp_path


def test_a_saved_model_infers_as_before(model, folder):
    loaded = TopicModel.load(folder)
    assert loaded.topics == model.topics and loaded.rule == model.rule and loaded.words == model.words
    captions = ["t1w1 t1w2 t1w3", "t2w1 t1w1"]
    np.testing.assert_array_equal(
        loaded.infer_words("v", content_words(captions)), model.infer_words("v", content_words(captions))
    )
    np.testing.assert_array_equal(loaded.phi, model.phi)


def test_the_words_of_a_topic_are_a_distribution(model):
    np.testing.assert_allclose(model.phi.sum(1), 1)
    assert model.phi.min() > 0


def test_equal_models_are_equal_bytes_whatever_the_time(model, monkeypatch):
    first = model.to_files()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert TopicModel.from_files(first).to_files() == first


def test_nothing_else_is_left_in_the_folder(folder):
    assert sorted(path.name for path in folder.iterdir()) == [MODEL, TABLE]


def test_the_files_hold_no_pickled_code(folder):
    with zipfile.ZipFile(folder / MODEL) as archive:
        for name in archive.namelist():
            assert b"'|O'" not in archive.read(name)[:128]


def test_the_table_can_be_read_without_our_code(folder):
    row = json.loads((folder / TABLE).read_text())["topics"][0]
    assert set(row) == {"id", "name", "words", "npmi", "share_of_videos"}


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"No topic model in {tmp_path}: model.npz and topics.json missing"):
        TopicModel.load(tmp_path)


@pytest.mark.parametrize("name", [MODEL, TABLE])
@pytest.mark.parametrize("keep", [0, 100])
def test_a_damaged_file_is_an_error_that_says_so(folder, name, keep):
    path = folder / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged.*run the topics step again"):
        TopicModel.load(folder)


def test_files_of_two_runs_are_told_apart(folder):
    table = json.loads((folder / TABLE).read_text())
    table["topics"].pop()
    (folder / TABLE).write_text(json.dumps(table))
    with pytest.raises(ValueError, match="files are of different runs"):
        TopicModel.load(folder)


def test_captions_without_a_known_word_have_no_topic(model):
    counts = model.infer_words("v", content_words(["zebras xylophone"]))
    assert counts.sum() == 0 and model.rule(counts) == []


def test_a_topics_words_are_told_by_how_much_likelier_it_makes_them():
    counts = np.array([[60, 38, 2, 0], [0, 50, 50, 0], [10, 0, 0, 290]])
    model = TopicModel(("red", "dog", "runs", "a"), counts, 1, 0.1, 0.1, OccurrenceRule(3, 0.0), 0)
    lifts = model.word_lifts()
    assert lifts[0] == {"red": (pytest.approx(np.log(0.6 / (70 / 500)), abs=1e-3), 0.6),
                        "dog": (pytest.approx(np.log(0.38 / (88 / 500)), abs=1e-3), 0.38)}  # fmt: skip
    assert "runs" not in lifts[0], "less likely than in all captions"
    assert list(lifts[2]) == ["a"]
    merged = dataclasses.replace(
        model, topics=tuple(Topic(k, str(k), (), None, 0.1) for k in range(3)), label_of=np.array([1, 1, -1])
    ).word_lifts()
    assert merged[0] == merged[2] == {}, "one counts as another topic, one is banned"
    assert merged[1]["red"] == (pytest.approx(np.log(0.3 / (70 / 500)), abs=1e-3), 0.3)
