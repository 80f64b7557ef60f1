"""Activations by name: the names that others rely on, what is recorded, and what an edit changes and leaves alone."""

import itertools

import numpy as np
import pytest

from tests.trainer.numpy_captioner import TINY, NumpyCaptioner, clip_of, tiny_batch, tiny_captioner
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.edits import ACTIVATIONS, Edit
from topiclens.trainer.vocabulary import EOS, PAD

VIDEOS, TIME, STEPS = 3, 4, 5
SHAPES = {
    "encoder.v": (VIDEOS, TIME, 6),
    "encoder.mean": (VIDEOS, 6),
    "topics.hidden": (VIDEOS, 7),
    "topics.scores": (VIDEOS, 4),
    "decoder.initial_h": (VIDEOS, 6),
    "decoder.initial_c": (VIDEOS, 6),
    "decoder.alpha": (VIDEOS, STEPS, TIME),
    "decoder.context": (VIDEOS, STEPS, 6),
    "decoder.h": (VIDEOS, STEPS, 6),
    "decoder.c": (VIDEOS, STEPS, 6),
    "decoder.logits": (VIDEOS, STEPS, 9),
}
WORDS = np.array([[5, 7, 4, 3, EOS], [6, EOS, PAD, PAD, PAD], [4, 5, EOS, PAD, PAD]], np.int32)
READ_BY_NONE = {"decoder.logits", "topics.scores"}


def recorded(model, edits=(), words=WORDS, **options):
    found = model.run(tiny_batch()["frames"], words, edits=edits, record=ACTIVATIONS, **options)
    return {name: np.asarray(values) for name, values in found.items()}


def test_the_names_of_the_activations_stay():
    assert tuple(SHAPES) == ACTIVATIONS


def test_every_activation_is_recorded_in_its_shape():
    found = recorded(tiny_captioner())
    assert {name: values.shape for name, values in found.items()} == SHAPES


def test_what_is_recorded_is_what_the_equations_give():
    model, batch = tiny_captioner(), tiny_batch()
    plain, found = NumpyCaptioner(model), recorded(model)
    for row in range(VIDEOS):
        clip, count = clip_of(batch, row), np.count_nonzero(WORDS[row])
        v = plain.encode(clip)
        np.testing.assert_allclose(found["encoder.v"][row, : len(clip)], v, atol=1e-5)
        np.testing.assert_allclose(found["encoder.mean"][row], v.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found["topics.scores"][row], plain.topic_scores(clip), rtol=1e-4, atol=1e-5)
        logits = found["decoder.logits"][row, :count]
        log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        caption = [word for word in WORDS[row].tolist() if word not in (PAD, EOS)]
        expected = plain.log_prob(clip, caption)
        np.testing.assert_allclose(log_probs[np.arange(count), WORDS[row, :count]].sum(), expected, rtol=1e-4)
        assert not any(found[name][row, count:].any() for name in ACTIVATIONS[6:])
        np.testing.assert_allclose(found["decoder.alpha"][row, :count].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_edit_changes_what_follows_from_the_activation_and_nothing_before(name):
    model = tiny_captioner()
    before, after = recorded(model), recorded(model, [Edit(name, scale=0.5)])
    first = (0, 0) if name in ACTIVATIONS[6:] else 0  # at later steps the activation follows from edited ones
    np.testing.assert_allclose(after[name][first], before[name][first] / 2, rtol=1e-5)
    changed = {other for other in ACTIVATIONS if not np.allclose(before[other], after[other], atol=1e-6)}
    assert name in changed
    assert (changed == {name}) == (name in READ_BY_NONE)
    assert not changed & set(ACTIVATIONS[: ACTIVATIONS.index(name)]) - set(ACTIVATIONS[6:])


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if not name.startswith("topics.")])
def test_an_edit_by_what_is_there_already_changes_nothing(name):
    model = tiny_captioner(skip=True)
    before = recorded(model)
    for edit in (Edit(name, scale=1.0), Edit(name, add=0.0), Edit(name, set=before[name])):
        for other, values in recorded(model, [edit]).items():
            np.testing.assert_allclose(values, before[other], atol=1e-5, err_msg=f"{name} {other}")


def test_edits_of_some_neurons_in_some_frames_leave_all_others_alone():
    model, before = tiny_captioner(), recorded(tiny_captioner())
    at = np.zeros((1, TIME, 6), bool)
    at[0, 1:3, [2, 5]] = True
    added = np.arange(6, dtype=np.float32)[None, None] + 1
    for edit, expected in (
        (Edit("encoder.v", add=added, at=at), before["encoder.v"] + added),
        (Edit("encoder.v", scale=3.0, at=at), before["encoder.v"] * 3),
        (Edit("encoder.v", set=0.25, at=at), np.full(SHAPES["encoder.v"], 0.25)),
    ):
        real = np.any(tiny_batch()["frames"] != 0, axis=-1)[:, :, None]
        v = recorded(model, [edit])["encoder.v"]
        np.testing.assert_allclose(v, np.where(at & real, expected, before["encoder.v"]), rtol=1e-6)


def test_edits_are_made_in_their_order():
    model, v = tiny_captioner(), recorded(tiny_captioner())["encoder.v"][0]
    add, scale = Edit("encoder.v", add=1.0), Edit("encoder.v", scale=2.0)
    np.testing.assert_allclose(recorded(model, [add, scale])["encoder.v"][0], (v + 1) * 2, rtol=1e-5)
    np.testing.assert_allclose(recorded(model, [scale, add])["encoder.v"][0], v * 2 + 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["decoder.alpha", "decoder.context", "decoder.h", "decoder.logits"])
def test_an_edit_of_one_step_leaves_the_steps_before_alone(name):
    model, at = tiny_captioner(), np.arange(STEPS)[None, :, None] == 2
    before, after = recorded(model), recorded(model, [Edit(name, set=np.full(SHAPES[name], 0.3), at=at)])
    np.testing.assert_allclose(after[name][0, 2], 0.3)
    for other in ACTIVATIONS[6:]:
        np.testing.assert_allclose(after[other][:, :2], before[other][:, :2], atol=1e-6)
    assert np.allclose(before["decoder.h"][0, 3:], after["decoder.h"][0, 3:]) == (name == "decoder.logits")


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if not name.startswith("topics.")])
def test_captions_are_written_under_the_edits_that_they_are_read_under(name):
    model, frames = tiny_captioner(vocabulary_size=7), tiny_batch()["frames"]
    edit = Edit(name, scale=-1.5)
    found = model.run(frames, edits=[edit], beam=16, max_words=2)
    captions = [caption for n in range(3) for caption in itertools.product(range(4, 7), repeat=n)]
    read = np.array([[*caption, EOS, PAD, PAD][:3] for caption in captions])
    for row, words in enumerate(np.asarray(found["words"])):
        index = np.full(len(captions), row)
        logits = model.run(frames, read, edits=[edit], record=["decoder.logits"], video_index=index)["decoder.logits"]
        log_probs = np.asarray(logits, np.float64)
        log_probs -= np.log(np.exp(log_probs).sum(axis=2, keepdims=True))
        totals = (np.take_along_axis(log_probs, read[:, :, None], axis=2)[:, :, 0] * (read != PAD)).sum(axis=1)
        assert tuple(word for word in words.tolist() if word != PAD) == captions[np.argmax(totals)]
        np.testing.assert_allclose(found["log_prob"][row], totals.max(), rtol=1e-4)


def test_without_edits_it_writes_as_ever_and_many_runs_share_a_video():
    model, frames, index = tiny_captioner(), tiny_batch()["frames"], np.array([2, 0, 2, 1])
    words, log_prob = beam_search(model, frames, beam=3, max_words=4)
    found = model.run(frames, video_index=index, beam=3, max_words=4)
    assert set(found) == {"words", "log_prob"}
    np.testing.assert_array_equal(found["words"], np.asarray(words)[index])
    np.testing.assert_allclose(found["log_prob"], np.asarray(log_prob)[index], rtol=1e-5)


def test_a_neuron_taken_out_of_the_mean_is_what_prediction_differences_are_of():
    from topiclens.components.neurons.pdm import Perceptron, prediction_differences

    model = tiny_captioner()
    before = recorded(model)
    pairs = np.array([[video, topic] for video in range(VIDEOS) for topic in range(TINY["n_topics"])])
    found = prediction_differences(before["encoder.mean"], pairs, Perceptron.of(model.topic_perceptron))
    for neuron in range(6):
        without = Edit("encoder.v", scale=0.0, at=np.arange(6) == neuron)
        after = recorded(model, [without])["topics.scores"]
        expected = (before["topics.scores"] - after)[pairs[:, 0], pairs[:, 1]]
        np.testing.assert_allclose(found[:, neuron], expected, atol=1e-4)


def test_what_cannot_be_edited_is_refused():
    model = tiny_captioner()
    with pytest.raises(ValueError, match="no activation 'encoder.w'; there are encoder.v, encoder.mean"):
        Edit("encoder.w", scale=1.0)
    with pytest.raises(ValueError, match="no activation 'v'"):
        model.run(tiny_batch()["frames"], WORDS, record=["v"])
    for changes in ({}, {"scale": 1.0, "add": 1.0}):
        with pytest.raises(ValueError, match="one of scale, add and set"):
            Edit("encoder.v", **changes)
    with pytest.raises(ValueError, match=r"encoder.v has the shape \(1, 1, 5\); expected one that broadcasts to"):
        recorded(model, [Edit("encoder.v", scale=np.ones((1, 1, 5), np.float32))])
    with pytest.raises(ValueError, match="decoder.h is for 4 steps; expected 1 or 5"):
        recorded(model, [Edit("decoder.h", scale=np.ones((1, 4, 6), np.float32))])
    with pytest.raises(ValueError, match="decoder.h is for 4 steps; expected 1 or 3"):
        model.run(tiny_batch()["frames"], edits=[Edit("decoder.h", add=np.ones((1, 4, 6)))], max_words=2)
