"""Perplexity where it can be said by hand, and against an independent sampler's model."""

import warnings

import numpy as np
import pytest

from tests.components.topics.conftest import N_TOPICS, planted_documents
from topiclens.components.topics.model import word_probabilities
from topiclens.components.topics.quality import held_out_perplexity
from topiclens.components.topics.warplda import WarpLDA


def gibbs_word_probabilities(corpus, *, n_topics, alpha, beta, iterations, seed):
    """(topics, words) phi by tomotopy's collapsed Gibbs sampler, with the priors held."""
    tp = pytest.importorskip("tomotopy")
    gibbs = tp.LDAModel(k=n_topics, alpha=alpha, eta=beta, seed=seed)
    gibbs.optim_interval = 0
    for d in range(len(corpus)):
        gibbs.add_doc([corpus.words[word] for word in corpus.document(d)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of several workers, whatever their number
        gibbs.train(iterations, workers=1)
    by_their_order = np.array([gibbs.get_topic_word_dist(k) for k in range(n_topics)])
    column = {word: w for w, word in enumerate(gibbs.used_vocabs)}
    return by_their_order[:, [column[word] for word in corpus.words]]


def test_knowing_nothing_costs_the_whole_vocabulary():
    uniform = np.full((4, 25), 1 / 25)
    documents = {"a": np.arange(10), "b": np.array([3, 3, 24])}
    assert held_out_perplexity(uniform, 0.1, documents) == pytest.approx(25)


def test_one_word_alone_is_scored_by_its_probability():
    phi = np.array([[0.2, 0.8]])
    assert held_out_perplexity(phi, 0.5, {"a": np.zeros(6, int)}) == pytest.approx(5)


def test_the_seen_half_chooses_the_topic_of_the_hidden_half():
    apart = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    documents = {"a": np.array([0, 1] * 20), "b": np.array([2, 3] * 20)}
    theta = (20 + 0.01) / (20 + 0.02)  # all 20 seen tokens are of one topic
    assert held_out_perplexity(apart, 0.01, documents) == pytest.approx(1 / (theta * 0.5))


def test_documents_too_short_to_halve_cannot_be_scored():
    with pytest.raises(ValueError, match="None of the 2 held-out documents"):
        held_out_perplexity(np.full((2, 3), 1 / 3), 0.1, {"a": np.array([1]), "b": np.array([], int)})


def test_predicts_held_out_documents_as_well_as_collapsed_gibbs_sampling(documents, corpus):
    alpha, beta = 0.1, 0.01
    sampler = WarpLDA(corpus, n_topics=N_TOPICS, alpha=alpha, beta=beta)
    sampler.run(150)
    ours = word_probabilities(sampler.word_topic_counts(), beta)
    theirs = gibbs_word_probabilities(corpus, n_topics=N_TOPICS, alpha=alpha, beta=beta, iterations=150, seed=1)
    index = {word: w for w, word in enumerate(corpus.words)}
    held_out = {
        name: np.array([index[word] for word in words]) for name, words in planted_documents(40, seed=99).items()
    }
    assert held_out_perplexity(ours, alpha, held_out) == pytest.approx(
        held_out_perplexity(theirs, alpha, held_out), rel=0.02
    )
    assert held_out_perplexity(ours, alpha, held_out) < len(corpus.words) / 2
