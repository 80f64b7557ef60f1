"""Records are captioned through the model's serving signature, in order, in batches."""

import numpy as np
import pytest
import tensorflow as tf

from topiclens.components.captions import generate
from topiclens.components.captions.generate import slices_of
from topiclens.schemas import records
from topiclens.schemas.records import VideoRecord

DIM = 4


class CountingModel(tf.Module):
    """Captions a video by how many real frames it has, so that padding and mixed-up rows show."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, DIM], tf.float32, name="frames")])
    def answer(self, frames):
        count = tf.reduce_sum(tf.cast(tf.reduce_any(frames != 0, axis=-1), tf.int32), axis=-1)
        caption = tf.strings.join([tf.strings.as_string(count), tf.constant("frames – counted")], separator=" ")
        return {"caption": caption, "log_prob": tf.zeros(tf.shape(count))}


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    model = CountingModel()
    tf.saved_model.save(model, folder, signatures={"serving_default": model.answer})
    return folder


def video(number: int, frames: int) -> VideoRecord:
    return VideoRecord(
        video_id=f"video{number:02}",
        split="val",
        frames=np.full((frames, DIM), number + 1, np.float32),
        captions=("a man", "someone"),
        topics=np.array([number % 2, 1], np.int64),
        label="odd" if number % 2 else None,
    )


LENGTHS = [3, 1, 7, 2, 5, 4, 6]
VIDEOS = [video(number, frames) for number, frames in enumerate(LENGTHS)]
EXPECTED = {f"video{number:02}": f"{frames} frames – counted" for number, frames in enumerate(LENGTHS)}


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_record_gets_its_own_caption_in_order_whatever_the_batch(model_dir, tmp_path, batch_size):
    records.write(str(tmp_path / "data_tfrecord-00000-of-00001.gz"), VIDEOS)
    done = []
    captions, videos = generate.caption_examples(
        model_dir,
        str(tmp_path),
        batch_size=batch_size,
        progress=lambda what, share=None: done.append(int(what.split()[0])),
    )
    assert list(captions.items()) == list(EXPECTED.items())
    assert [one.captions for one in videos] == [one.captions for one in VIDEOS]
    assert done == [min(count, len(VIDEOS)) for count in range(batch_size, len(VIDEOS) + batch_size, batch_size)]


def test_slices_of_records_are_their_topics_and_labels():
    made = slices_of(VIDEOS[:3], names={1: "dog"})
    assert made == {
        "topic 0": ["video01"],
        "topic 1: dog": ["video00", "video01", "video02"],
        "label odd": ["video01"],
    }


def test_topic_slices_hold_each_video_once_a_topic_it_has():
    topics = {"a": [1, 0, 1], "b": [0, 0, 1], "c": [0, 0, 0]}
    none = np.zeros((0, DIM), np.float32)
    videos = [VideoRecord(name, "val", none, ("x",), np.array(vector)) for name, vector in topics.items()]
    made = slices_of(videos, names={2: "dog, ball"})
    assert made == {"topic 0": ["a"], "topic 2: dog, ball": ["a", "b"]}


def test_a_video_that_occurs_twice_is_refused(model_dir, tmp_path):
    records.write(str(tmp_path / "a.gz"), [VIDEOS[0], VIDEOS[0]])
    with pytest.raises(generate.CaptioningError, match="'video00' occurs twice"):
        generate.caption_examples(model_dir, str(tmp_path))


def test_features_of_two_widths_are_refused_by_name():
    wide = VideoRecord("wide", "val", np.ones((2, DIM + 1), np.float32), ("a",), np.zeros(1, np.int64))
    with pytest.raises(generate.CaptioningError, match="different widths: .*'wide'"):
        generate.pad_videos([VIDEOS[0], wide])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(generate.CaptioningError, match="holds no SavedModel"):
        generate.open_captioner(tmp_path)


def test_a_model_without_the_signature_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(generate.CaptioningError, match="no signature serving_default .* .it has none."):
        generate.open_captioner(tmp_path)
