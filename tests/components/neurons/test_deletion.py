"""Deletion on a captioner whose neurons are planted, so that every figure can be worked out by hand."""

import numpy as np
import pytest

from tests.components.neurons.planted import DOG, DOGS_WEIGHT, VOCABULARY, clips, links, planted_captioner, words
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.deletion import deletion, questions


@pytest.fixture(scope="module")
def planted():
    return BatchedCaptioner(planted_captioner(), max_words=3)


def test_a_question_is_about_the_first_caption_with_the_topics_words_up_to_the_last_of_them():
    dog, man = questions(clips([1, 1, 1]), words())
    assert (dog.topic, VOCABULARY.decode(dog.words)) == (0, "<unk> dog runs <unk> a dog") and dog.asked == (1, 5)
    assert (man.topic, VOCABULARY.decode(man.words)) == (1, "a man") and man.asked == (1,)
    assert questions(clips([1, 1, 1], captions=("a sea",)), words()) == []


def test_deletion_of_a_planted_neuron_by_hand(planted):
    # log p(dog) = x - log(e^x + 7) at every step, with x the weight times the activation; without the neuron, -log 8.
    x = DOGS_WEIGHT * np.tanh(1)
    drop = x - np.log(np.exp(x) + 7) + np.log(8)
    videos, rng = clips([1, 0, 0], [1, 0, 0]), np.random.default_rng(0)
    found = deletion(planted, words(), videos, links(dog=(DOG, 7)), rng=rng)
    assert found.deletion_questions == 2
    # One neuron matters: the drops after k = 0, 1, 2 are 0, drop, drop, whether the votes or the gradient choose.
    assert found.word_deletion == pytest.approx(2 * drop / 3, rel=1e-4)
    assert found.word_deletion_gradient == pytest.approx(2 * drop / 3, rel=1e-4)
    assert found.word_deletion_random <= found.word_deletion + 1e-6
    found = deletion(planted, words(), videos, links(dog=(7, DOG)), rng=rng)
    assert found.word_deletion == pytest.approx(drop / 3, rel=1e-4)


def test_at_most_so_many_neurons_go(planted):
    found = deletion(planted, words(), clips([1, 0, 0]), links(dog=(7, DOG)), rng=np.random.default_rng(0), steps=1)
    assert found.word_deletion == pytest.approx(0, abs=1e-6)


def test_topics_count_alike_and_one_without_a_neuron_counts_as_no_drop(planted):
    both, rng = clips([1, 0, 0], [1, 1, 0]), np.random.default_rng(0)
    of_dogs = deletion(planted, words(), clips([1, 0, 0]), links(), rng=rng)
    found = deletion(planted, words(), both, links(man=()), rng=rng)
    assert found.deletion_questions == 3
    assert found.word_deletion == pytest.approx(of_dogs.word_deletion / 2, rel=1e-4)
