"""A captioner under edits, against its own layers, the definition of a slope, and a second way to each probability."""

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from topiclens.components.captions.generate import pad
from topiclens.components.neurons import edits
from topiclens.components.neurons.edits import EditedCaptioner, Edits
from topiclens.trainer.decoding import beam_search, greedy
from topiclens.trainer.vocabulary import BOS, EOS

NEURONS = 8
WORDS = np.array([[5, 7, 4, EOS], [6, EOS, 0, 0], [4, 5, EOS, 0], [7, 7, 7, 6]], np.int32)
VIDEO = np.array([3, 0, 3, 6])


@pytest.fixture(scope="module", params=[False, True], ids=["neurons alone", "skip"])
def model(request):
    return EditedCaptioner(small_captioner(skip=request.param), max_words=5)


def changes(videos, seed=0):
    rng = np.random.default_rng(seed)
    keep, added = rng.normal(1, 0.5, (4, NEURONS)), rng.normal(0, 0.3, (4, NEURONS))
    return Edits.of(videos, VIDEO, NEURONS, keep=keep, added=added)


def log_probs_by_the_decoder(captioner, edit, words):
    """log p of whole captions, by the decoder that trains, on v changed in NumPy."""
    frames = pad([edit.videos[place] for place in edit.video])
    encoded = {name: np.asarray(values) for name, values in captioner.encode(frames).items()}
    v = (edit.keep[:, None] * encoded["v"] + edit.added[:, None]) * encoded["mask"][:, :, None]
    memory = np.concatenate([v, frames], axis=-1) if captioner.config.skip else v
    mean = memory.sum(axis=1) / encoded["mask"].sum(axis=1, keepdims=True)
    words = np.pad(words, ((0, 0), (1, 0)), constant_values=BOS)
    return np.asarray(captioner.decoder(words, memory, encoded["mask"], mean, np.arange(len(words))))


def test_scores_are_those_of_the_decoder_that_trains(model, videos):
    edit = changes(videos)
    expected = log_probs_by_the_decoder(model.captioner, edit, WORDS)
    np.testing.assert_allclose(model.scores(edit, WORDS, WORDS != 0), expected, rtol=1e-4)
    untouched = Edits.of(videos, VIDEO, NEURONS)
    expected = log_probs_by_the_decoder(model.captioner, untouched, WORDS)
    np.testing.assert_allclose(model.scores(untouched, WORDS, WORDS != 0), expected, rtol=1e-4)


def test_weights_choose_words(model, videos):
    edit = changes(videos)
    parts = [model.scores(edit, WORDS, (WORDS != 0) * (np.arange(4) == step)) for step in range(4)]
    np.testing.assert_allclose(sum(parts), model.scores(edit, WORDS, WORDS != 0), rtol=1e-5)
    assert parts[3][1] == 0  # the second caption is over by then


def test_slopes_are_how_scores_move_with_a_neurons_factor(model, videos):
    edit, weights = changes(videos), (WORDS != 0) / 2
    slopes = model.slopes(edit, WORDS, weights)
    for neuron in range(NEURONS):
        step = 0.02 * (np.arange(NEURONS) == neuron)
        up, down = (
            model.scores(Edits.of(videos, VIDEO, NEURONS, keep=edit.keep + by, added=edit.added), WORDS, weights)
            for by in (step, -step)
        )
        np.testing.assert_allclose(slopes[:, neuron], (up - down) / 0.04, atol=2e-3)


def test_expected_words_are_the_sum_of_their_probabilities(model, videos):
    edit, wanted = changes(videos), np.zeros((4, 8))
    wanted[:, [4, 6]] = 1
    total = np.zeros(4)
    for step in range(WORDS.shape[1]):
        for word in (4, 6):
            asked = WORDS.copy()
            asked[:, step] = word
            read = asked * (np.arange(4) <= step)
            probability = np.exp(model.scores(edit, read, (np.arange(4) == step) * np.ones((4, 1))))
            total += np.where(WORDS[:, step] != 0, probability, 0)
    np.testing.assert_allclose(np.exp(model.expected(edit, WORDS, wanted)), total, rtol=1e-4)


def test_untouched_captions_are_the_greedy_ones_and_edits_can_change_them(model, videos):
    words = model.write(Edits.of(videos, np.arange(9), NEURONS))
    np.testing.assert_array_equal(words, greedy(model.captioner, pad(videos), max_words=5)[0])
    changed = model.write(Edits.of(videos, np.arange(9), NEURONS, added=np.full((9, NEURONS), 3.0)))
    assert (changed != words).any()


def test_captions_are_written_as_the_decoding_says(videos):
    captioner = small_captioner(seed=3)
    model = EditedCaptioner(captioner, max_words=5, beam=3, length_penalty=1.0)
    expected, _ = beam_search(captioner, pad(videos), beam=3, max_words=5, length_penalty=1.0)
    np.testing.assert_array_equal(model.write(Edits.of(videos, np.arange(9), NEURONS)), expected)
    assert np.not_equal(expected, greedy(captioner, pad(videos), max_words=5)[0]).any()


def test_topic_scores_are_those_of_f_on_the_changed_mean(model, videos):
    edit = changes(videos)
    mean = np.asarray(model.captioner.encode(pad([videos[place] for place in VIDEO]))["mean"])
    expected = np.asarray(model.captioner.topic_perceptron(edit.keep * mean + edit.added))
    np.testing.assert_allclose(model.topic_scores(edit), expected, rtol=1e-4, atol=1e-5)


def test_any_number_of_rows_is_answered_in_their_order(model, videos, monkeypatch):
    edit = changes(videos)
    whole = model.scores(edit, WORDS, WORDS != 0), model.slopes(edit, WORDS, WORDS != 0), model.write(edit)
    monkeypatch.setattr(edits, "ROWS", 3)
    parts = model.scores(edit, WORDS, WORDS != 0), model.slopes(edit, WORDS, WORDS != 0), model.write(edit)
    for one, other in zip(whole, parts):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_neuron_that_the_decoder_ignores_changes_nothing(videos):
    captioner = small_captioner(seed=5)
    decoder, ignored = captioner.decoder, 3
    for kernel, row in (
        (decoder.attention.frame_projection.kernel, ignored),
        (decoder.initial_h.kernel, ignored),
        (decoder.initial_c.kernel, ignored),
        (decoder.cell.kernel, decoder.embedding_units + ignored),
        (decoder.readout.kernel, decoder.units + ignored),
    ):
        values = np.array(kernel)
        values[row] = 0
        kernel.assign(values)
    model, weights = EditedCaptioner(captioner), WORDS != 0
    untouched, out = Edits.of(videos, VIDEO, NEURONS), np.ones((4, NEURONS))
    out[:, ignored] = 0
    scores = model.scores(untouched, WORDS, weights)
    np.testing.assert_array_equal(model.scores(Edits.of(videos, VIDEO, NEURONS, keep=out), WORDS, weights), scores)
    assert not model.slopes(untouched, WORDS, weights)[:, ignored].any()
    out[:, ignored - 1] = 0
    assert (model.scores(Edits.of(videos, VIDEO, NEURONS, keep=out), WORDS, weights) != scores).all()


def test_changes_of_another_shape_are_refused(videos):
    with pytest.raises(ValueError, match=r"`keep` has shape \(3, 8\); expected \(4, 8\): \(rows, neurons\)"):
        Edits.of(videos, VIDEO, NEURONS, keep=np.ones((3, NEURONS)))
