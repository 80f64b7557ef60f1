"""`topiclens topics` as a person uses it: look, decide, look again, take back."""

import json

import pytest

from tests.components.topics.conftest import planted_documents
from topiclens.components.topics import fitting
from topiclens.components.topics.governance import load_governance
from topiclens.components.topics.model import write_files
from topiclens.pipeline import governing
from topiclens.pipeline.cli import main as cli
from topiclens.pipeline.run_metadata import Outcome
from topiclens.schemas.json_lines import write_rows


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    documents = {
        name: [{"0": "dog", "1": "guitar", "2": "wave", "3": "snow"}[word[1]] + word[3:] for word in words]
        for name, words in planted_documents().items()
    }
    write_files(folder, fitting.fit(documents, n_topics=4, iterations=150).to_files())
    return folder


@pytest.fixture
def topics(model, tmp_path, monkeypatch, capsys):
    """Runs the command on a root whose newest run has that model; gives what it says."""
    monkeypatch.setenv("COLUMNS", "200")  # so that a topic is a line
    monkeypatch.setattr(governing, "newest", lambda root: Outcome(root, {"topiclens.TopicModel": model}, True))

    def run(*arguments, status=0):
        assert cli.main(["topics", "--root", str(tmp_path), *arguments]) == status
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return captured.err if status else captured.out

    return run


@pytest.fixture
def ids(topics):
    """{planted topic: (id, name)}, as the table shows them."""
    rows = [line.split() for line in topics().splitlines()[1:]]
    return {row[3].rstrip("0123456789,"): row[0] for row in rows}


def _row(text, number):
    return next(line for line in text.splitlines() if line.split()[:1] == [number])


def test_a_look_writes_nothing(topics, ids, tmp_path):
    assert set(ids) == {"dog", "guitar", "wave", "snow"} and "next run" not in topics()
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_shown_at_once_and_trains_nothing(topics, ids, tmp_path):
    said = topics("--rename", ids["wave"], "surfing")
    assert "will be called 'surfing'" in said and "The next run trains nothing" in said
    assert "surfing" in _row(topics(), ids["wave"]) and "[was: wave" in _row(topics(), ids["wave"])
    assert load_governance(tmp_path / "governance.json").rename == {int(ids["wave"]): "surfing"}
    assert not (tmp_path / "topics").exists(), "ids are in no danger"
    topics("--rename", "surfing", "at sea")
    assert load_governance(tmp_path / "governance.json").rename == {int(ids["wave"]): "at sea"}


def test_several_decisions_at_once_and_what_the_next_run_makes_of_them(topics, ids, tmp_path):
    said = topics(
        "--merge", ids["dog"], ids["snow"], "--ban", ids["guitar"], "--seed", "sea", "wave1", "wave2"
    )  # fmt: skip
    assert f"topic {ids['snow']} (" in said and f"will count as topic {ids['dog']}" in said
    assert "will occur in no video" in said and "wave1, wave2 will be pinned to the topic 'sea'" in said
    assert "samples topics anew, keeps the ids" in said
    table = topics()
    assert f"[merged into {ids['dog']}]" in _row(table, ids["snow"]) and "[banned]" in _row(table, ids["guitar"])
    assert (tmp_path / "topics" / "last.json").exists(), "the ids that were decided upon are found again"
    row = json.loads((tmp_path / "governance.json").read_text())
    assert row["merge"] == [[int(ids["dog"]), int(ids["snow"])]] and set(row["topics"]) == {
        ids[name] for name in ("dog", "snow", "guitar")
    }


def test_undo_takes_a_decision_back(topics, ids):
    topics("--ban", ids["guitar"])
    assert "labels videos anew" in topics("--ban", ids["snow"])
    assert "nothing to change" in topics("--undo", ids["guitar"], "--undo", ids["snow"])
    assert "banned" not in topics()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--rename", "guitr1", "x"], "There is no topic 'guitr1'. Did you mean"),
        (["--merge", "0"], "at least two topics"),
        (["--seed", "sea", "wav1"], "do not use the word 'wav1' often enough to pin it. Did you mean wave1"),
        (["--seed", "sea"], "at least 1"),
        (["--undo", "0"], "nothing to undo"),
        (["--ban", "1", "--ban", "1"], "topic 1"),
    ],
)
def test_what_is_refused_is_refused_whole_and_says_why(topics, tmp_path, arguments, said):
    assert said in topics("--ban", "2", *arguments, status=1)
    assert not (tmp_path / "governance.json").exists()


def test_decisions_may_lie_elsewhere(topics, tmp_path):
    mine = tmp_path / "mine" / "topics.json"
    topics("--ban", "0", "--file", str(mine))
    assert (
        load_governance(mine).ban == (0,) and "[banned]" in topics("--file", str(mine)) and "[banned]" not in topics()
    )


def test_quality_is_measured_on_held_out_captions_and_compared_with_another_run(topics, model, tmp_path, monkeypatch):
    rows = [{"video_id": f"h{i}", "split": "val", "captions": ["dog1 dog2 dog3 guitar1"]} for i in range(3)]
    write_rows(tmp_path / "data" / "videos.jsonl", [*rows, {"video_id": "t", "split": "train", "captions": ["wave1"]}])
    folders = {"topiclens.TopicModel": model, "topiclens.Dataset": str(tmp_path / "data")}
    monkeypatch.setattr(governing, "newest", lambda root: Outcome(root, folders, True))
    said = topics("--quality", "--against", str(tmp_path))
    assert "perplexity, 3 held-out videos" in said and "agreement of labels (mean F1)  1.000" in said
    told = json.loads(topics("--quality", "--json"))
    assert told["held_out_videos"] == 3 and told["agreement"] is None and 1 < told["perplexity"] < 40
