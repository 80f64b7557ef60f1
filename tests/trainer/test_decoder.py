"""The decoder over known captions: packed and with its gradient written out, against one step at a time."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.trainer.numpy_captioner import tiny_batch, tiny_captioner
from topiclens.trainer import recurrence
from topiclens.trainer.decoder import CaptionDecoder


def encoded(model, batch):
    video = model.encode(batch["frames"])
    return video["memory"], video["mask"], video["memory_mean"]


def step_by_step(model, batch):
    """log p of each caption by ``CaptionDecoder.step``, every caption to the last step, padding masked at the end."""
    decoder, words = model.decoder, batch["words"]
    memory, mask, mean = encoded(model, batch)
    memory, mask, mean = (tf.gather(part, batch["video_index"]) for part in (memory, mask, mean))
    state = tuple(part[:, None] for part in decoder.initial_state(mean))
    total = 0.0
    for t in range(words.shape[1] - 1):
        now = decoder.step(words[:, t : t + 1], state, memory, mask)
        state = tuple(now[name] for name in decoder.state)
        log_probs = tf.gather(tf.nn.log_softmax(now["logits"][:, 0]), words[:, t + 1], batch_dims=1)
        total += log_probs * (words[:, t + 1] != 0)
    return total


def packed(model, batch):
    return model.decoder(batch["words"], *encoded(model, batch), batch["video_index"])


@pytest.mark.parametrize("skip", [False, True])
def test_values_and_gradients_equal_those_of_one_step_at_a_time(skip):
    model, batch = tiny_captioner(skip=skip), tiny_batch()
    weights = [*model.encoder.trainable_variables, *model.decoder.trainable_variables]
    results = []
    for function in (packed, step_by_step):
        with tf.GradientTape() as tape:
            log_prob = function(model, batch)
            loss = tf.reduce_sum(log_prob * [1.0, -2.0, 0.5, 3.0, 1.0])
        results.append([log_prob, *tape.gradient(loss, weights)])
    for path, ours, plain in zip(["log p", *(w.path for w in weights)], *results):
        np.testing.assert_allclose(tf.convert_to_tensor(ours), tf.convert_to_tensor(plain), atol=3e-5, err_msg=path)


def test_a_graph_that_does_not_know_the_sizes_gives_the_same():
    model, batch = tiny_captioner(), tiny_batch()
    spec = {
        "frames": tf.TensorSpec([None, 4, 5]),
        "words": tf.TensorSpec([None, batch["words"].shape[1]], tf.int32),
        "video_index": tf.TensorSpec([None], tf.int32),
        "topics": tf.TensorSpec([None, 4]),
    }
    graph = tf.function(lambda x: packed(model, x), input_signature=[spec])
    np.testing.assert_allclose(graph(batch), packed(model, batch), atol=1e-5)


def test_the_order_of_the_captions_does_not_matter():
    model, batch = tiny_captioner(), tiny_batch()
    order = np.array([3, 0, 4, 2, 1])
    shuffled = batch | {name: batch[name][order] for name in ("words", "video_index")}
    np.testing.assert_allclose(packed(model, shuffled), packed(model, batch).numpy()[order], atol=1e-5)


def test_more_padding_changes_nothing():
    model, batch = tiny_captioner(), tiny_batch()
    wider = batch | {"words": np.pad(batch["words"], ((0, 0), (0, 4)))}
    np.testing.assert_allclose(packed(model, wider), packed(model, batch), atol=1e-5)


@pytest.mark.parametrize("multiple", (1, 2, 8))
def test_packing_holds_each_real_word_once_and_rounds_up_the_rows_of_a_step(multiple, monkeypatch):
    monkeypatch.setattr(recurrence, "ROWS_MULTIPLE", multiple)
    targets = tiny_batch()["words"][:, 1:]
    packing = recurrence.Packing(ops.convert_to_tensor(targets))
    places, words = packing.place.numpy(), packing.pack(targets).numpy()
    assert len(set(places)) == len(places)
    assert sorted(places[words != 0]) == sorted(np.flatnonzero(targets.T))
    np.testing.assert_array_equal(words, targets.T.flatten()[places])
    for rows, running in zip(packing.rows, np.count_nonzero(targets, axis=0)):
        assert rows.stop - rows.start == min(-(-running // multiple) * multiple, len(targets))
    assert packing.rows[-1].stop == len(places)
    unpacked = packing.unpack(tf.cast(packing.pack(targets), tf.float32)[:, None])
    np.testing.assert_array_equal(unpacked[..., 0], targets)


def test_words_that_occur_are_kept_once_and_found_again():
    words = np.array([5, 2, 9, 2, 2, 0, 5])
    kinds, kind = recurrence.each_once(ops.convert_to_tensor(words), 11)
    assert sorted(kinds.numpy()) == sorted(set(words))
    np.testing.assert_array_equal(kinds.numpy()[kind], words)


def test_an_unknown_number_of_steps_is_refused_with_what_to_do():
    spec = tf.TensorSpec([None, None], tf.int32)
    with pytest.raises(ValueError, match="Pad every batch to one length"):
        tf.function(lambda targets: recurrence.Packing(targets).place, autograph=False).get_concrete_function(spec)


@pytest.mark.parametrize("regulariser", ("dropout", "word_dropout", "label_smoothing"))
def test_a_regulariser_acts_in_training_alone(regulariser):
    model, batch = tiny_captioner(**{"dropout": 0.0, regulariser: 0.5}), tiny_batch()
    args = (batch["words"], *encoded(model, batch), batch["video_index"])
    np.testing.assert_array_equal(model.decoder(*args), model.decoder(*args))
    assert not np.allclose(model.decoder(*args, training=True), model.decoder(*args))


def test_its_configuration_makes_it_again():
    config = CaptionDecoder(
        11, units=3, embedding_units=4, attention_units=5, dropout=0.2, word_dropout=0.3, label_smoothing=0.1
    ).get_config()
    again = CaptionDecoder.from_config(config)
    assert again.get_config() == config
