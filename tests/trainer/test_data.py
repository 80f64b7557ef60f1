"""Batches of whole videos."""

import tempfile

import numpy as np
import pytest

from topiclens.schemas import records
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.data import TrainingBatches
from topiclens.trainer.videos import DataError, read_videos
from topiclens.trainer.vocabulary import BOS, EOS, PAD, Vocabulary

DIM, TOPICS, FRAMES = 6, 3, 5
WORDS = [f"w{i}" for i in range(20)]
VOCABULARY = Vocabulary(WORDS)


def make_records(count: int, seed: int = 0, captions: tuple[int, int] = (1, 6)) -> list[VideoRecord]:
    rng = np.random.default_rng(seed)
    return [
        VideoRecord(
            video_id=f"video{i:03d}",
            split="train",
            frames=rng.random((rng.integers(1, FRAMES + 1), DIM), np.float32) + 0.1,
            captions=tuple(" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(rng.integers(*captions))),
            topics=rng.integers(0, 2, TOPICS),
        )
        for i in range(count)
    ]


def write(folder, items, files=1) -> str:
    folder.mkdir(exist_ok=True)
    for n in range(files):
        records.write(str(folder / f"part-{n}.gz"), items[n::files])
    return str(folder / "*.gz")


def read(pattern, **changes):
    settings = dict(feature_dim=DIM, n_topics=TOPICS, n_frames=FRAMES) | changes
    return read_videos(pattern, VOCABULARY, **settings)


def pairs_of(batch):
    """Every (frames, topics, words) that a batch trains on, as bytes."""
    return [
        (batch["frames"][i].tobytes(), batch["topics"][i].tobytes(), tuple(words[words != PAD]))
        for words, i in zip(batch["words"], batch["video_index"])
    ]


def assert_same_batches(left, right):
    for a, b in zip(left, right, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return read(write(tmp_path_factory.mktemp("records"), make_records(23)))


@pytest.mark.parametrize("epoch", [0, 1])
def test_an_epoch_trains_every_caption_once_with_its_own_video(videos, epoch):
    expected = []
    for record in make_records(23):
        frames = np.zeros((FRAMES, DIM), np.float32)
        frames[: len(record.frames)] = record.frames
        for caption in record.captions:
            words = (BOS, *VOCABULARY.encode(caption), EOS)
            expected.append((frames.tobytes(), record.topics.astype(np.float32).tobytes(), words))
    batches = TrainingBatches(videos, n_frames=FRAMES, batch_captions=12)
    seen = [pair for batch in batches.batches(epoch) for pair in pairs_of(batch)]
    assert sorted(seen) == sorted(expected)
    assert len(seen) == batches.captions_per_epoch


def test_every_batch_is_sorted_longest_first_and_padded_to_one_length(videos):
    batches = TrainingBatches(videos, n_frames=FRAMES, batch_captions=12)
    count = 0
    for batch in batches.batches(0):
        lengths = (batch["words"] != PAD).sum(axis=1)
        assert (np.diff(lengths) <= 0).all()
        assert batch["words"].shape[1] == 12  # 8 words, BOS and EOS, to a multiple of 4
        assert set(batch["video_index"]) == set(range(len(batch["frames"])))
        count += 1
    assert count == len(batches)


def test_seed_and_epoch_alone_decide_the_order(videos, tmp_path):
    settings = dict(n_frames=FRAMES, batch_captions=12, max_captions_per_video=2)
    again = read(write(tmp_path / "split", make_records(23)[::-1], files=3))
    assert again.digest == videos.digest
    for epoch in (0, 7):
        assert_same_batches(
            TrainingBatches(videos, seed=3, **settings).batches(epoch),
            TrainingBatches(again, seed=3, **settings).batches(epoch),
        )
    orders = {
        (seed, epoch): next(TrainingBatches(videos, seed=seed, **settings).batches(epoch))["frames"].tobytes()
        for seed in (3, 4)
        for epoch in (0, 1)
    }
    assert len(set(orders.values())) == 4


def test_the_dataset_gives_the_epoch_that_is_set_and_counts_the_waiting(videos):
    batches = TrainingBatches(videos, n_frames=FRAMES, batch_captions=12)
    dataset = batches.dataset()
    assert int(dataset.cardinality()) == len(batches)
    assert dataset.element_spec == batches.element_spec
    assert None not in (batches.element_spec["words"].shape[1], batches.element_spec["frames"].shape[1])
    for epoch in (2, 0):
        batches.epoch = epoch
        assert_same_batches(dataset.as_numpy_iterator(), batches.batches(epoch))
    assert batches.wait_seconds > 0


def test_waiting_is_measured_at_the_consumer(videos):
    import time

    class Slow(TrainingBatches):
        def batches(self, epoch):
            for batch in super().batches(epoch):
                time.sleep(0.05)
                yield batch

    impatient, patient = (Slow(videos, n_frames=FRAMES, batch_captions=12) for _ in range(2))
    list(impatient.dataset())
    for _ in patient.dataset():
        time.sleep(0.07)
    assert impatient.wait_seconds > 0.04 * len(impatient)
    assert patient.wait_seconds < 0.5 * impatient.wait_seconds


def test_no_thread_of_an_epoch_keeps_the_next_one_waiting(videos):
    # The autotuner looks at its pipeline ever more rarely, and the end of an iterator waits for it to wake up: at an
    # idle processor an epoch of half a minute was followed by a pause of 13 seconds, a longer one by a longer pause.
    assert TrainingBatches(videos, n_frames=FRAMES).dataset().options().autotune.enabled is False


def test_drawn_captions_are_distinct_and_change_by_epoch(tmp_path):
    many = read(write(tmp_path / "many", make_records(6, captions=(8, 9))))
    batches = TrainingBatches(many, n_frames=FRAMES, batch_captions=100, max_captions_per_video=3)
    drawn = [sorted(pairs_of(next(batches.batches(epoch)))) for epoch in range(4)]
    assert all(len(pairs) == 18 for pairs in drawn)
    assert len({str(pairs) for pairs in drawn}) == 4


def test_bucketing_makes_captions_of_a_batch_end_together(tmp_path):
    many = read(write(tmp_path / "many", make_records(200, captions=(1, 3))))

    def steps(bucket_batches):
        batches = TrainingBatches(many, n_frames=FRAMES, batch_captions=8, bucket_batches=bucket_batches)
        return sum((batch["words"][0] != PAD).sum() for batch in batches.batches(0))

    assert steps(8) < 0.9 * steps(1)


def test_frames_beyond_the_memory_limit_read_back_the_same(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spilled = read(write(tmp_path / "in", make_records(23)), cache_bytes=600)
    assert {type(item) for item in spilled.frames._items} == {np.ndarray, tuple}
    np.testing.assert_array_equal(spilled.padded_frames(range(23), FRAMES), videos.padded_frames(range(23), FRAMES))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_caption_that_is_cut_does_not_end(tmp_path):
    item = VideoRecord("a", "train", np.ones((1, DIM), np.float32), ("w1 w2 w3", "w1 w2"), np.zeros(TOPICS, np.int64))
    cut = read(write(tmp_path / "one", [item]), max_caption_words=2)
    w1, w2 = VOCABULARY.encode("w1 w2")
    assert [caption.tolist() for caption in cut.captions[0]] == [[BOS, w1, w2], [BOS, w1, w2, EOS]]


def test_videos_without_words_are_left_out_by_name(tmp_path):
    empty = VideoRecord("empty", "train", np.ones((1, DIM), np.float32), ("...",), np.zeros(TOPICS, np.int64))
    some = read(write(tmp_path / "some", [*make_records(2), empty]))
    assert (some.left_out, len(some)) == (["empty"], 2)
    with pytest.raises(DataError, match="None of the 1 records"):
        read(write(tmp_path / "none", [empty]))


@pytest.mark.parametrize(
    "frames, topics, message",
    [
        (np.ones((FRAMES + 1, DIM)), TOPICS, "'bad' has 6 frames; expected 1 to 5"),
        (np.ones((2, DIM + 1)), TOPICS, "features of width 7; the model expects 6"),
        (np.full((2, DIM), np.nan), TOPICS, "NaN or infinite"),
        (np.ones((2, DIM)), TOPICS + 1, "4 topics; the model expects 3"),
    ],
)
def test_a_record_that_does_not_fit_the_model_is_named(tmp_path, frames, topics, message):
    bad = VideoRecord("bad", "train", frames.astype(np.float32), ("w1",), np.zeros(topics, np.int64))
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "bad", [bad]))


def test_files_that_are_missing_cut_or_repeated_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="No record files match"):
        read(str(tmp_path / "nothing*"))
    pattern = write(tmp_path / "cut", make_records(4))
    whole = (tmp_path / "cut" / "part-0.gz").read_bytes()
    (tmp_path / "cut" / "part-0.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a whole gzip TFRecord"):
        read(pattern)
    twice = write(tmp_path / "twice", make_records(2) * 2)
    with pytest.raises(DataError, match="'video000' comes twice"):
        read(twice)


def test_frames_are_padded_in_id_order_for_captioning(videos):
    ids, frames = zip(*videos.frame_batches(size=10, n_frames=FRAMES))
    assert sum(ids, []) == sorted(videos.ids)
    expected = {record.video_id: record.frames for record in make_records(23)}
    for video_id, clip in zip(sum(ids, []), np.concatenate(frames)):
        np.testing.assert_array_equal(clip[records.frame_mask(clip)], expected[video_id])


def test_shuffled_topics_are_the_same_ones_elsewhere_and_another_data_set(videos):
    shuffled = videos.with_shuffled_topics(0)
    np.testing.assert_array_equal(np.sort(shuffled.topics, axis=0), np.sort(videos.topics, axis=0))
    assert not np.array_equal(shuffled.topics, videos.topics)
    np.testing.assert_array_equal(shuffled.topics, videos.with_shuffled_topics(0).topics)
    assert len({videos.digest, shuffled.digest, videos.with_shuffled_topics(1).digest}) == 3
    assert shuffled.captions is videos.captions
