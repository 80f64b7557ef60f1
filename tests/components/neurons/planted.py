"""A captioner whose neurons are planted, so that what they do to captions can be worked out by hand."""

import numpy as np

from tests.components.neurons.conftest import WORDS, small_captioner
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import EOS, Vocabulary

VOCABULARY = Vocabulary(WORDS)  # eight numbers: four special words, then a, man, dog, runs
DOG, MAN, NEURONS = 2, 5, 8
DOGS_WEIGHT, MANS_WEIGHT, ENDS_WEIGHT = 4.0, 40.0, 50.0


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


def words():
    """The words of these topics."""
    return CaptionWords(VOCABULARY, links())


def clips(*topics, captions=("a man runs", "the dog runs after a dog and on")):
    """Clips of one frame, two frames, and so on, each with its topics."""
    rng = np.random.default_rng(0)
    return [
        VideoRecord(f"{i}", "val", rng.normal(size=(1 + i, 6)).astype(np.float32), captions, np.array(present))
        for i, present in enumerate(topics)
    ]


def planted_captioner(mans_weight=MANS_WEIGHT, said_once=False):
    """The dog's neuron always fires, tanh(1), and speaks for "dog"; the man's never fires and would speak for "man".

    With `said_once` a caption ends after the word that it says.
    """
    captioner = small_captioner(n_topics=3, interpretive_weight=0.0)
    for variable in captioner.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    bias = np.zeros((4, 4))  # gates i, f, g, o of the four units that read forwards
    bias[:, DOG] = 30, -30, 30, 30
    captioner.encoder.forward.bias.assign(bias.ravel())
    kernel = np.zeros(captioner.decoder.readout.kernel.shape)
    kernel[captioner.decoder.units + DOG, VOCABULARY.id("dog")] = DOGS_WEIGHT
    kernel[captioner.decoder.units + MAN, VOCABULARY.id("man")] = mans_weight
    if said_once:
        said = np.zeros(captioner.decoder.embedding.embeddings.shape)
        said[EOS + 2 :, 0], kernel[-said.shape[1], EOS] = 1, ENDS_WEIGHT
        captioner.decoder.embedding.embeddings.assign(said)
    captioner.decoder.readout.kernel.assign(kernel)
    return captioner
