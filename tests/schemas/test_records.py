"""Records survive the file; what is not a record says so."""

import numpy as np
import pytest
import tensorflow as tf

from topiclens.schemas import features, records
from topiclens.schemas.records import VideoRecord


def a_record(**changes) -> VideoRecord:
    rng = np.random.default_rng(0)
    fields = {
        "video_id": "vidéo 1",
        "split": "train",
        "frames": rng.random((5, 8), np.float32),
        "captions": ("a dog runs", "un chien où ?"),
        "topics": np.array([0, 1, 1]),
        "label": "animal",
    }
    return VideoRecord(**{**fields, **changes})


def assert_same(one: VideoRecord, other: VideoRecord) -> None:
    assert (one.video_id, one.split, one.captions, one.label) == (
        other.video_id,
        other.split,
        other.captions,
        other.label,
    )
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(one.topics, other.topics)


@pytest.mark.parametrize("changes", [{}, {"label": None}, {"captions": ()}, {"frames": np.zeros((0, 0), np.float32)}])
def test_a_record_reads_back_as_it_was_written(changes):
    record = a_record(**changes)
    assert_same(records.decode(records.encode(record)), record)


def test_equal_records_give_equal_bytes():
    assert records.encode(a_record()) == records.encode(a_record())


@pytest.mark.parametrize(
    "frames", [np.array([[1, np.nan, -0.0], [np.inf, 1e-45, 3]]), np.ones((2, 200)), np.ones((2, 0))]
)
def test_frames_are_the_message_that_tensorflow_makes_of_them(frames):
    encoded = records.encode(a_record(frames=frames))
    np.testing.assert_array_equal(records.decode(encoded).frames, frames.astype(np.float32))
    example = tf.train.SequenceExample.FromString(encoded)
    written = example.feature_lists.feature_list["frames"].feature
    expected = [tf.train.FloatList(value=frame) for frame in frames]
    assert [step.float_list.SerializeToString() for step in written] == [e.SerializeToString() for e in expected]


def test_the_graph_reads_what_python_reads():
    record = a_record(label=None)
    parsed = records.parse(tf.constant(records.encode(record)))
    np.testing.assert_array_equal(parsed[features.FRAMES], record.frames)
    np.testing.assert_array_equal(parsed[features.TOPICS], record.topics)
    assert [caption.decode() for caption in parsed[features.CAPTIONS].numpy()] == list(record.captions)
    assert parsed[features.VIDEO_ID].numpy().decode() == record.video_id
    assert parsed[features.LABEL].numpy() == b""


def test_files_are_written_whole_and_read_in_order(tmp_path):
    path = tmp_path / "data.gz"
    written = [a_record(video_id=f"v{number}") for number in range(4)]
    assert records.write(str(path), [written[0], records.encode(written[1]), *written[2:]]) == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.gz"]
    for read, record in zip(records.read(records.files_of(str(tmp_path))), written, strict=True):
        assert_same(read, record)


def test_the_videos_asked_for_are_read_and_no_others(tmp_path):
    named = a_record(video_id="other", captions=("a sign says v1",))  # holds the id of another video in its text
    records.write(str(tmp_path / "data.gz"), [named, *(a_record(video_id=f"v{number}") for number in range(12))])
    read = records.read(records.files_of(str(tmp_path)), only=["v11", "v1", "nobody"])
    assert [record.video_id for record in read] == ["v1", "v11"]


def test_the_same_records_make_the_same_file(tmp_path):
    for name in ("one.gz", "other.gz"):
        records.write(str(tmp_path / name), [a_record()])
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()


def test_bytes_that_are_no_record_are_refused():
    with pytest.raises(records.RecordError, match="SequenceExample"):
        records.decode(b"\xff\xffnot a record")


def test_a_record_without_an_id_is_refused():
    with pytest.raises(records.RecordError, match="video_id"):
        records.decode(tf.train.SequenceExample().SerializeToString())


def test_frames_of_different_widths_are_refused():
    example = tf.train.SequenceExample.FromString(records.encode(a_record()))
    example.feature_lists.feature_list["frames"].feature[2].float_list.value.append(1.0)
    with pytest.raises(records.RecordError, match=r"vidéo 1.*\[8, 9\]"):
        records.decode(example.SerializeToString())


def test_an_empty_split_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="examples step"):
        records.files_of(str(tmp_path))


def test_the_mask_is_false_at_all_zero_rows_alone():
    frames = np.array([[[0.0, 1.0], [0.0, 0.0]], [[-1.0, 1.0], [1e-30, 0.0]]], np.float32)
    np.testing.assert_array_equal(records.frame_mask(frames), [[True, False], [True, True]])
