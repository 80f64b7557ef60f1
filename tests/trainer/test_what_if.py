"""What-if against the paper's formula in plain NumPy and a search that knows every caption; nothing where nothing is
asked, and nothing at padding."""

import numpy as np
import pytest

from tests.trainer.numpy_captioner import NumpyCaptioner, clip_of, tiny_batch, tiny_captioner
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.endpoints import what_if
from topiclens.trainer.vocabulary import PAD

TOPICS, NEURONS = 4, 6


class Enhanced(NumpyCaptioner):
    """The plain captioner that sees v* = v + sum_t delta_t e_t in a clip without padding."""

    def __init__(self, model, added):
        super().__init__(model)
        self.added = added

    def encode(self, clip):
        return super().encode(clip) + self.added


def asked(seed=0):
    """An enhancement in which each topic has neurons of its own, and strengths of three clips."""
    rng = np.random.default_rng(seed)
    enhancement = rng.normal(size=(TOPICS, NEURONS)) * (np.arange(NEURONS) % TOPICS == np.arange(TOPICS)[:, None])
    return enhancement.astype(np.float32), rng.uniform(-3, 3, (3, TOPICS)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_best_caption_and_f_of_the_enhanced_activations(seed):
    model, batch = tiny_captioner(seed, vocabulary_size=6), tiny_batch(seed)
    enhancement, deltas = asked(seed)
    changed = what_if(model, batch["frames"], deltas, enhancement, beam=5, max_words=2)
    for row in range(3):
        plain, clip = Enhanced(model, deltas[row] @ enhancement), clip_of(batch, row)
        caption, log_prob = plain.best(clip, 2, range(4, 6))
        assert [int(word) for word in changed["words"][row] if word != PAD] == caption
        np.testing.assert_allclose(changed["log_prob"][row], log_prob, rtol=1e-4)
        np.testing.assert_allclose(changed["topic_scores"][row], plain.topic_scores(clip), rtol=1e-4, atol=1e-5)


def test_strengths_of_each_frame_enhance_that_frame_alone():
    model, batch = tiny_captioner(vocabulary_size=6), tiny_batch()
    enhancement, _ = asked()
    time = batch["frames"].shape[1]
    deltas = np.random.default_rng(1).uniform(-3, 3, (3, time, TOPICS)).astype(np.float32)
    changed = what_if(model, batch["frames"], deltas, enhancement, beam=5, max_words=2)
    for row in range(3):
        clip = clip_of(batch, row)
        plain = Enhanced(model, (deltas[row] @ enhancement)[np.any(batch["frames"][row] != 0, axis=1)])
        caption, log_prob = plain.best(clip, 2, range(4, 6))
        assert [int(word) for word in changed["words"][row] if word != PAD] == caption
        np.testing.assert_allclose(changed["log_prob"][row], log_prob, rtol=1e-4)
        np.testing.assert_allclose(changed["topic_scores"][row], plain.topic_scores(clip), rtol=1e-4, atol=1e-5)


def test_the_same_strength_at_every_frame_is_that_of_the_clip():
    model, frames = tiny_captioner(skip=True), tiny_batch()["frames"]
    enhancement, deltas = asked()
    over_time = np.repeat(deltas[:, None], frames.shape[1], axis=1)
    whole, framewise = (
        what_if(model, frames, strengths, enhancement, beam=3, max_words=5) for strengths in (deltas, over_time)
    )
    for name, values in whole.items():
        np.testing.assert_array_equal(values, framewise[name], err_msg=name)


@pytest.mark.parametrize("skip", [False, True], ids=["neurons alone", "skip"])
def test_strengths_of_zero_change_nothing_at_all(skip):
    model, frames = tiny_captioner(skip=skip), tiny_batch()["frames"]
    changed = what_if(model, frames, np.zeros((3, TOPICS), np.float32), asked()[0], beam=3, max_words=5)
    words, log_prob = beam_search(model, frames, beam=3, max_words=5)
    np.testing.assert_array_equal(changed["words"], words)
    np.testing.assert_array_equal(changed["log_prob"], log_prob)
    np.testing.assert_array_equal(changed["topic_scores"], model.topic_scores(frames))


def test_padding_is_never_enhanced():
    model, batch = tiny_captioner(skip=True), tiny_batch()
    enhancement, deltas = asked()
    together = what_if(model, batch["frames"], deltas, enhancement, beam=3, max_words=5)
    for row in range(3):
        alone = what_if(model, clip_of(batch, row)[None], deltas[row : row + 1], enhancement, beam=3, max_words=5)
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], together[name][row], rtol=1e-4, atol=1e-5, err_msg=name)
