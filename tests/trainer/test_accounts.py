"""Accounts add up to the logit, part by part as NumPy has them, and share out the state's part as relevance does."""

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.numpy_captioner import TINY, NumpyCaptioner, tiny_captioner
from topiclens.components.relevance.reading import explain
from topiclens.trainer.accounts import still, traced_accounts, word_accounts
from topiclens.trainer.vocabulary import BOS, EOS

CAPTION = [5, 3, 8, 3, EOS]
CONTENT = np.array([0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25, 0], np.float32)
KINDS = [{}, {"topics": "neurons", "interpretive_weight": 1.0}, {"topics": "neurons", "skip": True}]


def clip(seed=0):
    return np.random.default_rng(seed).normal(size=(6, TINY["feature_dim"])).astype(np.float32)


def account(model, frames, caption=CAPTION, against=CONTENT):
    found = traced_accounts(model)(frames[None], np.array([caption], np.int32), against)
    return {name: np.asarray(part)[0] for name, part in found.items()}


@pytest.mark.parametrize("changes", KINDS)
def test_the_parts_are_those_of_eq_6_in_numpy_and_add_up_to_the_centred_logit(changes):
    model, frames = tiny_captioner(**changes), clip()
    found, plain = account(model, frames), NumpyCaptioner(model)
    v = plain.encode(frames)
    memory = np.concatenate([v, frames], axis=1) if model.config.skip else v
    kernel, bias = plain["decoder/readout/kernel"], plain["decoder/readout/bias"]
    for step, word in enumerate(CAPTION):
        h, context, y = plain.read(memory, [BOS, *CAPTION[:step]])
        column = kernel[:, word] - kernel @ CONTENT
        of_h, of_context, of_y = np.split(column * np.concatenate([h, context, y]), [len(h), len(h) + len(context)])
        expected = {
            "neurons": of_context[: v.shape[1]],
            "features": of_context[v.shape[1] :].sum(),
            "state": of_h.sum(),
            "word_before": of_y.sum(),
            "bias": bias[word] - bias @ CONTENT,
        }
        for name, part in expected.items():
            np.testing.assert_allclose(found[name][step], part, rtol=1e-4, atol=1e-5, err_msg=name)
        logits = np.concatenate([h, context, y]) @ kernel + bias
        np.testing.assert_allclose(found["scores"][step], logits[word] - logits[4:8].mean(), rtol=1e-4, atol=1e-5)
        whole = sum(found[name][step].sum() for name in expected)
        np.testing.assert_allclose(whole, found["scores"][step], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changes", KINDS)
def test_directly_and_through_the_state_a_neuron_has_its_relevance(changes):
    model, frames = tiny_captioner(**changes), clip()
    found = account(model, frames, against=np.zeros(9, np.float32))  # against nothing: the logit itself
    relevance = explain(model, frames, CAPTION)
    np.testing.assert_allclose(found["scores"], relevance.scores, rtol=1e-5)
    whole = found["neurons"] + found["neurons_by_state"]
    np.testing.assert_allclose(whole, relevance.neurons.sum(axis=1), rtol=1e-4, atol=1e-5)


def test_against_one_word_the_account_is_the_difference_of_both_words():
    model, frames = tiny_captioner(topics="neurons"), clip()
    against = np.eye(9, dtype=np.float32)[4]
    one, other = (explain(model, frames, [5, 3, word]) for word in (8, 4))
    found = account(model, frames, [5, 3, 8], against)
    whole = found["neurons"] + found["neurons_by_state"]
    gap = one.neurons.sum(axis=1)[2] - other.neurons.sum(axis=1)[2]
    np.testing.assert_allclose(whole[2], gap, rtol=1e-4, atol=1e-5)


def test_padding_has_no_account():
    found = account(tiny_captioner(topics="neurons"), clip(), [5, 3, 0, 0])
    assert all(part[:2].any() and not part[2:].any() for name, part in found.items() if name != "features")


def test_a_still_video_is_accounted_for_as_a_clip_of_one_frame():
    model, words = tiny_captioner(topics="neurons"), np.array([CAPTION, CAPTION], np.int32)
    padded = clip()[None, :2] * np.array([[[1], [0]]], np.float32)
    video = model.encode(padded)
    alone = still(video["memory"][0, 0], tf.constant(2))
    expected, found = word_accounts(model, video, words[:1], CONTENT), word_accounts(model, alone, words, CONTENT)
    for name, part in expected.items():
        np.testing.assert_allclose(found[name], np.repeat(part, 2, axis=0), rtol=1e-5, atol=1e-6, err_msg=name)
