"""The compiled loops of sampling: those of WarpLDA, which fits a model (see `warplda`), and `fold_in`'s.

`rows` are `warplda.Rows`. A row's prior is three numbers: the level of every topic, the topic where it is raised or -1,
and by how much.

The random numbers are SplitMix64's (Steele, Lea and Flood, OOPSLA 2014). Its state is a counter, so any number of
streams can begin from a hash of their purpose: a row draws the same numbers whichever row came before it.
"""

from __future__ import annotations

import hashlib

import numpy as np

from topiclens.components.common.compiling import compiled

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53
BURN_IN = 50
SAMPLES = 50


@compiled
def _mix(x):
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@compiled
def begin_stream(state, seed, visit, row):
    """Sets ``state`` (1,) uint64 to the beginning of the stream of one row in one visit."""
    x = _mix(np.uint64(seed) + _GAMMA)
    x = _mix(x ^ (np.uint64(visit) + _GAMMA))
    state[0] = _mix(x ^ (np.uint64(row) + _GAMMA))


@compiled
def _next(state):
    state[0] += _GAMMA
    return _mix(state[0])


@compiled
def uniform(state):
    """A float64 in [0, 1)."""
    return np.float64(_next(state) >> np.uint64(11)) * _TO_UNIT


@compiled
def below(state, n):
    """An integer in 0..n-1, for n < 2^32; the bias is below n / 2^32 (multiply and shift, Lemire 2019)."""
    return np.int64(((_next(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


def seed_of(name: str, seed: int) -> int:
    """The 63-bit seed of a document, by its name: the same on every machine, whatever is sampled beside it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big") >> 1


@compiled
def visit(rows, topics, proposals, counts, all_words, seed, number):
    """Lets every token accept or reject its proposals by its row's counts, and the row make new ones."""
    in_row = np.zeros(counts.size, np.int64)
    new_counts = np.zeros(counts.size, np.int64)
    state = np.empty(1, np.uint64)
    members = rows.members
    for row in range(rows.offsets.size - 1):
        begin, end = rows.offsets[row], rows.offsets[row + 1]
        prior = rows.base[row], rows.home[row], rows.raised[row]
        begin_stream(state, seed, number, row)
        for i in range(begin, end):
            in_row[topics[members[i]]] += 1
        for i in range(begin, end):
            token = members[i]
            in_row[topics[token]] -= 1
            topics[token] = _accept(topics[token], proposals[token], in_row, counts, prior, all_words, state)
            in_row[topics[token]] += 1
            new_counts[topics[token]] += 1
        for i in range(begin, end):
            in_row[topics[members[i]]] = 0  # as cheap as the row is short; clearing all K would not be
        _propose(members, begin, end, topics, proposals, prior, counts.size, state)
    counts[:] = new_counts


@compiled
def _of_topic(prior, topic):
    """The pseudo-count of a topic in a row."""
    base, home, raised = prior
    return base + raised if topic == home else base


@compiled
def _accept(before, proposed, in_row, counts, prior, all_words, state):
    """Runs a token's Metropolis-Hastings chain over its proposals.

    ``in_row`` leaves the token out already; ``counts``, from before the visit, holds it under ``before``.
    """
    now = before
    for new in proposed:
        if new == now:
            continue
        gain = (in_row[new] + _of_topic(prior, new)) * (counts[now] - (now == before) + all_words[now])
        loss = (in_row[now] + _of_topic(prior, now)) * (counts[new] - (new == before) + all_words[new])
        if gain >= loss or uniform(state) * loss < gain:
            now = new
    return now


@compiled
def _propose(members, begin, end, topics, proposals, prior, n_topics, state):
    """Draws each token's proposals from the counts of the other tokens in its row, plus the prior."""
    base, home, raised = prior
    others = end - begin - 1
    for i in range(begin, end):
        for m in range(proposals.shape[1]):
            point = uniform(state) * (others + n_topics * base + raised)
            if point < others:
                other = begin + np.int64(point)
                other += other >= i  # skips the token itself
                proposals[members[i], m] = topics[members[other]]
            else:
                any_topic = np.int64((point - others) / base)
                if any_topic >= n_topics:  # in what is raised; without a home, rounding may make it K
                    any_topic = home if home >= 0 else n_topics - 1
                proposals[members[i], m] = any_topic


@compiled
def propose_in_all_rows(rows, topics, proposals, n_topics, seed):
    """Draws the first proposals, before any visit."""
    state = np.empty(1, np.uint64)
    for row in range(rows.offsets.size - 1):
        begin_stream(state, seed, 0, row)
        prior = rows.base[row], rows.home[row], rows.raised[row]
        _propose(rows.members, rows.offsets[row], rows.offsets[row + 1], topics, proposals, prior, n_topics, state)


@compiled
def log_rising(rows, topics, n_topics):
    """Sum over rows and topics of log(prior (prior + 1) ... (prior + C - 1)), one factor a token."""
    in_row = np.zeros(n_topics, np.int64)
    total = 0.0
    for row in range(rows.offsets.size - 1):
        prior = rows.base[row], rows.home[row], rows.raised[row]
        begin, end = rows.offsets[row], rows.offsets[row + 1]
        for i in range(begin, end):
            topic = topics[rows.members[i]]
            if rows.home[row] < 0:
                total += rows.logs[in_row[topic]]
            else:
                total += np.log(_of_topic(prior, topic) + in_row[topic])
            in_row[topic] += 1
        for i in range(begin, end):
            in_row[topics[rows.members[i]]] = 0
    return total


def fold_in(
    tokens: np.ndarray,
    word_given_topic: np.ndarray,
    alpha: float,
    *,
    seed: int,
    burn_in: int = BURN_IN,
    samples: int = SAMPLES,
) -> np.ndarray:
    """How many tokens of a document have each topic, on average over samples of p(z | tokens, phi, alpha).

    The topics' words are held while its tokens are sampled: Gibbs sampling of p(z = k) ~ (C_dk + alpha) phi_kw, where C
    counts the document's other tokens.

    Args:
        tokens: (length,) word numbers.
        word_given_topic: (words, topics) float64, C-ordered: phi transposed.
        alpha: pseudo-count of each topic.
        seed: of the samples; see `seed_of`.
        burn_in: sweeps before the first of the samples.
    Returns:
        (topics,) float64, summing to the document's length.
    """
    phi = np.ascontiguousarray(word_given_topic, np.float64)
    return _gibbs(np.asarray(tokens, np.int64), phi, float(alpha), seed, burn_in, samples)


@compiled
def _gibbs(
    tokens: np.ndarray, word_given_topic: np.ndarray, alpha: float, seed: int, burn_in: int, samples: int
) -> np.ndarray:
    n_topics = word_given_topic.shape[1]
    state = np.empty(1, np.uint64)
    begin_stream(state, seed, 0, 0)
    topics = np.empty(tokens.size, np.int64)
    counts = np.zeros(n_topics)
    total = np.zeros(n_topics)
    cumulative = np.empty(n_topics)
    for i in range(tokens.size):
        topics[i] = below(state, n_topics)
        counts[topics[i]] += 1
    for sweep in range(burn_in + samples):
        for i in range(tokens.size):
            counts[topics[i]] -= 1
            mass = 0.0
            for k in range(n_topics):
                mass += (counts[k] + alpha) * word_given_topic[tokens[i], k]
                cumulative[k] = mass
            # 'right' gives the first topic beyond the draw; rounding may put the draw at the very end
            topics[i] = min(np.searchsorted(cumulative, uniform(state) * mass, "right"), n_topics - 1)
            counts[topics[i]] += 1
        if sweep >= burn_in:
            total += counts
    return total / samples
