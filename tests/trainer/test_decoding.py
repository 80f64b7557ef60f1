"""Beam search, greedy with one beam, against a search that knows every caption."""

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.numpy_captioner import NumpyCaptioner, clip_of, tiny_batch, tiny_captioner
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.vocabulary import BOS, EOS, PAD, UNK

SEEDS = range(4)


def written(words):
    return [[int(word) for word in row if word != PAD] for row in np.array(words)]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_beam_is_greedy_and_takes_the_likeliest_word_at_every_step(seed):
    model, batch = tiny_captioner(seed, scale=4.0), tiny_batch(seed)
    plain = NumpyCaptioner(model)
    words, log_prob = beam_search(model, batch["frames"], beam=1, max_words=4)
    for row in range(3):
        clip = clip_of(batch, row)
        expected = plain.greedy(clip, 4, range(4, 9))
        assert written(words)[row] == expected
        np.testing.assert_allclose(log_prob[row], plain.log_prob(clip, expected), rtol=1e-4)


# Two words and captions of at most two: at most 6 continuations, of which the worst can never win. 5 beams are exact.
# Three words and captions of at most three: 27 beams hold all.
@pytest.mark.parametrize("words, max_words, beam", [(2, 2, 5), (3, 3, 27)])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_beam_that_is_wide_enough_finds_the_best_of_all_captions(words, max_words, beam, length_penalty):
    for seed in SEEDS:
        model, batch = tiny_captioner(seed, vocabulary_size=4 + words), tiny_batch(seed)
        plain = NumpyCaptioner(model)
        found, log_prob = beam_search(model, batch["frames"], beam, max_words, length_penalty)
        for row in range(3):
            expected, best = plain.best(clip_of(batch, row), max_words, range(4, 4 + words), length_penalty)
            assert written(found)[row] == expected
            np.testing.assert_allclose(log_prob[row], best, rtol=1e-4)


def test_a_wider_beam_finds_likelier_captions_on_average():
    found = []
    for seed in range(6):
        model, frames = tiny_captioner(seed), tiny_batch(seed)["frames"]
        found.append([np.mean(beam_search(model, frames, beam, max_words=5)[1]) for beam in (1, 5)])
    narrow, wide = np.mean(found, axis=0)
    assert wide > narrow


@pytest.mark.parametrize("seed", SEEDS)
def test_the_log_probability_is_the_models_own_of_the_caption_with_its_end(seed):
    model, batch = tiny_captioner(seed), tiny_batch(seed)
    words, log_prob = beam_search(model, batch["frames"], beam=3, max_words=5)
    captions = np.zeros((3, 7), np.int32)
    for row, caption in zip(captions, written(words)):
        row[: len(caption) + 2] = [BOS, *caption, EOS]
    scored = model(batch | {"words": captions, "video_index": np.arange(3, dtype=np.int32)})
    np.testing.assert_allclose(log_prob, scored["log_prob"], rtol=1e-4)


def test_special_words_are_never_written_and_padding_only_follows():
    model = tiny_captioner()
    bias = model.decoder.readout.bias.numpy()
    bias[[PAD, BOS, UNK]] = 50
    model.decoder.readout.bias.assign(bias)
    words = np.array(beam_search(model, tiny_batch()["frames"], beam=4, max_words=5)[0])
    assert not np.isin(words, [BOS, EOS, UNK]).any()
    assert ((words[:, :-1] != PAD) | (words[:, 1:] == PAD)).all()


def test_a_caption_that_reaches_the_limit_ends_there():
    model = tiny_captioner()
    bias = model.decoder.readout.bias.numpy()
    bias[EOS] = -30
    model.decoder.readout.bias.assign(bias)
    words, log_prob = beam_search(model, tiny_batch()["frames"], beam=1, max_words=3)
    assert (np.array(words) != PAD).all()
    assert (np.array(log_prob) < -20).all()  # the end, forced, is paid for


def test_padding_and_company_change_nothing():
    model, batch = tiny_captioner(), tiny_batch()
    words, log_prob = beam_search(model, batch["frames"], beam=3, max_words=5)
    for row in range(3):
        alone_words, alone_log_prob = beam_search(model, clip_of(batch, row)[None], beam=3, max_words=5)
        np.testing.assert_array_equal(alone_words[0], words[row])
        np.testing.assert_allclose(alone_log_prob[0], log_prob[row], rtol=1e-5)


def test_one_graph_serves_any_number_of_clips_of_any_length():
    model, batch = tiny_captioner(), tiny_batch()
    graph = tf.function(
        lambda frames: beam_search(model, frames, beam=3, max_words=5), input_signature=[tf.TensorSpec([None, None, 5])]
    )
    for frames in (batch["frames"], batch["frames"][:1, :2]):
        for found, expected in zip(graph(frames), beam_search(model, frames, beam=3, max_words=5)):
            np.testing.assert_allclose(found, expected, rtol=1e-5)
    kinds = [operation.type for operation in graph.get_concrete_function().graph.get_operations()]
    assert sum("While" in kind for kind in kinds) == 3  # two directions of the encoder, and the words
