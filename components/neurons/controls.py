"""What the figures of named neurons must be held against: other detectors of the same topics on the same videos.

All that a control learns or chooses is of the training videos.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.detection import Detection, correlations, detect, mean_detection
from topiclens.components.neurons.links import TopicLinks

NO_NEURON = -1
_PARTS = 5
# Values of videos (videos, values) to a score of each topic (videos, topics).
Scores = Callable[[np.ndarray], np.ndarray]


def activations_of(mean: np.ndarray, neurons: np.ndarray) -> np.ndarray:
    """The columns of some neurons, from mean activations (videos, neurons); 1 throughout for `NO_NEURON`."""
    return np.where(neurons == NO_NEURON, np.ones((), mean.dtype), mean[:, neurons])


def measure_controls(
    seen: MeanActivations,
    held_out: MeanActivations,
    links: TopicLinks,
    occurring: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Detection]:
    """The mean figures, over the topics that occur in the held-out videos, of

    - `random_names`: the neurons that the topics name with most votes, with their names dealt out anew;
    - `best_feature`: the one mean frame feature that correlates most with each topic;
    - `linear_map`: a ridge regression of the topics on the mean frame features;
    - `sparse_1`, `sparse_5`: `sparse_probe` of one neuron and of five, whatever their names.
    """
    top = np.array([topic.neurons[0].neuron if topic.neurons else NO_NEURON for topic in links.topics])
    renamed = random_names(top, rng)
    scores = {
        "random_names": (activations_of(seen.mean, renamed), activations_of(held_out.mean, renamed)),
        "best_feature": scored(best_feature, seen.features, seen.topics, held_out.features),
        "linear_map": scored(linear_map, seen.features, seen.topics, held_out.features),
        **{
            f"sparse_{k}": scored(functools.partial(sparse_probe, k=k), seen.mean, seen.topics, held_out.mean)
            for k in (1, 5)
        },
    }
    return {
        name: mean_detection(
            detect(known[:, occurring], seen.topics[:, occurring], asked[:, occurring], held_out.topics[:, occurring])
        )
        for name, (known, asked) in scores.items()
    }


def random_names(neurons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The neurons of the topics (topics,), each given to another topic: along one random circle of them all."""
    circle = rng.permutation(len(neurons))
    renamed = np.empty_like(neurons)
    renamed[circle] = neurons[np.roll(circle, 1)]
    return renamed


def best_feature(values: np.ndarray, topics: np.ndarray) -> Scores:
    """For each topic the one value that correlates most with it, up or down. Values are (videos, values), topics
    (videos, topics)."""
    found = correlations(values, topics)
    best = np.argmax(np.abs(found), axis=0)
    sign = np.sign(found[best, np.arange(found.shape[1])])
    return lambda values: sign * values[:, best]


def linear_map(values: np.ndarray, topics: np.ndarray, ridge: float = 1.0) -> Scores:
    """A ridge regression of the topics (videos, topics) on standardised values (videos, values); `ridge` is the penalty
    per video."""
    standardise = _standardiser(values)
    z = standardise(values)
    penalty = ridge * len(z) * np.eye(z.shape[1])
    weights = np.linalg.solve(z.T @ z + penalty, z.T @ (topics - topics.mean(axis=0)))
    return lambda values: standardise(values) @ weights


def sparse_probe(values: np.ndarray, topics: np.ndarray, k: int, ridge: float = 1e-3) -> Scores:
    """k-sparse probing (Gurnee et al. 2023): for each topic a logistic regression on the k neurons whose means, in
    units of their deviation, differ most between the videos with the topic and those without.

    Values are (videos, neurons), topics (videos, topics), `ridge` is the penalty per video. The score is the logit.
    """
    standardise = _standardiser(values)
    z = standardise(values)
    count = topics.sum(axis=0)
    sums = z.T @ topics  # those over the videos without are the negative: a standardised neuron sums to 0
    differences = np.abs(sums / np.maximum(count, 1) + sums / np.maximum(len(topics) - count, 1))
    chosen = np.argsort(-differences, axis=0, kind="stable")[:k].T
    weights = [_logistic(z[:, neurons], topic, ridge) for neurons, topic in zip(chosen, topics.T)]

    def scores(values: np.ndarray) -> np.ndarray:
        z = standardise(values)
        logits = [z[:, neurons] @ weight[1:] + weight[0] for neurons, weight in zip(chosen, weights)]
        return np.stack(logits, axis=1)

    return scores


def scored(
    fit: Callable[[np.ndarray, np.ndarray], Scores], seen: np.ndarray, topics: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The scores of training and held-out videos. A training video is scored by a fit without its fifth of them: what a
    fit says of the videos that it learnt from would put the threshold too high."""
    known = np.empty(topics.shape)
    for part in range(_PARTS):
        out = np.arange(len(seen)) % _PARTS == part
        known[out] = fit(seen[~out], topics[~out])(seen[out])
    return known, fit(seen, topics)(held_out)


def _standardiser(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    centre, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64) + 1e-9
    return lambda values: (values - centre) / scale


def _logistic(z: np.ndarray, present: np.ndarray, ridge: float) -> np.ndarray:
    """The offset and the weights (1 + values,) with the least mean cross-entropy and penalty."""
    inputs = np.column_stack([np.ones(len(z)), z])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = inputs @ weights
        value = np.mean(np.logaddexp(0, logits) - present * logits) + ridge / 2 * weights @ weights
        return value, inputs.T @ (expit(logits) - present) / len(z) + ridge * weights

    return minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x
