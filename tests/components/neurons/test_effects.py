"""Effects on captions, put together: the same questions for every model, and nothing claimed where none is asked."""

import dataclasses

import numpy as np
import pytest

from tests.components.neurons.conftest import WORDS, small_captioner
from tests.components.neurons.planted import NEURONS, VOCABULARY, clips, links, planted_captioner
from tests.components.neurons.test_figures import random_f
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.effects import CaptionEffects, drawn, measure_effects, sampled
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.neurons.study import study_neurons
from topiclens.components.topics.table import Topic


@pytest.fixture(scope="module")
def planted():
    return BatchedCaptioner(planted_captioner(), max_words=3)


def test_whatever_the_links_the_same_is_asked(planted):
    videos = clips([1, 0, 0], [0, 1, 0], [0, 0, 0])
    asked = [
        measure_effects(planted, VOCABULARY, videos, named, named_enhancement(named), videos, seed=4)
        for named in (links(), links(dog=(), man=()), links())
    ]
    assert len({(found.deletion_questions, found.insertion_questions, found.account_words) for found in asked}) == 1
    assert asked[0] == asked[2]
    assert (asked[1].word_deletion, asked[1].insertion_on_topic, asked[1].insertion_gain) == (0, 0, 0)
    assert (asked[1].account_own, asked[1].account_own_first) == (0, 0)


def test_where_nothing_can_be_asked_nothing_is_claimed(planted):
    found = measure_effects(planted, VOCABULARY, [], links(), named_enhancement(links()), [], seed=0)
    assert found == CaptionEffects()


def test_training_videos_are_drawn_alike_in_any_order():
    videos = clips(*[[0, 0, 0]] * 30)
    chosen = drawn(iter(videos), 7, 3)
    assert chosen == drawn(reversed(videos), 7, 3) and len(chosen) == 7
    assert {video.video_id for video in drawn(videos, 7, 4)} != {video.video_id for video in chosen}
    assert len(drawn(videos, 99, 3)) == 30


def test_the_sample_of_videos_does_not_hang_on_their_order():
    ids = [f"video{i}" for i in range(30)]
    chosen = sampled(ids, 7, 3)
    assert chosen == sampled(reversed(ids), 7, 3) and len(chosen) == 7 and chosen < set(ids)
    assert sampled(ids, 99, 3) == set(ids)


def test_a_captioner_that_never_learnt_topics_is_studied_too(videos, monkeypatch):
    f = random_f(np.random.default_rng(0), NEURONS, topics=5)  # any f names neurons; another test fits one
    monkeypatch.setattr("topiclens.components.neurons.study.fit_perceptron", lambda mean, topics, seed: f)
    topics = [Topic(i, f"topic {i}", (word,), None, 0.4) for i, word in enumerate((*WORDS, "waves"))]
    captioner = small_captioner(interpretive_weight=0.0)
    named = [dataclasses.replace(video, captions=("a man runs", "a dog runs")) for video in videos]
    _, _, _, effects = study_neurons(
        captioner, VOCABULARY, named, named, topics, seed=0, effect_videos=5, training=named[:3], decoding={"beam": 2}
    )
    asked = effects.deletion_questions, effects.insertion_questions, effects.insertion_dose
    numbers = [value for value in vars(effects).values() if isinstance(value, int | float)]
    assert all(asked) and len(numbers) > 10 and np.isfinite(numbers).all()
    assert sum(one.raised for one in effects.steering_by_topic) == effects.insertion_questions
