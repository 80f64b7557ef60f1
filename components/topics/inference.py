"""Topics of a document that the model was not fitted to: its tokens are sampled, the topics' words are held."""

from __future__ import annotations

import numpy as np

from topiclens.components.common.compiling import compiled
from topiclens.components.topics.sampling_steps import begin_stream, below, uniform

BURN_IN = 50
SAMPLES = 50


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

    Gibbs sampling of p(z = k) ~ (C_dk + alpha) phi_kw, where C counts the document's other tokens.

    Args:
        tokens: (length,) word numbers.
        word_given_topic: (words, topics) float64, C-ordered: phi transposed.
        alpha: pseudo-count of each topic.
        seed: of the samples; see `sampling_steps.seed_of`.
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
