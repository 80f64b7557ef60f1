"""The loops of WarpLDA: what one visit of all words, or of all documents, does to every token; see `warplda`.

`rows` are `warplda.Rows`. A row's prior is three numbers: the level of every topic, the topic where it is raised or -1,
and by how much.
"""

import numpy as np

from topiclens.components.common.compiling import compiled
from topiclens.components.topics.random_numbers import begin_stream, uniform


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
