import dataclasses
import json

import numpy as np
import pytest

from topiclens.components.features import shards, store
from topiclens.components.features.backbones import registry
from topiclens.components.features.decoder import DecoderFailed
from topiclens.components.features.extract import FeatureExtractor
from topiclens.components.features.settings import ExtractionConfig
from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.feature_files import FeatureError
from topiclens.components.videos.sampling import POLICIES, Sampling


class Decoders:
    """In place of a pool: a frame of colour 1, 2, 3... a clip; the error for paths that are in `faults`."""

    def __init__(self, **faults):
        self.faults, self.sampled = faults, []

    def sample(self, clips):
        for clip in clips:
            self.sampled.append(clip.path)
            colour = int(clip.path.strip("clip"))
            yield self.faults.get(clip.path) or [np.full((20, 30, 3), colour, np.uint8)] * 2


def _write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def _clip(number: int, **more) -> dict:
    return {"video_id": f"vidéo {number}", "path": f"clip{number}", "content": f"c{number}", "captions": ["ä"]} | more


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.DIMS, registry.DEFAULT, 3)
    videos = _write(tmp_path / "videos.jsonl", [_clip(number) for number in range(1, 8)])
    return shards.ExtractionJob(videos, str(tmp_path / "store"), ExtractionConfig(videos_per_shard=3))


def _with(job: shards.ExtractionJob, **changes) -> shards.ExtractionJob:
    paths = {name: changes.pop(name) for name in ("videos",) if name in changes}
    return dataclasses.replace(job, config=dataclasses.replace(job.config, **changes), **paths)


@pytest.mark.parametrize("videos_per_shard", [1, 3, 7, 100])
def test_shards_hold_every_row_once_and_in_order(job, videos_per_shard):
    planned = shards.plan_shards(_with(job, videos_per_shard=videos_per_shard))
    rows = [row for shard in planned.shards for row in shards.read_rows(job.videos, shard)]
    assert rows == [_clip(number) for number in range(1, 8)]
    assert [shard.number for shard in planned.shards] == list(range(len(planned.shards)))
    assert all(shard.count == videos_per_shard for shard in planned.shards[:-1])


def test_a_shards_name_follows_what_its_features_depend_on_and_nothing_else():
    rows = [_clip(1), _clip(2)]
    name = shards.shard_file("store", "f", rows)
    assert name == shards.shard_file("store", "f", [_clip(1, captions=["other"], path="moved"), _clip(2, label="x")])
    others = [
        shards.shard_file("store", "g", rows),
        shards.shard_file("store", "f", rows[::-1]),
        shards.shard_file("store", "f", rows[:1]),
        shards.shard_file("store", "f", [_clip(1, content="changed"), _clip(2)]),
        shards.shard_file("store", "f", [_clip(1, start=1.0), _clip(2)]),
        shards.shard_file("store", "f", [_clip(1, end=1.0), _clip(2)]),
        shards.shard_file("store", "f", [_clip(1, video_id="renamed"), _clip(2)]),
    ]
    assert len({name, *others}) == 8


def test_a_row_that_was_not_ingested_counts_by_its_files_size_and_time(tmp_path):
    clip = tmp_path / "a.mp4"
    names = set()
    for content in (None, b"one", b"other"):
        if content:
            clip.write_bytes(content)
        names.add(shards.shard_file("store", "f", [{"video_id": "a", "path": str(clip)}]))
    assert len(names) == 3


def test_outcomes_keep_the_rows_order_whatever_fails_or_needs_no_network(mean_colour, tmp_path):
    np.save(tmp_path / "known.npy", np.full((1, 3), 9.0, np.float16))
    rows = [_clip(1), {"video_id": "known", "features": str(tmp_path / "known.npy")}, _clip(2), _clip(3), _clip(4)]
    decoders = Decoders(clip2=UnreadableVideo("it is damaged."), clip4=DecoderFailed("its decoder crashed."))
    outcomes = shards.features_of(
        rows, Sampling(n_frames=2), 3, network=lambda: FeatureExtractor(mean_colour, 4), decoders=lambda: decoders
    )
    assert outcomes[2:5:2] == [
        store.RejectedVideo("vidéo 2", "it is damaged."),
        store.RejectedVideo("vidéo 4", "its decoder crashed.", lasting=False),
    ]
    for outcome, video_id, value, count in zip(
        (outcomes[0], outcomes[1], outcomes[3]), ("vidéo 1", "known", "vidéo 3"), (1, 9, 3), (2, 1, 2), strict=True
    ):
        assert outcome[0] == video_id
        np.testing.assert_allclose(outcome[1], np.full((count, 3), value), atol=1e-4)


def _unwanted():
    raise AssertionError("precomputed features need neither a network nor a decoder")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("time", [1, 4, 5, 50])
def test_precomputed_features_are_sampled_as_frames_are(time, policy, tmp_path):
    frames = np.random.default_rng(0).normal(size=(time, 6)).astype(np.float16)
    np.save(tmp_path / "a.npy", frames)
    row = {"video_id": "a", "features": str(tmp_path / "a.npy")}
    sampling = Sampling(policy, n_frames=4, step=2, seed=1)
    ((video_id, found),) = shards.features_of([row], sampling, 6, network=_unwanted, decoders=_unwanted)
    assert video_id == "a" and found.dtype == np.float32
    np.testing.assert_array_equal(found, frames[list(sampling.indices(time, "a"))].astype(np.float32))


@pytest.mark.parametrize(
    "array, reason",
    [
        (np.ones((4, 5), np.float32), "5 wide, expected 6"),
        (np.full((4, 6), np.nan, np.float32), "NaN"),
        (np.full((4, 6), np.inf, np.float32), "infinite"),
        (np.zeros((4, 6), np.float32), "zero everywhere"),
        (np.zeros((0, 6), np.float32), "shape"),
        (np.ones(6, np.float32), "shape"),
        (np.array([[{}]]), "pickled|cannot be read"),
    ],
)
def test_unusable_precomputed_features_are_set_aside_with_the_reason(array, reason, tmp_path):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    row = {"video_id": "a", "features": str(tmp_path / "a.npy")}
    (outcome,) = shards.features_of([row], Sampling(n_frames=4), 6, network=_unwanted, decoders=_unwanted)
    assert outcome.lasting
    with pytest.raises(FeatureError, match=reason):
        raise FeatureError(outcome.reason)


def test_a_finished_shard_is_kept_and_its_rejected_rows_with_it(job, mean_colour):
    planned = shards.plan_shards(job)
    decoders = Decoders(clip2=UnreadableVideo("it is damaged."))
    options = {"network": lambda: FeatureExtractor(mean_colour, 4), "decoders": lambda: decoders}
    index_row, rejected, computed = shards.finish_shard(planned, planned.shards[0], **options)
    assert computed and [row["video_id"] for row in rejected] == ["vidéo 2"] and index_row["videos"] == 2
    again = shards.finish_shard(planned, planned.shards[0], network=_unwanted, decoders=_unwanted)
    assert again == (index_row, rejected, False)


def test_another_policy_computes_anew_and_what_equal_spacing_left_is_found_again(job, mean_colour):
    def computed(sampling):
        planned = shards.plan_shards(_with(job, sampling=sampling))
        network = lambda: FeatureExtractor(mean_colour, 4)  # noqa: E731
        return shards.finish_shard(planned, planned.shards[0], network=network, decoders=Decoders)[2]

    assert [computed(Sampling()), computed(Sampling("step", step=2)), computed(Sampling("step", step=3))] == [True] * 3
    assert not computed(Sampling()) and not computed(Sampling("step", step=2))


def test_a_shard_in_which_a_decoder_crashed_is_tried_again(job, mean_colour):
    planned = shards.plan_shards(job)
    options = {"network": lambda: FeatureExtractor(mean_colour, 4)}
    crashing = Decoders(clip2=DecoderFailed("its decoder crashed."))
    _, rejected, _ = shards.finish_shard(planned, planned.shards[0], decoders=lambda: crashing, **options)
    assert len(rejected) == 1
    index_row, rejected, computed = shards.finish_shard(planned, planned.shards[0], decoders=Decoders, **options)
    assert computed and not rejected
    assert [video_id for video_id, _ in store.read_shard(index_row["file"])] == ["vidéo 1", "vidéo 2", "vidéo 3"]


def test_the_width_is_the_backbones_where_there_are_clips_and_the_arrays_where_there_are_none(job, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 7), np.float32))
    features = {"video_id": "a", "features": str(tmp_path / "a.npy")}
    known = _write(tmp_path / "known.jsonl", [features])
    mixed = _write(tmp_path / "mixed.jsonl", [features, _clip(1)])
    assert (
        shards.plan_shards(_with(job, videos=known, backbone="none")).dim
        == shards.plan_shards(_with(job, videos=known)).dim
        == 7
    )
    assert shards.plan_shards(_with(job, videos=mixed)).dim == 3
    assert shards.plan_shards(_with(job, videos=mixed, backbone="googlenet")).dim == 1024
    with pytest.raises(ValueError, match="clip1.*Name a backbone"):
        shards.plan_shards(_with(job, videos=mixed, backbone="none"))
    with pytest.raises(ValueError, match="no backbone 'inception_v9'"):
        shards.plan_shards(_with(job, backbone="inception_v9"))
