"""How well a topic model predicts captions it has not seen; comparable for every sampler."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from topiclens.components.topics.inference import document_seed, fold_in


def held_out_perplexity(
    word_probabilities: np.ndarray, alpha: float, documents: Mapping[str, np.ndarray], *, seed: int = 0
) -> float:
    """Perplexity a token by document completion (Wallach et al., ICML 2009, section 5).

    Half of each document's tokens, chosen at random, give its mixture theta by fold-in; the other half is scored by
    sum_k theta_k phi_kw. It sees no more of a model than phi and alpha, so models from any sampler compare.

    Args:
        word_probabilities: (topics, words) phi; each row sums to 1.
        alpha: pseudo-count of each topic in a document.
        documents: word numbers by document id; documents of fewer than two tokens are passed over.
        seed: of the halves and the fold-in.
    Raises:
        ValueError: no document has two tokens.
    """
    by_word = np.ascontiguousarray(word_probabilities.T, np.float64)
    log_probability, scored = 0.0, 0
    for name, tokens in documents.items():
        if len(tokens) < 2:
            continue
        of_document = document_seed(name, seed)
        shuffled = np.random.default_rng(of_document).permutation(tokens)
        seen, hidden = np.array_split(shuffled, 2)
        counts = fold_in(seen, by_word, alpha, seed=of_document)
        theta = (counts + alpha) / (counts + alpha).sum()
        log_probability += np.log(by_word[hidden] @ theta).sum()
        scored += len(hidden)
    if not scored:
        raise ValueError(f"None of the {len(documents)} held-out documents has two known words; nothing to score.")
    return float(np.exp(-log_probability / scored))
