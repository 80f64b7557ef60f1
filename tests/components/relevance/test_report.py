"""The report of many videos: which are chosen, what is written of each, and what is said of those that cannot be."""

import json

import numpy as np
import pytest

from tests.components.relevance.test_explanation import make_links
from tests.components.relevance.test_page import Parsed, explained, jpegs
from tests.components.videos.conftest import write_clip
from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.components.relevance.reading import ModelReader, OtherFeatures
from topiclens.components.relevance.report import ExplanationWriter, choose, first_explained, write_report
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.export import export
from topiclens.trainer.vocabulary import Vocabulary

DIM = TINY["feature_dim"]


def record(video_id, time=5, dim=DIM):
    frames = np.random.default_rng(len(video_id)).normal(size=(time, dim)).astype(np.float32)
    return VideoRecord(video_id, "val", frames, ("a dog runs", "a dog"), np.zeros(4, np.int64))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "1"
    vocabulary = Vocabulary(["a", "dog", "runs", "on", "grass"])
    export(tiny_captioner(3), vocabulary, folder, features={"backbone": None, "n_frames": 28}, beam=3, max_words=6)
    return ModelReader(folder)


def test_the_best_the_worst_and_those_evenly_between_are_chosen():
    scores = {f"v{i}": float(i) for i in range(11)}
    assert choose(scores, 3) == ["v10", "v5", "v0"]
    assert choose(scores, 6) == ["v10", "v8", "v6", "v4", "v2", "v0"]


@pytest.mark.parametrize(("count", "chosen"), [(0, []), (1, ["b"]), (9, ["b", "a", "c"])])
def test_no_more_are_chosen_than_there_are(count, chosen):
    assert choose({"a": 0.5, "b": 1.0, "c": 0.0}, count) == chosen
    assert choose({}, count) == []


def test_equal_scores_are_chosen_in_the_order_of_ids_however_they_came():
    assert choose({"c": 0.0, "a": 0.0, "b": 0.0}, 2) == choose({"a": 0.0, "b": 0.0, "c": 0.0}, 2) == ["a", "c"]


def test_pages_have_safe_names_of_their_own(tmp_path):
    report = ExplanationWriter(str(tmp_path))
    names = [report._file_name(name) for name in ("b c", "b/c", "B-C", "../..", "index", "ü", "日本", "v1.2")]
    assert names == ["b-c", "b-c-2", "B-C-3", "video", "index-2", "video-2", "video-3", "v1-2"]


def test_every_video_is_on_the_index_with_its_page_or_with_the_reason(tmp_path):
    report = ExplanationWriter(str(tmp_path))
    report.add("one", explained(), jpegs(), "CIDEr 0.50")
    report.add_fault("two", "It cannot be read.")
    report.write_index("Captions of val")
    assert {path.name for path in tmp_path.iterdir()} == {
        "one.html", "one.png", "one.json", "index.html", "index.json"
    }  # fmt: skip
    parsed = Parsed((tmp_path / "index.html").read_text())
    assert [link["href"] for link in parsed.all("a")] == ["one.html"]
    told = "".join(parsed.text)
    assert "Captions of val" in told and "CIDEr 0.50" in told and "It cannot be read." in told


def test_pages_lead_to_those_before_and_behind(tmp_path):
    report = ExplanationWriter(str(tmp_path))
    for name in ("one", "two", "three"):
        report.add(name, explained(video=f"{name}.mp4"), jpegs())
    ways = {
        name: [link["href"] for link in Parsed((tmp_path / f"{name}.html").read_text()).all("a")][1:]
        for name in ("one", "two", "three")
    }
    assert ways == {"one": ["two.html"], "two": ["one.html", "three.html"], "three": ["two.html"]}
    assert "Next: two.mp4" in (tmp_path / "one.html").read_text()


def test_the_first_page_is_that_of_the_first_video_that_has_one(tmp_path):
    report = ExplanationWriter(str(tmp_path))
    report.add_fault("lost", "It has no features.")
    report.write_index()
    assert first_explained(str(tmp_path)) is None
    page = report.add("one", explained())
    report.write_index()
    assert first_explained(str(tmp_path)) == (explained().video, explained().caption, page)


def test_a_dataset_is_explained_whatever_is_left_of_its_films(tmp_path, reader):
    (tmp_path / "broken.mp4").write_bytes(b"this is no video")
    clip = write_clip(tmp_path / "clip.mp4", 5)
    rows = [
        {"video_id": "filmed", "path": str(clip)},
        {"video_id": "unreadable", "path": str(tmp_path / "broken.mp4")},
        {"video_id": "brought", "features": "brought.npy"},
        {"video_id": "set-aside", "path": str(clip)},
    ]
    stored = {name: record(name) for name in ("filmed", "unreadable", "brought")}
    folder = tmp_path / "report"
    index = write_report(str(folder), "Captions of val", rows, stored, reader, scores={"filmed": 0.25})
    told = {name: json.loads((folder / f"{name}.json").read_text()) for name in stored}
    for name, numbers in told.items():
        assert numbers["caption"] == " ".join(reader(stored[name].frames).words)
        assert numbers["references"] == ["a dog runs", "a dog"]
        assert "learnt no topics" in numbers["notes"][0]
        assert ("<img" in (folder / f"{name}.html").read_text()) == (name == "filmed")
    assert "cannot be read" in told["unreadable"]["notes"][1] and "brought features" in told["brought"]["notes"][1]
    entries = json.loads((folder / "index.json").read_text())
    assert [(entry["video"], entry["page"]) for entry in entries] == [
        ("filmed", "filmed.html"), ("unreadable", "unreadable.html"), ("brought", "brought.html"), ("set-aside", None)
    ]  # fmt: skip
    text = (folder / "index.html").read_text()
    assert index == str(folder / "index.html") and "CIDEr 0.25" in text and "rejected.jsonl" in text


def test_the_neurons_bear_the_names_that_the_run_gave_them(tmp_path, reader):
    rows = [{"video_id": "v", "features": "v.npy"}]
    write_report(str(tmp_path), "val", rows, {"v": record("v")}, reader, links=make_links())
    told = json.loads((tmp_path / "v.json").read_text())
    assert len(told["notes"]) == 1 and told["topics"][0]["name"].startswith("name ")
    assert {line["topic_id"] for line in told["timelines"]} == {0, 1, 3}, "topic 2 has no neuron"


def test_an_empty_split_makes_an_index_of_nothing(tmp_path, reader):
    write_report(str(tmp_path), "Captions of test, explained", [], {}, reader)
    assert "There is no video here." in (tmp_path / "index.html").read_text()


def test_features_of_another_width_are_refused(reader):
    with pytest.raises(OtherFeatures, match=f"reads {DIM} numbers a frame, these features have {DIM + 1}"):
        reader(record("v", dim=DIM + 1).frames)
