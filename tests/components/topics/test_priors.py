"""Seed words: the prior itself, the sampler under it, and what comes of it."""

import numpy as np
import pytest
from scipy.special import gammaln

from tests.components.topics.conftest import mixed_documents
from tests.components.topics.test_warplda import gibbs
from topiclens.components.topics import fitting
from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.governance import Governance, GovernanceError, SeedWords
from topiclens.components.topics.priors import ELSEWHERE, Seed, WordPrior
from topiclens.components.topics.sampling_steps import fold_in, seed_of
from topiclens.components.topics.warplda import WarpLDA

TINY = {"a": ["x", "x", "y", "y", "x"], "b": ["y", "z", "z", "z"], "c": ["x", "z", "y"]}


@pytest.fixture(scope="module")
def tiny():
    return Corpus.from_documents(TINY, min_count=1)


def test_without_seeds_the_prior_is_beta_to_the_last_bit(corpus):
    prior = WordPrior.seeded(corpus, 0.05, [])
    assert not prior.pins_anything
    assert (prior.totals(7) == len(corpus.words) * 0.05).all() and (prior.dense(7) == 0.05).all()


def test_a_seed_word_is_raised_at_home_by_its_occurrences_and_lowered_elsewhere(tiny):
    prior = WordPrior.seeded(tiny, 0.1, [Seed(1, ("x", "unknown"), weight=2.0)])
    x = tiny.words.index("x")
    assert prior.dense(3)[:, x] == pytest.approx([0.1 * ELSEWHERE, 0.1 + 2.0 * 4, 0.1 * ELSEWHERE])
    assert prior.dense(3)[:, tiny.words.index("y")] == pytest.approx([0.1] * 3)
    np.testing.assert_allclose(prior.totals(3), prior.dense(3).sum(1))


@pytest.mark.parametrize(
    "seeds, message",
    [
        ([Seed(0, ("x",)), Seed(1, ("x",))], "'x' is pinned to two topics"),
        ([Seed(0, ("unknown",))], "None of the seed words unknown is in the captions"),
        ([Seed(3, ("x",))], "seeds for more topics than the 3"),
    ],
)
def test_seeds_that_cannot_be_are_named(tiny, seeds, message):
    with pytest.raises(ValueError, match=message):
        WarpLDA(tiny, n_topics=3, seeds=seeds)


def test_the_log_likelihood_is_that_of_the_count_matrices_under_the_raised_prior(corpus):
    alpha, beta = 0.3, 0.05
    sampler = WarpLDA(corpus, n_topics=6, alpha=alpha, beta=beta, seeds=[Seed(2, corpus.words[:3])])
    sampler.run(2)

    def log_dirichlet_multinomial(counts, prior):
        prior = np.broadcast_to(prior, counts.shape)
        rows = gammaln(prior.sum(1)) - gammaln(counts.sum(1) + prior.sum(1))
        return np.sum(rows + (gammaln(counts + prior) - gammaln(prior)).sum(1))

    joint = log_dirichlet_multinomial(sampler.word_topic_counts(), sampler.prior.dense(6))
    joint += log_dirichlet_multinomial(sampler.document_topic_counts(), alpha)
    assert sampler.log_likelihood() == pytest.approx(joint / corpus.tokens.size, rel=1e-12)


@pytest.mark.parametrize("proposing, accepting", [("_documents", "_words"), ("_words", "_documents")])
def test_a_visit_draws_a_token_from_its_conditional_under_the_raised_prior(tiny, proposing, accepting):
    """As in test_warplda, of p(z = k) ~ (C_dk + alpha) (C_wk + beta_kw) / (C_k + B_k), by enumeration over k."""
    topics = np.array([0, 0, 1, 2, 1, 1, 2, 2, 0, 0, 1, 2])
    n_topics, alpha, beta, runs = 3, 0.4, 0.3, 4000
    seeds = [Seed(0, ("x",), 0.2), Seed(2, ("y",), 0.5)]
    outcomes = np.zeros((topics.size, n_topics))
    for seed in range(runs):
        sampler = WarpLDA(
            tiny, n_topics=n_topics, alpha=alpha, beta=beta, mh_steps=60, seed=seed, topics=topics, seeds=seeds
        )
        sampler._propose(getattr(sampler, proposing))
        sampler._visit(getattr(sampler, accepting))
        outcomes[np.arange(topics.size), sampler.topics] += 1

    prior = sampler.prior.dense(n_topics)
    document_of = np.repeat(np.arange(3), np.diff(tiny.offsets))
    row_of = tiny.tokens if accepting == "_words" else document_of
    for token in np.unique(row_of, return_index=True)[1]:
        word, others = tiny.tokens[token], np.arange(topics.size) != token
        in_document, of_word, of_all = (
            np.bincount(topics[others & kept], minlength=n_topics)
            for kept in (document_of == document_of[token], tiny.tokens == word, True)
        )
        conditional = (in_document + alpha) * (of_word + prior[:, word]) / (of_all + prior.sum(1))
        expected = runs * conditional / conditional.sum()
        assert np.sum((outcomes[token] - expected) ** 2 / expected) < 18.4  # chi-square, 2 degrees, p = 0.0001


def test_words_have_topics_as_often_as_in_a_collapsed_gibbs_sampler_with_the_whole_prior():
    """Seeds give topics a numbering, so the counts themselves can be compared. The chains mix slowly: shorter ones
    agree to 0.013, these to 0.051."""
    n_topics, n_words, alpha, beta = 3, 8, 0.5, 0.5
    phi, documents = mixed_documents(n_topics, n_words)
    corpus = Corpus.from_documents(documents, min_count=1)
    seeds = [Seed(k, (f"w{int(np.argmax(phi[k]))}",), 0.5) for k in range(n_topics)]
    assert len({seed.words for seed in seeds}) == n_topics

    sampler = WarpLDA(corpus, n_topics=n_topics, alpha=alpha, beta=beta, seeds=seeds)
    sampler.run(500)
    ours = np.zeros((n_topics, n_words))
    for _ in range(2000):
        sampler.run(2)
        ours += sampler.word_topic_counts() / 2000
    document_of = np.repeat(np.arange(len(corpus)), np.diff(corpus.offsets))
    prior = sampler.prior.dense(n_topics)
    _, theirs = gibbs(corpus.tokens, document_of, prior, len(corpus), alpha, 5000)
    np.testing.assert_allclose(ours / ours.sum(0), theirs / theirs.sum(0), atol=0.06)


def test_a_seeded_topic_is_about_its_words_and_those_that_go_with_them(documents):
    governance = Governance(seeds=(SeedWords("two", ("t2w0", "t2w1")), SeedWords("nought", ("t0w3",))))
    fit = fitting.fit(documents, n_topics=4, iterations=60, governance=governance)
    two, nought = fit.model.topics[:2]
    assert (two.name, nought.name) == ("two", "nought") and two.seeds == ("t2w0", "t2w1")
    assert {word[:2] for word in two.words[:6]} == {"t2"} and {word[:2] for word in nought.words[:6]} == {"t0"}


def test_held_out_videos_are_inferred_under_the_same_prior(documents):
    governance = Governance(seeds=(SeedWords("two", ("t2w0",)),))
    model = fitting.fit(documents, n_topics=4, iterations=20, governance=governance).model
    model = type(model).from_files(model.to_files())
    word = model.words.index("t2w0")
    counts, occurrences = model.counts / model.samples, model.counts[:, word].sum() / model.samples
    raised = 0.05 + occurrences
    phi = (counts[0, word] + raised) / (counts[0].sum() + (len(model.words) - 1) * 0.05 + raised)
    assert model.phi[0, word] == pytest.approx(phi)
    tokens = np.array([word, word])
    expected = fold_in(tokens, model.phi.T, model.alpha, seed=seed_of("x", model.seed))
    np.testing.assert_array_equal(model.infer_words("x", ["t2w0", "t2w0"]), expected)


def test_more_seeds_than_topics_are_refused(documents):
    seeds = tuple(SeedWords(str(n), (f"t{n}w0",)) for n in range(3))
    with pytest.raises(GovernanceError, match="3 seeds and 2 topics"):
        fitting.fit(documents, n_topics=2, iterations=1, governance=Governance(seeds=seeds))
