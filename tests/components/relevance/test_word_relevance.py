"""Relevance of words: conserved, equal to a second derivation, silent at padding, and undone by random weights."""

import time

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.linearised import linearised_relevance
from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.components.relevance.reading import explain
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import BOS, EOS

CAPTION = [5, 3, 8, 3, EOS]


def clip(seed=0, n_frames=6, dim=TINY["feature_dim"]):
    return np.random.default_rng(seed).normal(size=(n_frames, dim)).astype(np.float32)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_relevance_and_biases_add_up_to_the_score(seed, skip):
    relevance = explain(tiny_captioner(seed, skip=skip), clip(seed), CAPTION)
    explained = relevance.features.sum(axis=(1, 2)) + relevance.previous.sum(axis=1)
    explained += relevance.decoder_bias + relevance.encoder_bias
    np.testing.assert_allclose(explained, relevance.scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(relevance.unexplained, relevance.scores - explained, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_neurons_hold_all_that_reaches_the_frames(seed):
    relevance = explain(tiny_captioner(seed), clip(seed), CAPTION)
    handed_on = relevance.frames.sum(axis=1) + relevance.encoder_bias
    np.testing.assert_allclose(relevance.neurons.sum(axis=(1, 2)), handed_on, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_relevance_is_activation_times_gradient_of_the_network_with_its_gates_held_fast(seed, skip):
    model = tiny_captioner(seed, skip=skip)
    relevance = explain(model, clip(seed), CAPTION)
    for name, expected in linearised_relevance(model, clip(seed), CAPTION).items():
        np.testing.assert_allclose(getattr(relevance, name), expected, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("skip", [False, True])
def test_the_score_and_the_attention_are_those_of_the_keras_model(skip):
    model, frames = tiny_captioner(skip=skip), clip()
    relevance = explain(model, frames, CAPTION)
    video = model.encode(frames[None])
    state = tuple(part[:, None] for part in model.decoder.initial_state(video["memory_mean"]))
    for t, (read, word) in enumerate(zip([BOS, *CAPTION], CAPTION)):
        now = model.decoder.step(tf.constant([[read]]), state, video["memory"], video["mask"])
        state = tuple(now[name] for name in model.decoder.state)
        np.testing.assert_allclose(relevance.scores[t], now["logits"][0, 0, word], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(relevance.alpha[t], now["alpha"][0, 0], atol=1e-5)


@pytest.mark.parametrize("skip", [False, True])
def test_padding_gets_nothing_and_changes_nothing(skip):
    model, frames = tiny_captioner(skip=skip), clip()
    padded = np.zeros((9, frames.shape[1]), np.float32)
    real = [1, 2, 3, 5, 6, 7]
    padded[real] = frames
    alone, among_padding = explain(model, frames, CAPTION), explain(model, padded, CAPTION)
    for name in ("features", "neurons", "alpha"):
        everywhere = getattr(among_padding, name)
        np.testing.assert_allclose(everywhere[:, real], getattr(alone, name), rtol=1e-4, atol=1e-5)
        assert not everywhere[:, [0, 4, 8]].any()
    np.testing.assert_array_equal(among_padding.mask, padded.any(axis=1))


def test_a_word_owes_nothing_to_words_after_it():
    model = tiny_captioner()
    longer, shorter = (explain(model, clip(), caption) for caption in (CAPTION, CAPTION[:3]))
    assert not np.triu(longer.previous, k=1).any()
    for name in ("scores", "features", "neurons", "initial", "decoder_bias"):
        np.testing.assert_allclose(getattr(longer, name)[:3], getattr(shorter, name), rtol=1e-4, atol=1e-5)


def test_the_padding_of_a_caption_is_no_word():
    model = tiny_captioner()
    np.testing.assert_array_equal(
        explain(model, clip(), [5, 3, 0, 0]).features, explain(model, clip(), [5, 3]).features
    )


@pytest.mark.parametrize("part", ["encoder/forward", "encoder/backward", "decoder/cell", "decoder/readout"])
def test_relevance_follows_the_weights_of_every_part(part):
    """The randomisation test of Adebayo et al. 2018: an explanation that outlives the weights explains nothing."""
    correlations = []
    for seed in range(8):
        model, frames = tiny_captioner(seed), clip(seed)
        before = explain(model, frames, CAPTION).features
        rng = np.random.default_rng(100 + seed)
        for variable in model.weights:
            if f"/{part}/" in variable.path:
                variable.assign(rng.permutation(np.ravel(variable)).reshape(variable.shape))
        after = explain(model, frames, CAPTION).features
        assert np.abs(after - before).max() > 0.01 * np.abs(before).max()
        correlations += [np.corrcoef(b.ravel(), a.ravel())[0, 1] for b, a in zip(before, after)]
    assert np.mean(correlations) < 0.7


def test_a_full_sized_model_is_explained_in_seconds():
    model = Captioner(CaptionerConfig(vocabulary_size=2541, feature_dim=1024))
    frames, caption = np.abs(clip(0, 28, 1024)), np.arange(4, 16)
    began = time.process_time()
    relevance = explain(model, frames, caption)
    assert time.process_time() - began < 10
    assert relevance.features.shape == (12, 28, 1024) and relevance.neurons.shape == (12, 28, 612)
    assert np.abs(relevance.unexplained / relevance.scores).max() < 1e-3


@pytest.mark.parametrize(
    "frames, caption, said",
    [
        (np.zeros((4, 5)), CAPTION, "no frame but padding"),
        (np.ones((4, 6)), CAPTION, r"\(time, 5\)"),
        (np.ones((1, 4, 5)), CAPTION, "one clip"),
        (np.ones((4, 5)), [], "Vocabulary.encode"),
        (np.ones((4, 5)), [0, 0], "no word"),
        (np.ones((4, 5)), [[5, 3]], "Vocabulary.encode"),
        (np.ones((4, 5)), [5.0], "Vocabulary.encode"),
        (np.ones((4, 5)), [5, 9], "0 to 8"),
        (np.ones((4, 5)), [-1, 5], "0 to 8"),
    ],
)
def test_what_cannot_be_explained_is_refused(frames, caption, said):
    with pytest.raises(ValueError, match=said):
        explain(tiny_captioner(), frames, caption)
