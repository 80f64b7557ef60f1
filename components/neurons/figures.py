"""How well neurons carry their topics: figures on held-out videos, with the links of the training videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.neurons.pdm import Perceptron


def roc_auc(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The area under the ROC curve of every detector for every topic: the share of pairs of a video with the topic and
    one without in which the former scores higher, ties counting half (Mann-Whitney; Hanley and McNeil 1982).

    From scores (videos, detectors) and present (videos, topics) to (detectors, topics), NaN for a topic that occurs in
    all videos or in none.
    """
    present = np.asarray(present, bool)
    with_topic = present.sum(axis=0)
    pairs = with_topic * (len(present) - with_topic)
    ranks = rankdata(scores, axis=0).T @ present  # the sum of the ranks of the videos with each topic
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (ranks - with_topic * (with_topic + 1) / 2) / pairs, np.nan)


def average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    """sum_k (R_k - R_k-1) P_k over the distinct thresholds of one detector, P and R being precision and recall
    (Manning, Raghavan and Schütze 2008, section 8.4, without interpolation). Scores and present are (videos,).

    NaN if the topic occurs nowhere.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(np.asarray(present, bool)[order])
    if not hits.size or not hits[-1]:
        return float("nan")
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    taken, hits = np.flatnonzero(last_of_tie) + 1, hits[last_of_tie]
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * hits / taken))


def selectivity(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(m_with - m_without) / (m_with + m_without) of every neuron for every topic (Morcos et al. 2018).

    m is the mean activation over the videos with the topic, and over those without. The index is made for activations
    that are not negative; those of an LSTM, in (-1, 1), are moved to (0, 1) first. From scores (videos, neurons) and
    present (videos, topics) to (neurons, topics), NaN for a topic that occurs in all videos or in none.
    """
    activations, present = (1 + np.asarray(scores, np.float64)) / 2, np.asarray(present, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        with_topic = activations.T @ present / present.sum(axis=0)
        without = activations.T @ (1 - present) / (1 - present).sum(axis=0)
        return (with_topic - without) / (with_topic + without)


def gini(values: np.ndarray) -> float:
    """sum_i (2 i - n - 1) x_i / (n sum_i x_i) of n magnitudes in rising order: 0 if all are equal, near 1 if one is all
    (Hurley and Rickard 2009)."""
    x = np.sort(np.abs(np.asarray(values, np.float64)))
    if not x.sum():
        return 0.0
    return float(np.sum((2 * np.arange(1, len(x) + 1) - len(x) - 1) * x) / (len(x) * x.sum()))


def oracle_impurity(auc: np.ndarray, oracle: np.ndarray) -> float:
    """OIS = 2 / k ||pi(neurons, topics) - pi(topics, topics)||_F (Espinosa Zarlenga et al., AAAI 2023).

    pi_ij is how well topic j is predicted, by AUC (k, k), from what stands for topic i: its neuron, or its presence
    itself (the oracle). An AUC below a half predicts by its reverse. 0 says that neurons know of other topics no more
    than topics know of each other.
    """
    able, oracle = np.maximum(auc, 1 - auc), np.maximum(oracle, 1 - oracle)
    return float(2 / len(able) * np.linalg.norm(able - oracle))


def deletion_orders(
    linked: Sequence[Sequence[int]], gradient: np.ndarray, rng: np.random.Generator, steps: int
) -> dict[str, np.ndarray]:
    """In which order neurons are deleted for each question: the topic's own, most votes first, at most `steps`; as many
    at random; as many by gradient times input (questions, neurons).

    Returns:
        `linked`, `random` and `gradient`, each (questions, at most steps) int, -1 where no further neuron is deleted.
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
    """AOPC of each question (questions,): the mean over k = 0 .. K of the drop after k deletions (Samek et al. 2017),
    K being how many neurons are deleted. `drops` is (questions, steps + 1)."""
    counts = np.sum(order >= 0, axis=1)
    counted = np.arange(drops.shape[1]) <= counts[:, None]
    return np.sum(drops * counted, axis=1) / (counts + 1)


def score_drops(mean: np.ndarray, occurrences: np.ndarray, order: np.ndarray, f: Perceptron) -> np.ndarray:
    """How far a topic's score falls when neurons are deleted one after the other.

    Args:
        mean: (videos, neurons), mean activations.
        occurrences: (pairs, 2) int, a row of `mean` and a topic.
        order: (pairs, steps) int, the neuron that is deleted at each step; -1 where none is.
    Returns:
        (pairs, steps + 1), [f(v)]_i - [f(v without the first k)]_i for k = 0 .. steps.
    """
    videos, topics = occurrences.T
    score = f.score.T[topics]
    inputs = (mean @ f.hidden + f.hidden_bias)[videos]
    scores = [np.sum(np.maximum(inputs, 0) * score, axis=1)]
    for neuron in order.T:
        activation = np.where(neuron >= 0, mean[videos, neuron], 0)
        inputs = inputs - activation[:, None] * f.hidden[neuron]
        scores.append(np.sum(np.maximum(inputs, 0) * score, axis=1))
    return scores[0][:, None] - np.stack(scores, axis=1)


def gradient_times_input(mean: np.ndarray, occurrences: np.ndarray, f: Perceptron) -> np.ndarray:
    """v_j d[f(v)]_i / dv_j for every neuron j and every given pair of a video and a topic i: (pairs, neurons)."""
    videos, topics = occurrences.T
    active = (mean @ f.hidden + f.hidden_bias)[videos] > 0
    return mean[videos] * ((active * f.score.T[topics]) @ f.hidden.T)


@dataclass(frozen=True)
class TopicFigures:
    """A topic that occurs in the held-out videos."""

    id: int
    videos: int
    neurons: int  # how many it has; without any, the figures are those of chance
    auc: float
    average_precision: float
    selectivity: float
    gini: float
    deletion: float


@dataclass(frozen=True)
class NeuronFigures:
    """How well the linked neurons of a model carry their topics; means are over the topics that occur ('macro').

    Where no topic occurs in some of the videos and not in all, there is nothing to detect and every mean is None.
    """

    topics: int  # how many occur in some held-out videos and not in all
    linked_topics: int  # how many of these have a neuron
    detectors: int  # how many have a neuron with an AUC of at least `detector_auc`
    # auc, average_precision: of a topic's linked neurons as its detectors; a topic without a neuron counts as chance
    # does, with 0.5 and its share of the videos
    auc: float | None
    average_precision: float | None
    selectivity: float | None  # of the linked neurons; 0 for a topic without
    gini: float | None  # of the topic's mean activation profile over all neurons (the curves of Fig. 3)
    purity: float | None  # 1 - OIS of the topics' strongest neurons (`oracle_impurity`); None with fewer than two
    deletion: float | None  # `mean_drops` of the topic's score when its linked neurons are deleted, most votes first
    deletion_random: float | None  # the same for as many neurons at random
    deletion_gradient: float | None  # the same for as many in the order of gradient times input, in each video
    by_topic: tuple[TopicFigures, ...]


def measure_neurons(
    mean: np.ndarray,
    topics: np.ndarray,
    links: TopicLinks,
    f: Perceptron,
    *,
    rng: np.random.Generator,
    detector_auc: float = 0.7,
    steps: int = 5,
) -> NeuronFigures:
    """All figures of one model, on mean activations and topics of held-out videos.

    A neuron may carry its topic by a negative activation: which sign speaks for the topic was fixed, like the links, on
    the training videos. The links were found with `f`; at most `steps` neurons are deleted for a topic.
    """
    present = np.asarray(topics, bool)
    occurring = np.flatnonzero(present.any(axis=0) & ~present.all(axis=0))
    neurons = {topic.id: [linked.neuron for linked in topic.neurons] for topic in links.topics}
    sign = np.ones(mean.shape[1], mean.dtype)
    for topic in links.topics:
        for linked in topic.neurons:
            sign[linked.neuron] = 1 if linked.mean_activation >= 0 else -1
    oriented = mean * sign
    auc, selective = roc_auc(oriented, present), selectivity(oriented, present)
    drops = _deletions(mean, present, neurons, f, rng, steps)

    by_topic = []
    for topic in occurring.tolist():
        mine, with_topic = neurons[topic], present[:, topic]
        precision = [average_precision(oriented[:, neuron], with_topic) for neuron in mine]
        by_topic.append(
            TopicFigures(
                id=topic,
                videos=int(with_topic.sum()),
                neurons=len(mine),
                auc=float(np.mean(auc[mine, topic])) if mine else 0.5,
                average_precision=float(np.mean(precision if mine else with_topic)),
                selectivity=float(np.mean(selective[mine, topic])) if mine else 0.0,
                gini=gini(mean[with_topic].mean(axis=0)),
                deletion=drops["linked"].get(topic, 0.0),
            )
        )
    macro = {name: _mean([getattr(row, name) for row in by_topic])
             for name in ("auc", "average_precision", "selectivity", "gini", "deletion")}  # fmt: skip
    return NeuronFigures(
        topics=len(by_topic),
        linked_topics=sum(row.neurons > 0 for row in by_topic),
        detectors=sum(any(auc[neuron, row.id] >= detector_auc for neuron in neurons[row.id]) for row in by_topic),
        purity=_purity(oriented, present, [(neurons[row.id][0], row.id) for row in by_topic if row.neurons]),
        deletion_random=_mean([drops["random"].get(row.id, 0.0) for row in by_topic]),
        deletion_gradient=_mean([drops["gradient"].get(row.id, 0.0) for row in by_topic]),
        by_topic=tuple(by_topic),
        **macro,
    )


def _deletions(
    mean: np.ndarray,
    present: np.ndarray,
    neurons: Mapping[int, Sequence[int]],
    f: Perceptron,
    rng: np.random.Generator,
    steps: int,
) -> dict[str, dict[int, float]]:
    """AOPC of each topic that has neurons, in the orders of `deletion_orders`: {order: {topic: AOPC}}."""
    pairs = np.array([pair for pair in np.argwhere(present) if neurons[pair[1]]], np.int64).reshape(-1, 2)
    linked = [neurons[topic] for topic in pairs[:, 1]]
    orders = deletion_orders(linked, gradient_times_input(mean, pairs, f), rng, steps)
    result = {}
    for name, order in orders.items():
        aopc = mean_drops(score_drops(mean, pairs, order, f), order)
        result[name] = {topic: float(aopc[pairs[:, 1] == topic].mean()) for topic in np.unique(pairs[:, 1]).tolist()}
    return result


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _purity(oriented: np.ndarray, present: np.ndarray, strongest: Sequence[tuple[int, int]]) -> float | None:
    if len(strongest) < 2:
        return None
    neurons, topics = map(list, zip(*strongest))
    shown = present[:, topics]
    return 1 - oracle_impurity(roc_auc(oriented[:, neurons], shown), roc_auc(shown.astype(float), shown))
