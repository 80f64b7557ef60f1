"""Neurons taken out one after the other: in which order, and how far something falls (Samek et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def deletion_orders(
    linked: Sequence[Sequence[int]], gradient: np.ndarray, rng: np.random.Generator, steps: int
) -> dict[str, np.ndarray]:
    """In which order neurons are taken out for each question: the topic's own, most votes first, at most `steps`; as
    many at random; as many by gradient times input.

    Args:
        linked: for each question the topic's neurons, most votes first.
        gradient: (questions, neurons), gradient times input.
    Returns:
        `linked`, `random` and `gradient`, each (questions, at most steps) int, -1 where no further neuron goes.
    """
    n_questions, n_neurons = gradient.shape
    steps = min(steps, n_neurons)
    own = np.full((n_questions, steps), -1)
    for row, neurons in zip(own, linked, strict=True):
        row[: len(neurons)] = neurons[:steps]
    random = rng.permuted(np.tile(np.arange(n_neurons), (n_questions, 1)), axis=1)[:, :steps]
    by_gradient = np.argsort(-gradient, axis=1)[:, :steps]
    return {"linked": own, "random": np.where(own < 0, -1, random), "gradient": np.where(own < 0, -1, by_gradient)}


def mean_drops(drops: np.ndarray, order: np.ndarray) -> np.ndarray:
    """AOPC of each question: the mean over k = 0 .. K of the drop after k deletions (Samek et al. 2017), with K the
    number of neurons that go.

    Args:
        drops: (questions, steps + 1).
        order: (questions, steps), see `deletion_orders`.
    Returns:
        (questions,).
    """
    counts = np.sum(order >= 0, axis=1)
    counted = np.arange(drops.shape[1]) <= counts[:, None]
    return np.sum(drops * counted, axis=1) / (counts + 1)
