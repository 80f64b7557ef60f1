"""Whether a topic's words are used together: normalised pointwise mutual information."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import scipy.sparse

from topiclens.components.topics.documents import Corpus


def npmi(corpus: Corpus, topics: Sequence[Sequence[str]]) -> list[float | None]:
    """NPMI of each topic: the mean over pairs of its words, with documents as windows.

    NPMI(v, w) = log(p(v, w) / (p(v) p(w))) / -log p(v, w) (Bouma 2009; for topics Lau, Newman and Baldwin, EACL 2014),
    from -1, never together, over 0, independent, to 1, never apart.

    Args:
        corpus: documents to count in; p is the share of documents that hold the word, or both words.
        topics: the words of each topic.
    Returns:
        a number a topic; None for one with fewer than two words.
    """
    words = sorted({word for topic in topics for word in topic})
    row_of = {word: row for row, word in enumerate(words)}
    together = _documents_with_both(corpus, words)
    return [
        float(np.mean([_npmi_of_pair(together, row_of[v], row_of[w], len(corpus)) for v, w in pairs]))
        if (pairs := list(itertools.combinations(topic, 2)))
        else None
        for topic in topics
    ]


def _documents_with_both(corpus: Corpus, words: Sequence[str]) -> np.ndarray:
    """(words, words) int64: the documents that hold both words; the diagonal has those that hold one."""
    document_of_token = np.repeat(np.arange(len(corpus)), np.diff(corpus.offsets))
    held = scipy.sparse.csr_array(
        (np.ones(corpus.tokens.size, np.int64), (document_of_token, corpus.tokens)),
        shape=(len(corpus), len(corpus.words)),
    )
    held.data[:] = 1
    index = {word: number for number, word in enumerate(corpus.words)}
    held = held[:, [index[word] for word in words]]
    return (held.T @ held).toarray()


def _npmi_of_pair(together: np.ndarray, v: int, w: int, documents: int) -> float:
    both = together[v, w] / documents
    if both == 0:
        return -1.0  # the limit of -log p / log p
    if both == 1:
        return 1.0  # both in every document: the limit for two words that are never apart
    return float(np.log(both * documents**2 / (together[v, v] * together[w, w])) / -np.log(both))
