"""Effects on captions: a captioner whose neurons are planted, so that every figure can be worked out by hand."""

import dataclasses

import numpy as np
import pytest

from tests.components.neurons.conftest import WORDS, small_captioner
from tests.components.neurons.planted import DOG, DOGS_WEIGHT, MAN, NEURONS, VOCABULARY, links, planted_captioner
from tests.components.neurons.test_figures import random_f
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.effects import (
    CaptionEffects,
    deletion,
    insertion,
    measure_effects,
    questions,
    sampled,
)
from topiclens.components.neurons.study import study_neurons
from topiclens.components.topics.table import Topic
from topiclens.schemas.records import VideoRecord


@pytest.fixture(scope="module")
def planted():
    return BatchedCaptioner(planted_captioner(), max_words=3)


def clips(*topics, captions=("a man runs", "the dog runs after a dog and on")):
    rng = np.random.default_rng(0)
    return [
        VideoRecord(f"{i}", "val", rng.normal(size=(1 + i, 6)).astype(np.float32), captions, np.array(present))
        for i, present in enumerate(topics)
    ]


def test_a_question_is_about_the_first_caption_with_the_topics_words_up_to_the_last_of_them():
    dog, man = questions(clips([1, 1, 1]), links(), VOCABULARY)
    assert (dog.topic, VOCABULARY.decode(dog.words)) == (0, "<unk> dog runs <unk> a dog") and dog.asked == (1, 5)
    assert (man.topic, VOCABULARY.decode(man.words)) == (1, "a man") and man.asked == (1,)
    assert questions(clips([1, 1, 1], captions=("a sea",)), links(), VOCABULARY) == []


def test_deletion_of_a_planted_neuron_by_hand(planted):
    # log p(dog) = x - log(e^x + 7) at every step, with x the weight times the activation; without the neuron, -log 8.
    x = DOGS_WEIGHT * np.tanh(1)
    drop = x - np.log(np.exp(x) + 7) + np.log(8)
    videos, rng = clips([1, 0, 0], [1, 0, 0]), np.random.default_rng(0)
    found = deletion(planted, VOCABULARY, videos, links(dog=(DOG, 7)), rng=rng)
    assert found["deletion_questions"] == 2
    # One neuron matters: the drops after k = 0, 1, 2 are 0, drop, drop, whether the votes or the gradient choose.
    assert found["word_deletion"] == pytest.approx(2 * drop / 3, rel=1e-4)
    assert found["word_deletion_gradient"] == pytest.approx(2 * drop / 3, rel=1e-4)
    assert found["word_deletion_random"] <= found["word_deletion"] + 1e-6
    found = deletion(planted, VOCABULARY, videos, links(dog=(7, DOG)), rng=rng)
    assert found["word_deletion"] == pytest.approx(drop / 3, rel=1e-4)


def test_at_most_so_many_neurons_go(planted):
    found = deletion(planted, VOCABULARY, clips([1, 0, 0]), links(dog=(7, DOG)), rng=np.random.default_rng(0), steps=1)
    assert found["word_deletion"] == pytest.approx(0, abs=1e-6)


def test_topics_count_alike_and_one_without_a_neuron_counts_as_no_drop(planted):
    both, rng = clips([1, 0, 0], [1, 1, 0]), np.random.default_rng(0)
    of_dogs = deletion(planted, VOCABULARY, clips([1, 0, 0]), links(), rng=rng)
    found = deletion(planted, VOCABULARY, both, links(man=()), rng=rng)
    assert found["deletion_questions"] == 3
    assert found["word_deletion"] == pytest.approx(of_dogs["word_deletion"] / 2, rel=1e-4)


def test_insertion_of_a_planted_topic_by_hand(planted):
    # Before, "dog dog dog" is written: three words and an end, at which p(man) = 1 / (e^x + 7). Enhanced by 0.5, "man"
    # has the logit 20 and is written; a video without dogs has no third topic that the captioner could speak of.
    x = DOGS_WEIGHT * np.tanh(1)
    gain = 20 - np.log(np.exp(20) + np.exp(x) + 6) + np.log(np.exp(x) + 7)
    found = insertion(planted, VOCABULARY, clips([1, 0, 0], [1, 0, 1]), links(), rng=np.random.default_rng(0))
    assert (found["insertion_questions"], found["insertion_on_topic"], found["insertion_off_topic"]) == (2, 1, 0)
    assert found["insertion_gain"] == pytest.approx(gain, rel=1e-4)


def test_a_weak_insertion_moves_probabilities_without_a_word(planted):
    found = insertion(planted, VOCABULARY, clips([1, 0, 0]), links(), rng=np.random.default_rng(0), strength=0.05)
    assert found["insertion_on_topic"] == 0 and found["insertion_gain"] > 0


def test_words_of_another_topic_are_off_topic(planted):
    # The neuron that speaks for "man" is called the dog's: enhancing dogs where nothing is brings men.
    wrong = links(dog=(MAN,), man=())
    found = insertion(planted, VOCABULARY, clips([0, 0, 0]), wrong, rng=np.random.default_rng(0), insertions=2)
    # Two questions: dogs bring men, and men, who have no neuron, bring nothing.
    assert (found["insertion_questions"], found["insertion_on_topic"]) == (2, 0)
    assert found["insertion_off_topic"] == 0.5


def test_whatever_the_links_the_same_is_asked(planted):
    videos = clips([1, 0, 0], [0, 1, 0], [0, 0, 0])
    asked = [
        measure_effects(planted, VOCABULARY, videos, named, seed=4)
        for named in (links(), links(dog=(), man=()), links())
    ]
    assert len({(found.deletion_questions, found.insertion_questions) for found in asked}) == 1
    assert asked[0] == asked[2]
    assert (asked[1].word_deletion, asked[1].insertion_on_topic, asked[1].insertion_gain) == (0, 0, 0)


def test_where_nothing_can_be_asked_nothing_is_claimed(planted):
    nothing = CaptionEffects(0, None, None, None, 0, None, None, None)
    assert measure_effects(planted, VOCABULARY, [], links(), seed=0) == nothing


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
    _, _, _, effects = study_neurons(captioner, VOCABULARY, named, named, topics, seed=0, effect_videos=5)
    assert effects.deletion_questions > 0 and np.isfinite([*dataclasses.asdict(effects).values()]).all()
