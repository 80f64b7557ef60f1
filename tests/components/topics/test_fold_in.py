"""Fold-in against enumeration of every assignment."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln

from topiclens.components.topics.sampling_steps import fold_in, seed_of

PHI = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])


def _exact_counts(tokens, alpha):
    """E[C_dk | tokens, phi, alpha], summed over all assignments."""
    total, weight_of_all = np.zeros(len(PHI)), 0.0
    for topics in itertools.product(range(len(PHI)), repeat=len(tokens)):
        counts = np.bincount(topics, minlength=len(PHI))
        weight = np.exp(gammaln(counts + alpha).sum()) * np.prod(PHI[list(topics), tokens])
        total += weight * counts
        weight_of_all += weight
    return total / weight_of_all


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_counts_are_those_of_all_assignments_weighed_by_their_probability(alpha):
    tokens = np.array([0, 0, 1, 2, 1, 0])
    counts = fold_in(tokens, PHI.T, alpha, seed=1, samples=40_000)
    np.testing.assert_allclose(counts, _exact_counts(tokens, alpha), atol=0.05)


def test_counts_sum_to_the_documents_length():
    assert fold_in(np.array([0, 1, 2, 2]), PHI.T, 0.3, seed=3).sum() == pytest.approx(4)


def test_a_document_without_known_words_has_no_counts():
    np.testing.assert_array_equal(fold_in(np.array([], np.int32), PHI.T, 0.5, seed=0), np.zeros(2))


def test_a_document_is_sampled_alike_each_time_and_unlike_under_another_id():
    tokens = np.array([0, 1, 1, 2] * 3)

    def counts(name):
        return fold_in(tokens, PHI.T, 0.5, seed=seed_of(name, 0), samples=3)

    np.testing.assert_array_equal(counts("a"), counts("a"))
    assert any(not np.array_equal(counts("a"), counts(other)) for other in "bcde")
