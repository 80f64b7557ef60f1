"""The smallest strength, on a captioner whose threshold can be worked out by hand."""

import json

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from tests.components.neurons.planted import DOG, DOGS_WEIGHT, MANS_WEIGHT, VOCABULARY, links, planted_captioner
from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.refinement.strength_sweep import strengths_up_to, sweep_strengths
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch, StretchError

# The dog's logit is its weight times tanh(1). The man's grows by 40 times the mean activation, 0.5, for each strength.
THRESHOLD = DOGS_WEIGHT * np.tanh(1) / (0.5 * MANS_WEIGHT)  # 0.1523
FRAMES = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
CLIP = VideoRecord("clip", "val", FRAMES, ("a man",), np.zeros(3))


def response(model, named, video, topic, strengths=None):
    return sweep_strengths(model, VOCABULARY, named, named_enhancement(named), video, topic, strengths)


@pytest.fixture(scope="module")
def planted():
    return BatchedCaptioner(planted_captioner(), max_words=3)


def test_the_smallest_strength_that_brings_a_word_in_is_found(planted):
    strengths = (0.2, 0.1, THRESHOLD - 0.001, THRESHOLD + 0.001, 4)
    found = response(planted, links(), CLIP, 1, strengths)
    assert [point.strength for point in found.points] == [0, *sorted(strengths)]
    assert [point.caption for point in found.points] == 3 * ["dog dog dog"] + 3 * ["man man man"]
    assert [point.entered for point in found.points] == 3 * [()] + 3 * [("man",)]
    assert found.smallest.strength == THRESHOLD + 0.001
    assert found.verdict == "Strength 0.153319 is the smallest at which topic 1 (man) comes in: man."
    assert json.loads(json.dumps(found.to_json()))["smallest"] == found.smallest.strength


def test_it_is_said_when_and_why_no_word_comes_in(planted):
    def verdict(topic, named=links(), strengths=(0.1,)):
        found = response(planted, named, CLIP, topic, strengths)
        assert found.smallest is None and found.to_json()["smallest"] is None
        return found.verdict

    assert verdict(1) == "No further word of topic 1 (man) enters the caption up to strength 0.1."
    assert verdict(0) == "No further word of topic 0 (dog) enters the caption up to strength 0.1. It already says dog."
    assert verdict(1, links(man=())) == "No neuron carries topic 1 (man), so that there is nothing to enhance."
    assert verdict(2) == "No neuron carries topic 2 (sea), so that there is nothing to enhance."
    wrong_neuron = verdict(1, links(man=(DOG,)), (5,))
    assert wrong_neuron == "No further word of topic 1 (man) enters the caption up to strength 5."


def test_words_that_stood_in_the_caption_before_do_not_count(planted):
    found = response(planted, links(), CLIP, 0, (0.1, 4))
    assert {point.caption for point in found.points} == {"dog dog dog"} and found.smallest is None


def test_scores_are_those_of_f_on_the_enhanced_mean():
    captioner = small_captioner(n_topics=3, interpretive_weight=0.1)
    found = response(BatchedCaptioner(captioner, max_words=3), links(), CLIP, 1, (0.5, 2))
    mean = np.asarray(captioner.encode(pad_videos([CLIP]))["mean"])
    for point in found.points:
        enhanced = mean + 0.5 * point.strength * (np.arange(8) == 5)  # the man's neuron and its mean activation
        assert point.score == pytest.approx(float(captioner.topic_perceptron(enhanced)[0, 1]), abs=1e-5)


def test_a_stretch_is_enhanced_in_its_frames_alone():
    captioner = small_captioner(n_topics=3, interpretive_weight=0.1)
    named, clip = links(), CLIP.timed((0.0, 1.0, 2.0))
    stretch, model = Stretch(0.5, 2.5), BatchedCaptioner(captioner, max_words=3)
    found = sweep_strengths(model, VOCABULARY, named, named_enhancement(named), clip, 1, (0.5, 2), stretch)
    mean = np.asarray(captioner.encode(pad_videos([CLIP]))["mean"])
    for point in found.points:
        enhanced = mean + 2 / 3 * 0.5 * point.strength * (np.arange(8) == 5)  # in two of three frames
        assert point.score == pytest.approx(float(captioner.topic_perceptron(enhanced)[0, 1]), abs=1e-5)
    with pytest.raises(StretchError, match="from 0.00 s to 2.00 s"):
        sweep_strengths(model, VOCABULARY, named, named_enhancement(named), clip, 1, (1,), Stretch(3, 4))


def test_a_captioner_without_f_has_no_scores(planted):
    assert {point.score for point in response(planted, links(), CLIP, 1, ()).points} == {None}


def test_strengths_reach_the_bound():
    np.testing.assert_allclose(strengths_up_to(0.5), [0, 0.125, 0.25, 0.375, 0.5])
    np.testing.assert_allclose(strengths_up_to(0.3, 0.1), [0, 0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="a step above 0"):
        strengths_up_to(1.0, 0.0)


def test_another_models_links_and_unknown_topics_are_refused():
    model = BatchedCaptioner(small_captioner(encoder_units=3), max_words=3)
    with pytest.raises(ValueError, match="links are of 8 neurons, the captioner has 6"):
        response(model, links(), CLIP, 1)
    with pytest.raises(ValueError, match="no topic 3"):
        response(BatchedCaptioner(small_captioner(), max_words=3), links(), CLIP, 3)
