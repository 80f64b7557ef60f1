"""Histograms of large weights, held against TensorFlow's own."""

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from topiclens.trainer.tensorboard import write_histogram


def written(folder, write) -> np.ndarray:
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=1):
        write()
    writer.close()
    events = EventAccumulator(str(folder)).Reload()
    assert list(events.PluginTagToContent("histograms")) == ["it"]  # what TensorBoard's page of histograms shows
    return tf.make_ndarray(events.Tensors("it")[0].tensor_proto)


def test_a_histogram_is_tensorflows_own(tmp_path):
    values = np.random.default_rng(0).normal(size=(300, 7)).astype("float32")
    ours = written(tmp_path / "ours", lambda: write_histogram("it", values))
    theirs = written(tmp_path / "theirs", lambda: tf.summary.histogram("it", values))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert ours.dtype == theirs.dtype


def test_what_is_not_finite_is_left_out(tmp_path):
    counts = written(tmp_path, lambda: write_histogram("it", np.array([[0, np.nan], [1, np.inf]], "float32")))[:, 2]
    assert counts[0] == counts[-1] == 1 and counts.sum() == 2
