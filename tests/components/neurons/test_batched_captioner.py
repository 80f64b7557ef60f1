"""A captioner under edits, against its own layers, the definition of a slope, and a second way to each probability."""

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons import batched_captioner
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.edits import Edit
from topiclens.trainer.vocabulary import BOS, EOS

NEURONS = 8
WORDS = np.array([[5, 7, 4, EOS], [6, EOS, 0, 0], [4, 5, EOS, 0], [7, 7, 7, 6]], np.int32)
VIDEO = np.array([3, 0, 3, 6])


@pytest.fixture(scope="module", params=[False, True], ids=["neurons alone", "skip"])
def model(request):
    return BatchedCaptioner(small_captioner(skip=request.param), max_words=5)


@pytest.fixture
def asked(videos):
    return [videos[place] for place in VIDEO]


def changes(seed=0):
    rng = np.random.default_rng(seed)
    keep, added = rng.normal(1, 0.5, (4, 1, NEURONS)), rng.normal(0, 0.3, (4, 1, NEURONS))
    return [Edit("encoder.v", scale=keep), Edit("encoder.v", add=added)]


def log_probs_by_the_decoder(captioner, videos, words, keep=1.0, added=0.0):
    """log p of whole captions, by the decoder that trains, on v changed in NumPy."""
    frames = pad_videos(videos)
    encoded = {name: np.asarray(values) for name, values in captioner.encode(frames).items()}
    v = (keep * encoded["v"] + added) * encoded["mask"][:, :, None]
    memory = np.concatenate([v, frames], axis=-1) if captioner.config.skip else v
    mean = memory.sum(axis=1) / encoded["mask"].sum(axis=1, keepdims=True)
    words = np.pad(words, ((0, 0), (1, 0)), constant_values=BOS)
    return np.asarray(captioner.decoder(words, memory, encoded["mask"], mean, np.arange(len(words))))


def test_scores_are_those_of_the_decoder_that_trains(model, asked):
    scaled, enhanced = changes()
    expected = log_probs_by_the_decoder(model.captioner, asked, WORDS, scaled.scale, enhanced.add)
    np.testing.assert_allclose(model.scores(asked, WORDS, WORDS != 0, [scaled, enhanced]), expected, rtol=1e-4)
    expected = log_probs_by_the_decoder(model.captioner, asked, WORDS)
    np.testing.assert_allclose(model.scores(asked, WORDS, WORDS != 0), expected, rtol=1e-4)


def test_weights_choose_words(model, asked):
    parts = [model.scores(asked, WORDS, (WORDS != 0) * (np.arange(4) == step), changes()) for step in range(4)]
    np.testing.assert_allclose(sum(parts), model.scores(asked, WORDS, WORDS != 0, changes()), rtol=1e-5)
    assert parts[3][1] == 0  # the second caption is over by then


def test_slopes_are_how_scores_move_with_a_neurons_factor(model, asked):
    weights = (WORDS != 0) / 2
    slopes = model.slopes(asked, WORDS, weights)
    for neuron in range(NEURONS):
        step = 0.02 * (np.arange(NEURONS) == neuron)
        up, down = (
            model.scores(asked, WORDS, weights, [Edit("encoder.v", scale=(1 + by)[None, None])]) for by in (step, -step)
        )
        np.testing.assert_allclose(slopes[:, neuron], (up - down) / 0.04, atol=2e-3)


def test_expected_words_are_the_sum_of_their_probabilities(model, asked):
    wanted = np.zeros((4, 8))
    wanted[:, [4, 6]] = 1
    total = np.zeros(4)
    for step in range(WORDS.shape[1]):
        for word in (4, 6):
            words = WORDS.copy()
            words[:, step] = word
            read = words * (np.arange(4) <= step)
            weights = (np.arange(4) == step) * np.ones((4, 1))
            probability = np.exp(model.scores(asked, read, weights, changes()))
            total += np.where(WORDS[:, step] != 0, probability, 0)
    np.testing.assert_allclose(np.exp(model.expected(asked, WORDS, wanted, changes())), total, rtol=1e-4)


def test_untouched_captions_are_the_greedy_ones_and_edits_can_change_them(model, videos):
    words = model.write(videos)
    np.testing.assert_array_equal(words, beam_search(model.captioner, pad_videos(videos), beam=1, max_words=5)[0])
    changed = model.write(videos, [Edit("encoder.v", add=np.full((1, 1, NEURONS), 3.0))])
    assert (changed != words).any()


def test_captions_are_written_as_the_decoding_says(videos):
    captioner = small_captioner(seed=3)
    model = BatchedCaptioner(captioner, max_words=5, beam=3, length_penalty=1.0)
    expected, _ = beam_search(captioner, pad_videos(videos), beam=3, max_words=5, length_penalty=1.0)
    np.testing.assert_array_equal(model.write(videos), expected)
    assert np.not_equal(expected, beam_search(captioner, pad_videos(videos), beam=1, max_words=5)[0]).any()


def test_topic_scores_are_those_of_f_on_the_changed_mean(model, asked):
    scaled, enhanced = changes()
    mean = np.asarray(model.captioner.encode(pad_videos(asked))["mean"])
    expected = np.asarray(model.captioner.topic_perceptron(scaled.scale[:, 0] * mean + enhanced.add[:, 0]))
    np.testing.assert_allclose(model.topic_scores(asked, changes()), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("limit", "most"), [("ROWS", 3), ("_MOST_LOGITS", 70)])
def test_any_number_of_runs_is_answered_in_their_order(model, asked, monkeypatch, limit, most):
    def answers():
        by_words = WORDS, WORDS != 0
        return model.scores(asked, *by_words, changes()), model.slopes(asked, *by_words), model.write(asked, changes())

    whole = answers()
    monkeypatch.setattr(batched_captioner, limit, most)
    for one, other in zip(whole, answers()):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_edits_that_differ_in_numbers_alone_share_a_graph(videos):
    model = BatchedCaptioner(small_captioner(), max_words=3)
    for seed in range(3):
        model.write(videos[:4], changes(seed))
    assert len(model._graphs) == 1


def test_a_neuron_that_the_decoder_ignores_changes_nothing(asked):
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
    model, weights = BatchedCaptioner(captioner), WORDS != 0
    out = np.ones((4, 1, NEURONS))
    out[..., ignored] = 0
    scores = model.scores(asked, WORDS, weights)
    without = model.scores(asked, WORDS, weights, [Edit("encoder.v", scale=out)])
    np.testing.assert_allclose(without, scores, rtol=1e-6)
    assert not model.slopes(asked, WORDS, weights)[:, ignored].any()
    out[..., ignored - 1] = 0
    assert (np.abs(model.scores(asked, WORDS, weights, [Edit("encoder.v", scale=out)]) / scores - 1) > 1e-5).all()


def test_changes_of_another_number_of_runs_are_refused(model, asked):
    with pytest.raises(ValueError, match=r"scale of an edit of encoder.v has shape \(3, 1, 8\); .* each of 4 runs"):
        model.write(asked, [Edit("encoder.v", scale=np.ones((3, 1, NEURONS)))])
