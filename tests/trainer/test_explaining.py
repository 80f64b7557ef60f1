"""What a captioner did: the caption of beam search, the attention of a second derivation, nothing at padding."""

import numpy as np
import pytest

from tests.trainer.linearised import linearised_relevance
from tests.trainer.numpy_captioner import clip_of, tiny_captioner
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.endpoints import explained_beam_search
from topiclens.trainer.vocabulary import PAD

BEAM, MAX_WORDS = 3, 7


def clips(lengths=(6, 3, 1), seed=0):
    batch = np.zeros((len(lengths), max(lengths), 5), np.float32)
    for row, length in zip(batch, lengths):
        row[:length] = np.random.default_rng(seed + length).normal(size=(length, 5))
    return batch


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_attention_is_that_of_a_second_derivation(seed, skip):
    model, frames = tiny_captioner(seed, skip=skip), clips(seed=seed)
    explained = explained_beam_search(model, frames, beam=BEAM, max_words=MAX_WORDS)
    all_words, attentions = np.asarray(explained["words"]), np.asarray(explained["attention"])
    assert (all_words != PAD).any()
    for row, (words, attention) in enumerate(zip(all_words, attentions)):
        clip, words = clip_of({"frames": frames}, row), words[words != PAD]
        if len(words):
            expected = linearised_relevance(model, clip, words)["alpha"]
            np.testing.assert_allclose(attention[: len(words), : len(clip)], expected, atol=1e-4)


def test_attention_is_shared_out_among_real_frames_by_real_words():
    model, frames = tiny_captioner(), clips()
    explained = explained_beam_search(model, frames, beam=BEAM, max_words=MAX_WORDS)
    words, attention = np.asarray(explained["words"]), np.asarray(explained["attention"])
    assert (words == PAD).any() and (words != PAD).any()
    np.testing.assert_allclose(attention.sum(axis=2), words != PAD, atol=1e-5)
    assert not attention[1, :, 3:].any() and not attention[words == PAD].any()


def test_words_scores_and_activations_are_those_of_the_captioner():
    model, frames = tiny_captioner(), clips()
    explained = explained_beam_search(model, frames, beam=BEAM, max_words=MAX_WORDS)
    words, log_prob = beam_search(model, frames, beam=BEAM, max_words=MAX_WORDS)
    np.testing.assert_array_equal(explained["words"], words)
    np.testing.assert_allclose(explained["log_prob"], log_prob)
    np.testing.assert_allclose(explained["topic_scores"], model.topic_scores(frames), rtol=1e-5)
    np.testing.assert_allclose(explained["activations"], model.encode(frames)["v"], rtol=1e-5)


@pytest.mark.parametrize("topics", ["neurons", "mlp"])
def test_the_timeline_of_topics_is_f_of_each_frame_and_nothing_at_padding(topics):
    model, frames = tiny_captioner(topics=topics), clips()
    explained = explained_beam_search(model, frames, beam=BEAM, max_words=MAX_WORDS)
    timeline, v = np.asarray(explained["topic_timeline"]), np.asarray(explained["activations"])
    f = model.topic_perceptron
    for row, length in enumerate((6, 3, 1)):
        for frame in range(length):
            expected = f.seen(f(v[row, frame][None]))[0]
            np.testing.assert_allclose(timeline[row, frame], expected, rtol=1e-5)
        assert not timeline[row, length:].any()
    np.testing.assert_allclose(timeline[2, 0], explained["topic_scores"][2], rtol=1e-5, err_msg="a clip of one frame")
    assert np.abs(timeline[0] - timeline[0, :1]).max() > 1e-3, "frames that are all alike would test nothing"


def test_topic_neurons_see_with_a_probability_whose_logit_is_the_mean_over_the_frames():
    model, frames = tiny_captioner(topics="neurons"), clips()
    explained = explained_beam_search(model, frames, beam=BEAM, max_words=MAX_WORDS)
    scores, timeline = (np.asarray(explained[name], np.float64) for name in ("topic_scores", "topic_timeline"))
    assert ((scores > 0) & (scores < 1)).all()
    for row, length in enumerate((6, 3, 1)):
        seen = timeline[row, :length]
        mean = np.log(seen / (1 - seen)).mean(axis=0)
        np.testing.assert_allclose(scores[row], 1 / (1 + np.exp(-mean)), rtol=1e-4)


def test_topics_that_were_never_learnt_are_not_told():
    unaware = tiny_captioner(interpretive_weight=0.0)
    assert "topic_scores" not in explained_beam_search(unaware, clips(), beam=BEAM, max_words=MAX_WORDS)
