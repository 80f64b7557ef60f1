"""WarpLDA: latent Dirichlet allocation at O(1) a token, whatever the number of topics.

Chen, Li, Zhu and Chen, *WarpLDA: a Cache Efficient O(1) Algorithm for Latent Dirichlet Allocation*, VLDB 2016. Every
token has a topic z; with the other tokens' topics held, its conditional is (their eq. 1)

    p(z = k) ~ (C_dk + alpha) (C_wk + beta) / (C_k + V beta),

where C counts the other tokens of its document d, of its word w, and of all. No factor is ever multiplied out over the
topics: one factor proposes, the others accept or reject (Metropolis-Hastings).

    word visit       for each word: the proposals that documents made, drawn from C_dk + alpha, are accepted with
                     min(1, (C_wt + beta) / (C_ws + beta) * (C_s + V beta) / (C_t + V beta)), s being the old topic
                     and t the new one; then the word proposes, from C_wk + beta.
    document visit   the same with document and word, alpha and beta exchanged.

So one function, `sampling_steps.visit`, does both; it runs over the rows of the word-topic or of the document-topic
matrix. A row's counts are made when it is visited and forgotten afterwards. No matrix is kept: a token is judged by its
row's counts and one vector of K. What lies outside the row is *delayed*: the proposals come from the other matrix as it
was after the last visit, and the K counts from before this one, so the order of the rows does not matter.

A row proposes the topic of one of its tokens, taken at random, which is a draw from its counts, or, as often as the
prior says, any topic. The paper does so for documents and builds alias tables for words; tokens are ordered here so
that it is as cheap for words.

Seed words make beta depend on topic and word (see `priors`), and V beta on the topic:

    p(z = k) ~ (C_dk + alpha) (C_wk + beta_kw) / (C_k + B_k),  B_k = sum_w beta_kw.

The derivation stays the paper's. A proposal q that is a factor of p cancels it in the acceptance ratio
p(t) q(s) / (p(s) q(t)) only if the same prior is in both. So the word visit accepts with beta_tw and beta_sw, the K
counts come with B_t and B_s, and a word proposes from C_wk + beta_kw: any topic as often as its level says, its home as
often as it is raised above that. A word has one home, so all of it stays O(1).

Two things are closer to the exact sampler than the paper's, at no cost. The token itself is left out of the counts that
decide about it, as in eq. 1; left in, it is the same model with its priors moved (Asuncion et al., UAI 2009). And a
row's own counts follow its tokens; were they delayed too, all tokens of a word would move together, and topics would
come out sharper than in the posterior (the test against collapsed Gibbs sampling measures that).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.priors import Seed, WordPrior
from topiclens.components.topics.sampling_steps import log_rising, propose_in_all_rows, visit


@dataclass(frozen=True)
class Iteration:
    """The state of a sampler after an iteration, counted from 1.

    Attributes:
        log_likelihood: log p(words, topics | alpha, beta) a token, in nats.
        tokens_per_second: each token is visited twice an iteration and counted once.
    """

    iteration: int
    iterations: int
    log_likelihood: float
    tokens_per_second: float
    seconds_left: float

    def __str__(self) -> str:
        return (
            f"iteration {self.iteration} of {self.iterations}, log-likelihood {self.log_likelihood:.3f} a "
            f"token, {self.tokens_per_second / 1e6:.1f} M tokens/s, {self.seconds_left:.0f} s left"
        )


class Rows(NamedTuple):
    """Tokens in the order in which they are visited: all of one word, or of one document, after another.

    Attributes:
        members: (tokens,) int64, the tokens row after row.
        offsets: (rows + 1,) int64; row r is ``members[offsets[r]:offsets[r + 1]]``.
        base, home, raised: the pseudo-counts of topics in each row (`WordPrior`): beta for words, alpha for documents.
        logs: log(level + n) for n = 0, 1, ..., longest row; the level is that of rows without a home.
    """

    members: np.ndarray
    offsets: np.ndarray
    base: np.ndarray
    home: np.ndarray
    raised: np.ndarray
    logs: np.ndarray

    @classmethod
    def of(cls, members: np.ndarray, lengths: np.ndarray, prior: WordPrior, level: float) -> Rows:
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        logs = np.log(level + np.arange(lengths.max() + 1))
        return cls(members.astype(np.int64), offsets, prior.base, prior.home, prior.raised, logs)


class WarpLDA:
    """A Markov chain over the topics of a corpus' tokens.

    Args:
        n_topics: K.
        alpha, beta: pseudo-counts of each topic in a document, and of each word in a topic.
        mh_steps: M, the proposals that a token gets in each visit.
        seed: of all that is drawn; equal seeds give equal chains.
        topics: (tokens,) the topics to begin with, 0..K-1; random ones if None, seed words in their topics.
        seeds: words that are pinned to topics; beta is then that of the other words.
    Attributes:
        topics: (tokens,) int32, the topic of each token now, in the corpus' order.
        prior: the pseudo-counts of words.
    Raises:
        ValueError: a setting is out of its range, or the corpus has no tokens.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        n_topics: int = 100,
        alpha: float = 0.2,
        beta: float = 0.05,
        mh_steps: int = 2,
        seed: int = 0,
        topics: np.ndarray | None = None,
        seeds: Sequence[Seed] = (),
    ):
        for name, value in (("n_topics", n_topics), ("mh_steps", mh_steps)):
            if value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1.")
        for name, pseudo_count in (("alpha", alpha), ("beta", beta)):
            if not pseudo_count > 0:
                raise ValueError(f"{name} is {pseudo_count}; expected a pseudo-count above 0, such as 0.1.")
        if not corpus.tokens.size:
            raise ValueError("The corpus has no tokens, so there is nothing to find topics in.")
        if not all(0 <= pinned.topic < n_topics for pinned in seeds):
            raise ValueError(f"There are seeds for more topics than the {n_topics} that are sampled.")
        self.corpus, self.n_topics, self.alpha = corpus, n_topics, alpha
        self._seed, self._visits = seed, 0
        tokens = corpus.tokens
        self.prior = WordPrior.seeded(corpus, beta, seeds)
        self._all_words = self.prior.totals(n_topics)
        self._words = Rows.of(
            np.argsort(tokens, kind="stable"), np.bincount(tokens, minlength=len(corpus.words)), self.prior, beta
        )
        self._documents = Rows.of(
            np.arange(tokens.size), np.diff(corpus.offsets), WordPrior.symmetric(len(corpus), alpha), alpha
        )
        if topics is None:
            topics = np.random.default_rng(seed).integers(n_topics, size=tokens.size)
            home = self.prior.home[tokens]
            topics = np.where(home >= 0, home, topics)
        self.topics = np.array(topics, np.int32)
        self._counts = np.bincount(self.topics, minlength=n_topics).astype(np.int64)
        self._proposals = np.empty((tokens.size, mh_steps), np.int32)
        self._propose(self._documents)

    def iterate(self) -> float:
        """Visits every word, then every document; returns log p(words, topics) a token, as it was in between."""
        self._visit(self._words)
        log_likelihood = self.log_likelihood()
        self._visit(self._documents)
        return log_likelihood

    def steps(self, iterations: int) -> Iterator[Iteration]:
        """Iterates, and yields after each iteration how far it is."""
        began = time.perf_counter()
        for iteration in range(1, iterations + 1):
            log_likelihood = self.iterate()
            seconds = (time.perf_counter() - began) / iteration
            rate, left = self.topics.size / seconds, seconds * (iterations - iteration)
            yield Iteration(iteration, iterations, log_likelihood, rate, left)

    def run(self, iterations: int) -> list[float]:
        """Iterates; returns the log-likelihoods a token."""
        return [step.log_likelihood for step in self.steps(iterations)]

    def word_topic_counts(self) -> np.ndarray:
        """(topics, words) int64: how often each word has each topic."""
        return self._count(self.corpus.tokens, len(self.corpus.words)).T

    def document_topic_counts(self) -> np.ndarray:
        """(documents, topics) int64: how many tokens of each document have each topic."""
        return self._count(np.repeat(np.arange(len(self.corpus)), np.diff(self.corpus.offsets)), len(self.corpus))

    def log_likelihood(self) -> float:
        """log p(words, topics | alpha, beta) a token, in nats, with both distributions integrated out.

        Griffiths and Steyvers, *Finding scientific topics*, 2004, eq. 2-3, in the form
        prod (prior) (prior + 1) ... (prior + C - 1) / the same of the row's sum.
        """
        lengths = np.diff(self._documents.offsets)
        all_topics, all_words = self.n_topics * self.alpha, self._all_words
        total = sum(log_rising(rows, self.topics, self.n_topics) for rows in (self._words, self._documents))
        total += np.sum(gammaln(all_topics) - gammaln(all_topics + lengths))
        total += np.sum(gammaln(all_words) - gammaln(all_words + self._counts))
        return float(total / self.topics.size)

    def _propose(self, rows: Rows) -> None:
        propose_in_all_rows(rows, self.topics, self._proposals, self.n_topics, self._seed)

    def _visit(self, rows: Rows) -> None:
        self._visits += 1
        visit(rows, self.topics, self._proposals, self._counts, self._all_words, self._seed, self._visits)

    def _count(self, row_of_token: np.ndarray, rows: int) -> np.ndarray:
        flat = row_of_token.astype(np.int64) * self.n_topics + self.topics
        return np.bincount(flat, minlength=rows * self.n_topics).reshape(rows, self.n_topics)
