"""The words that name a topic, as the decoder of topic neurons counts them."""

import numpy as np

from tests.components.neurons.conftest import small_captioner
from tests.components.neurons.planted import VOCABULARY, links
from topiclens.components.refinement.naming_words import named_by, naming_words
from topiclens.trainer.topic_neurons import topics_said


def test_without_topic_neurons_all_words_of_a_topic_name_it():
    captioner = small_captioner()
    assert naming_words(captioner, VOCABULARY, links().topics) == tuple(topic.words for topic in links().topics)


def test_a_word_names_a_topic_where_it_says_enough_of_it_and_the_likeliest_comes_first():
    captioner = small_captioner(topics="neurons", interpretive_weight=1.0, n_topics=3)
    naming = np.zeros((len(VOCABULARY), 3), np.float32)
    man, dog, weak = (VOCABULARY.id(word) for word in ("man", "dog", "a"))
    naming[[man, dog, weak], 1] = 0.5, 1.0, 0.1
    captioner.decoder.naming.assign(naming)
    found = naming_words(captioner, VOCABULARY, links().topics)
    assert found == (links().topics[0].words, ("dog", "man"), links().topics[2].words)  # where nothing is known
    for caption in ("a man", "a dog", "a a"):
        words = np.array([[VOCABULARY.id(word) for word in caption.split()]])
        assert (1 in named_by(caption, [(), found[1], ()])) == bool(np.asarray(topics_said(words, naming))[0, 1])
