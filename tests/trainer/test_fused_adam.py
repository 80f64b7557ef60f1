"""Adam in one pass, against Keras' Adam."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from topiclens.trainer.optimizers import FusedAdam


@pytest.mark.parametrize("settings", [{}, {"amsgrad": True}, {"global_clipnorm": 0.5, "weight_decay": 0.1}], ids=str)
def test_takes_the_steps_of_keras_adam(settings):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(5, 3)), rng.normal(size=(4, 5, 3)).astype("float32")
    ends = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        variable, optimizer = keras.Variable(start, dtype="float32"), kind(0.1, **settings)
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        ends.append([variable.numpy(), *(v.numpy() for v in optimizer.variables)])
    for ours, theirs in zip(*ends):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_rows_that_were_read_twice_count_as_one_gradient():
    """Keras' Adam squares the parts apart, which takes common words for rare ones."""
    rows = tf.IndexedSlices(tf.constant([[1.0], [3.0]]), tf.constant([1, 1]), dense_shape=tf.constant([3, 1]))
    variable, optimizer = keras.Variable(np.zeros((3, 1))), FusedAdam(0.1)
    optimizer.build([variable])
    optimizer.apply([rows], [variable])
    np.testing.assert_allclose(optimizer._velocities[0], [[0], [0.001 * 4**2], [0]], rtol=1e-4)
