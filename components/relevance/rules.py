"""The rules by which relevance goes back from what a layer made to what the layer was made of.

Relevance has a leading axis of the scores that are explained; activations, being those of one forward pass, have not.
"""

from __future__ import annotations

import numpy as np

# Only keeps zero from dividing zero: what it swallows is far below any figure that is reported. Arras et al. took 1e-3,
# in single precision, to damp noise; here nothing wants damping, because relevance vanishes along with its activation.
EPSILON = 1e-9


def shares(relevance: np.ndarray, outputs: np.ndarray, epsilon: float = EPSILON) -> np.ndarray:
    """R_j / (z_j + epsilon sign(z_j)), the relevance for each unit of an output; sign(0) is 1.

    Args:
        relevance: (scores, ..., outputs); outputs: (..., outputs), z.
    """
    return relevance / (outputs + np.where(outputs < 0, -epsilon, epsilon))


def linear(
    inputs: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    outputs: np.ndarray,
    relevance: np.ndarray,
    epsilon: float = EPSILON,
) -> tuple[np.ndarray, np.ndarray]:
    """The epsilon rule for z = x W + b (Bach et al. 2015, eq. 58).

    R_i = x_i sum_j W_ij R_j / (z_j + epsilon sign(z_j)).

    Args:
        inputs: (inputs,), x; kernel: (inputs, outputs), W; bias: (outputs,), b; outputs: (outputs,), z.
        relevance: (scores, outputs).
    Returns:
        the inputs' relevance (scores, inputs), and what the bias took (scores,).
    """
    by_unit = shares(relevance, outputs, epsilon)
    return inputs * (by_unit @ kernel.T), by_unit @ bias


def split_sum(terms: np.ndarray, total: np.ndarray, relevance: np.ndarray, epsilon: float = EPSILON) -> np.ndarray:
    """The epsilon rule for a sum: every term gets its share of the total.

    Args:
        terms: (terms, outputs), which add up to `total` (outputs,).
        relevance: (scores, outputs).
    Returns:
        (scores, terms, outputs).
    """
    return terms * shares(relevance, total, epsilon)[:, None, :]
