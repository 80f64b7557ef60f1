"""A captioner whose neurons are planted, so that what they do to captions can be worked out by hand."""

import numpy as np

from tests.components.neurons.conftest import WORDS, small_captioner
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.trainer.vocabulary import Vocabulary

VOCABULARY = Vocabulary(WORDS)  # eight numbers: four special words, then a, man, dog, runs
DOG, MAN, NEURONS = 2, 5, 8
DOGS_WEIGHT, MANS_WEIGHT = 4.0, 40.0


def links(dog=(DOG,), man=(MAN,)):
    """Topic 0 is about dogs, 1 about men, 2 about nothing that the captioner can say; mean activations are 0.5."""
    topics = (("dog", ("dog", "terrier"), dog), ("man", ("man",), man), ("sea", ("waves",), ()))
    return TopicLinks(
        tuple(
            TopicLink(i, name, words, None, 9, tuple(LinkedNeuron(neuron, 9, 0.1, 0.5) for neuron in neurons))
            for i, (name, words, neurons) in enumerate(topics)
        ),
        NEURONS,
    )


def planted_captioner():
    """The dog's neuron always fires, tanh(1), and speaks for "dog"; the man's never fires and would speak for "man"."""
    captioner = small_captioner(n_topics=3, interpretive_weight=0.0)
    for variable in captioner.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    bias = np.zeros((4, 4))  # gates i, f, g, o of the four units that read forwards
    bias[:, DOG] = 30, -30, 30, 30
    captioner.encoder.forward.bias.assign(bias.ravel())
    kernel = np.zeros(captioner.decoder.readout.kernel.shape)
    kernel[captioner.decoder.units + DOG, VOCABULARY.id("dog")] = DOGS_WEIGHT
    kernel[captioner.decoder.units + MAN, VOCABULARY.id("man")] = MANS_WEIGHT
    captioner.decoder.readout.kernel.assign(kernel)
    return captioner
