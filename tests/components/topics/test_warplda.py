"""WarpLDA: its invariants, its conditional, and its posterior against an independent collapsed Gibbs sampler."""

import numba
import numpy as np
import pytest
from scipy.special import gammaln

from tests.components.topics.conftest import N_TOPICS, WORDS_A_TOPIC, mixed_documents
from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.model import word_probabilities
from topiclens.components.topics.warplda import WarpLDA


def _state(sampler):
    return sampler.word_topic_counts(), sampler.document_topic_counts()


@pytest.mark.parametrize("mh_steps", [1, 3])
def test_every_token_keeps_exactly_one_topic(corpus, mh_steps):
    sampler = WarpLDA(corpus, n_topics=7, mh_steps=mh_steps)
    for _ in range(5):
        sampler.iterate()
        of_words, of_documents = _state(sampler)
        assert sampler.topics.min() >= 0 and sampler.topics.max() < 7
        np.testing.assert_array_equal(of_words.sum(0), np.bincount(corpus.tokens))
        np.testing.assert_array_equal(of_documents.sum(1), np.diff(corpus.offsets))
        np.testing.assert_array_equal(of_words.sum(1), of_documents.sum(0))


def test_the_seed_decides_the_chain(corpus):
    def chain(seed):
        sampler = WarpLDA(corpus, n_topics=5, seed=seed)
        return sampler.run(5), sampler.topics

    (history, topics), (same_history, same_topics), (other_history, _) = chain(1), chain(1), chain(2)
    assert history == same_history != other_history
    np.testing.assert_array_equal(topics, same_topics)


def test_the_log_likelihood_is_that_of_the_count_matrices(corpus):
    alpha, beta = 0.3, 0.05
    sampler = WarpLDA(corpus, n_topics=6, alpha=alpha, beta=beta)
    sampler.iterate()

    def log_dirichlet_multinomial(counts, prior):
        return np.sum(
            gammaln(counts.shape[1] * prior)
            - gammaln(counts.sum(1) + counts.shape[1] * prior)
            + (gammaln(counts + prior) - gammaln(prior)).sum(1)
        )

    of_words, of_documents = _state(sampler)
    joint = log_dirichlet_multinomial(of_words, beta) + log_dirichlet_multinomial(of_documents, alpha)
    assert sampler.log_likelihood() == pytest.approx(joint / corpus.tokens.size, rel=1e-12)


@pytest.mark.parametrize("proposing, accepting", [("_documents", "_words"), ("_words", "_documents")])
def test_a_visit_draws_a_token_from_its_conditional_given_all_others(proposing, accepting):
    """Many proposals in one visit are a long Metropolis-Hastings chain of each token; it must end in eq. 1.

    Tested on the first token of each row, before whose turn no other token that it sees has moved.
    """
    documents = {"a": ["x", "x", "y", "y", "x"], "b": ["y", "z", "z", "z"], "c": ["x", "z", "y"]}
    corpus = Corpus.from_documents(documents, min_count=1)
    topics = np.array([0, 0, 1, 2, 1, 1, 2, 2, 0, 0, 1, 2])
    n_topics, alpha, beta, runs = 3, 0.4, 0.3, 4000
    outcomes = np.zeros((topics.size, n_topics))
    for seed in range(runs):
        sampler = WarpLDA(corpus, n_topics=n_topics, alpha=alpha, beta=beta, mh_steps=30, seed=seed, topics=topics)
        sampler._propose(getattr(sampler, proposing))
        sampler._visit(getattr(sampler, accepting))
        outcomes[np.arange(topics.size), sampler.topics] += 1

    document_of = np.repeat(np.arange(3), np.diff(corpus.offsets))
    row_of = corpus.tokens if accepting == "_words" else document_of
    for token in np.unique(row_of, return_index=True)[1]:
        word = corpus.tokens[token]
        others = np.arange(topics.size) != token
        in_document, of_word, of_all = (
            np.bincount(topics[others & kept], minlength=n_topics)
            for kept in (document_of == document_of[token], corpus.tokens == word, True)
        )
        conditional = (in_document + alpha) * (of_word + beta) / (of_all + len(corpus.words) * beta)
        expected = runs * conditional / conditional.sum()
        assert np.sum((outcomes[token] - expected) ** 2 / expected) < 18.4  # chi-square, 2 degrees, p = 0.0001


def test_planted_topics_are_found(corpus):
    sampler = WarpLDA(corpus, n_topics=N_TOPICS, alpha=0.1, beta=0.01)
    sampler.run(100)
    phi = word_probabilities(sampler.word_topic_counts(), 0.01)
    planted = {int(word[1]) for word in corpus.words}
    found = {int(corpus.words[np.argmax(row)][1]) for row in phi}
    assert found == planted
    for row in phi:
        best = [corpus.words[word] for word in np.argsort(-row)[:WORDS_A_TOPIC]]
        assert len({word[1] for word in best}) == 1
        assert np.sort(row)[-WORDS_A_TOPIC:].sum() > 0.98


def test_words_share_topics_as_often_as_in_a_collapsed_gibbs_sampler():
    """Topics have no numbering of their own: what samplers must agree on is which words share one, and how often.

    Delayed counts cost some exactness: 0.02 is what they cost here, 0.05 if the row's own counts are delayed too.
    """
    n_topics, n_words, alpha, beta = 3, 8, 0.5, 0.5
    _, documents = mixed_documents(n_topics, n_words)
    corpus = Corpus.from_documents(documents, min_count=1)

    sampler = WarpLDA(corpus, n_topics=n_topics, alpha=alpha, beta=beta)
    sampler.run(500)
    ours = np.zeros((n_words, n_words))
    for _ in range(2000):
        sampler.run(2)
        share = sampler.word_topic_counts() / sampler.word_topic_counts().sum(0)
        ours += share.T @ share / 2000
    document_of = np.repeat(np.arange(len(corpus)), np.diff(corpus.offsets))
    prior = np.full((n_topics, n_words), beta)
    theirs, _ = gibbs(corpus.tokens, document_of, prior, len(corpus), alpha, 5000)
    assert theirs.max() - theirs.min() > 0.5, "the corpus tells no words apart"
    np.testing.assert_allclose(ours, theirs, atol=0.03)


@numba.njit
def gibbs(tokens, document_of, prior, n_documents, alpha, sweeps):
    """(words, words), how likely tokens of two words share a topic, and (topics, words), how many tokens of each word
    have each topic: averages of textbook collapsed Gibbs sampling under a prior (topics, words)."""
    np.random.seed(0)
    n_topics, n_words = prior.shape
    topics = np.random.randint(0, n_topics, tokens.size)
    of_word, of_document = np.zeros((n_topics, n_words)), np.zeros((n_documents, n_topics))
    for i in range(tokens.size):
        of_word[topics[i], tokens[i]] += 1
        of_document[document_of[i], topics[i]] += 1
    sharing, counts, cumulative = np.zeros((n_words, n_words)), np.zeros((n_topics, n_words)), np.empty(n_topics)
    for sweep in range(500 + sweeps):
        for i in range(tokens.size):
            of_word[topics[i], tokens[i]] -= 1
            of_document[document_of[i], topics[i]] -= 1
            mass = 0.0
            for k in range(n_topics):
                in_topic = (of_word[k, tokens[i]] + prior[k, tokens[i]]) / (of_word[k].sum() + prior[k].sum())
                mass += (of_document[document_of[i], k] + alpha) * in_topic
                cumulative[k] = mass
            topics[i] = np.searchsorted(cumulative, np.random.random() * mass)
            of_word[topics[i], tokens[i]] += 1
            of_document[document_of[i], topics[i]] += 1
        if sweep >= 500:
            share = of_word / of_word.sum(0)
            sharing += share.T @ share
            counts += of_word
    return sharing / sweeps, counts / sweeps


def test_an_iteration_is_reported_with_rate_and_time_left(corpus):
    steps = list(WarpLDA(corpus, n_topics=3).steps(4))
    assert [step.iteration for step in steps] == [1, 2, 3, 4]
    assert [step.log_likelihood for step in steps] == WarpLDA(corpus, n_topics=3).run(4)
    assert all(step.tokens_per_second > 0 for step in steps) and steps[-1].seconds_left == 0
    assert "iteration 4 of 4" in str(steps[-1])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_topics": 0}, "n_topics is 0"),
        ({"mh_steps": 0}, "mh_steps is 0"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"beta": -1.0}, "beta is -1.0"),
        ({"alpha": float("nan")}, "alpha is nan"),
    ],
)
def test_settings_out_of_range_are_named(corpus, settings, message):
    with pytest.raises(ValueError, match=message):
        WarpLDA(corpus, **settings)


def test_more_topics_than_tokens_and_documents_of_one_token_are_fine():
    corpus = Corpus.from_documents({"a": ["dog"], "b": ["dog"], "c": [], "d": ["cat"]}, min_count=1)
    sampler = WarpLDA(corpus, n_topics=50)
    assert np.all(np.isfinite(sampler.run(20)))


def test_the_log_likelihood_rises_to_that_of_the_planted_topics(corpus):
    planted = [int(corpus.words[word][1]) for word in corpus.tokens]
    truth = WarpLDA(corpus, n_topics=N_TOPICS, topics=planted).log_likelihood()
    history = WarpLDA(corpus, n_topics=N_TOPICS).run(100)
    assert history[0] < truth - 0.5
    assert history[-1] == pytest.approx(truth, abs=0.02)
