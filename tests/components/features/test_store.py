import json
import os
import pathlib

import numpy as np
import pytest

from topiclens.components.features import store
from topiclens.components.videos.ingest import TooManyRejected
from topiclens.schemas import records
from topiclens.schemas.files import replacing


@pytest.fixture
def outcomes():
    random = np.random.default_rng(0)
    return [
        ("first", random.normal(size=(3, 5)).astype(np.float32)),
        store.RejectedVideo("second", "it is damaged."),
        ("dritté", random.normal(size=(1, 5)).astype(np.float32)),
        store.RejectedVideo("fourth", "its decoder crashed.", lasting=False),
    ]


def test_a_shard_gives_back_exactly_what_it_was_given(outcomes, tmp_path):
    path = str(tmp_path / "store" / "x.tfrecord.gz")
    assert store.read_header(path) is None
    store.write_shard(path, outcomes)
    found = list(store.read_shard(path))
    assert [video_id for video_id, _ in found] == ["first", "dritté"]
    for (_, frames), expected in zip(found, (outcomes[0], outcomes[2]), strict=True):
        np.testing.assert_array_equal(frames, expected[1])
    header = store.read_header(path)
    assert header["videos"] == 2
    assert [store.RejectedVideo(**rejected) for rejected in header["rejected"]] == [outcomes[1], outcomes[3]]


def test_equal_outcomes_have_equal_bytes_and_leftovers_of_killed_runs_go(outcomes, tmp_path):
    first, second = tmp_path / "a.tfrecord.gz", tmp_path / "b.tfrecord.gz"
    second.with_name("b.tfrecord.gz.partial-12345").write_bytes(b"half a shard")
    store.write_shard(str(first), outcomes)
    os.utime(first, (0, 0))
    store.write_shard(str(second), outcomes)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.tfrecord*")) == [first.name, second.name]


def test_a_worker_never_removes_what_another_is_writing(outcomes, tmp_path, monkeypatch):
    path = tmp_path / "a.tfrecord.gz"
    seen = []

    def interrupted(records_path, serialized):
        monkeypatch.undo()
        with replacing(records_path) as aside:
            pathlib.Path(aside).write_bytes(b"half a shard")
            for name in (path, tmp_path / "b.tfrecord.gz"):  # the same shard and a neighbour, by other workers
                store.write_shard(str(name), outcomes)
                seen.append(pathlib.Path(aside).exists())

    monkeypatch.setattr(records, "write", interrupted)
    (tmp_path / "z.tfrecord.gz.partial-1").write_bytes(b"of a killed run")
    store.write_shard(str(path), outcomes)
    assert seen == [True, True]
    assert list(tmp_path.glob("*.partial-*")) == [], "the last to finish cleans up"


def test_a_damaged_and_a_missing_shard_say_what_to_do(outcomes, tmp_path):
    path = tmp_path / "x.tfrecord.gz"
    store.write_shard(str(path), outcomes)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(store.DamagedShard, match="Delete the file"):
        list(store.read_shard(str(path)))
    path.unlink()
    with pytest.raises(store.DamagedShard, match="run the features step again"):
        list(store.read_shard(str(path)))


def _finished(shard: int, path: pathlib.Path, rejected: int) -> tuple[dict, list[dict]]:
    rows = [
        {"video_id": f"{shard}-{n}", "step": "features", "what": "video", "reason": "damaged."} for n in range(rejected)
    ]
    return {"shard": shard, "file": str(path), "videos": 10 - rejected, "rejected": rejected}, rows


def test_the_index_is_in_order_whichever_worker_finished_first(tmp_path):
    shards = [_finished(number, tmp_path / str(number), rejected=number) for number in range(3)]
    for folder, order in (("one", shards), ("other", shards[::-1])):
        store.write_index(str(tmp_path / folder), order, dim=5)
    for name in (store.INDEX, store.REJECTED, store.SUMMARY):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert [row["shard"] for row in store.read_index(str(tmp_path / "one"))] == [0, 1, 2]
    rejected = [json.loads(line)["video_id"] for line in (tmp_path / "one" / store.REJECTED).read_text().splitlines()]
    assert rejected == ["1-0", "2-0", "2-1"]


def test_features_are_read_shard_by_shard_in_the_datasets_order(outcomes, tmp_path):
    rows = []
    for number, outcome in enumerate((outcomes[2], outcomes[0])):
        path = str(tmp_path / f"{number}.tfrecord.gz")
        store.write_shard(path, [outcome])
        rows.append(({"shard": number, "file": path, "videos": 1, "rejected": 0}, []))
    store.write_index(str(tmp_path / "out"), rows[::-1], dim=5)
    assert [video_id for video_id, _ in store.read_features(str(tmp_path / "out"))] == ["dritté", "first"]


def test_a_run_stops_past_the_share_that_a_setting_allows(tmp_path):
    store.write_index(str(tmp_path), [_finished(0, tmp_path, rejected=2)], dim=5)
    assert store.demand_enough(str(tmp_path), max_rejected_fraction=0.2)["rejected_videos"] == 2
    with pytest.raises(TooManyRejected, match="2 of 10 videos(.|\n)*at most 19%(.|\n)*0-0: damaged"):
        store.demand_enough(str(tmp_path), max_rejected_fraction=0.19)
    store.write_index(str(tmp_path), [], dim=5)
    with pytest.raises(TooManyRejected, match="at least one"):
        store.demand_enough(str(tmp_path), max_rejected_fraction=1.0)
