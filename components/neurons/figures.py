"""How well neurons carry their topics: figures on held-out videos, with the links of the training videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.controls import NO_NEURON, activations_of, measure_controls
from topiclens.components.neurons.detection import Detection, detect, mean_detection, oriented, roc_auc, selectivity
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.neurons.pdm import Perceptron

FEW_VIDEOS = 5  # held-out videos with a topic; what rests on fewer may be chance, and is marked


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
class TopicFigures(Detection):
    """A topic that occurs in the held-out videos; its `Detection` is the mean over the neurons that it names."""

    id: int
    videos: int
    neurons: int  # how many it has; without any, the figures are those of chance
    top: Detection  # of the neuron with most votes
    selectivity: float
    gini: float
    deletion: float


@dataclass(frozen=True)
class NeuronFigures(Detection):
    """How well the linked neurons of a model carry their topics; means are over the topics that occur ('macro').

    Its `Detection` takes all linked neurons of a topic as its detectors. A topic without a neuron has a detector that
    says the same of every video, and so counts as chance. Where no topic occurs in some of the videos and not in all,
    there is nothing to detect and every mean is None.
    """

    top: Detection  # of each topic's neuron with most votes
    controls: Mapping[str, Detection]  # see `measure_controls`
    topics: int  # how many occur in some held-out videos and not in all
    linked_topics: int  # how many of these have a neuron
    own_topics: int | None  # how many name their own neuron with most votes; None for a model without topic neurons
    detectors: int  # how many have a neuron with an AUC of at least `detector_auc`
    selectivity: float | None  # of the linked neurons; 0 for a topic without
    gini: float | None  # of the topic's mean activation profile over all neurons (the curves of Fig. 3)
    purity: float | None  # 1 - OIS of the topics' strongest neurons (`oracle_impurity`); None with fewer than two
    deletion: float | None  # `mean_drops` of the topic's score when its linked neurons are deleted, most votes first
    deletion_random: float | None  # the same for as many neurons at random
    deletion_gradient: float | None  # the same for as many in the order of gradient times input, in each video
    by_topic: tuple[TopicFigures, ...]
    few_videos: int = 0  # of the `detectors`, how many are of a topic that fewer than FEW_VIDEOS held-out videos have


def measure_neurons(
    seen: MeanActivations,
    held_out: MeanActivations,
    links: TopicLinks,
    f: Perceptron,
    *,
    rng: np.random.Generator,
    detector_auc: float = 0.7,
    steps: int = 5,
) -> NeuronFigures:
    """All figures of one model, on held-out videos.

    Args:
        seen: of the training videos, from which the sign and the threshold of each detector are taken, and all that the
            controls learn.
        held_out: what the figures are of.
        links, f: the links were found with f, on the training videos.
        rng: of the random neurons and of the random names.
        detector_auc: from which AUC on a neuron detects its topic.
        steps: the most neurons that are deleted for a topic.
    """
    present = np.asarray(held_out.topics, bool)
    occurring = np.flatnonzero(present.any(axis=0) & ~present.all(axis=0))
    neurons = [[linked.neuron for linked in topic.neurons] for topic in links.topics]
    pairs = [(neuron, topic) for topic in occurring.tolist() for neuron in neurons[topic] or [NO_NEURON]]
    found, selective = _of_pairs(seen, held_out, pairs)
    drops = _deletions(held_out.mean, present, neurons, f, rng, steps)

    by_topic = []
    for topic in occurring.tolist():
        mine = [place for place, pair in enumerate(pairs) if pair[1] == topic]
        by_topic.append(
            TopicFigures(
                **vars(mean_detection([found[place] for place in mine])),
                id=topic,
                videos=int(present[:, topic].sum()),
                neurons=len(neurons[topic]),
                top=found[mine[0]],
                selectivity=float(np.mean(selective[mine])),
                gini=gini(held_out.mean[present[:, topic]].mean(axis=0)),
                deletion=drops["linked"].get(topic, 0.0),
            )
        )
    detecting = {pair[1] for pair, one in zip(pairs, found) if one.auc is not None and one.auc >= detector_auc}
    return NeuronFigures(
        **vars(mean_detection(by_topic)),
        top=mean_detection(row.top for row in by_topic),
        controls=measure_controls(seen, held_out, links, occurring, rng),
        topics=len(by_topic),
        linked_topics=sum(row.neurons > 0 for row in by_topic),
        own_topics=sum(neurons[row.id][:1] == [row.id] for row in by_topic) if links.topic_neurons else None,
        detectors=len(detecting),
        **{name: _mean([getattr(row, name) for row in by_topic]) for name in ("selectivity", "gini", "deletion")},
        purity=_purity(held_out.mean, present, [(neurons[row.id][0], row.id) for row in by_topic if row.neurons]),
        deletion_random=_mean([drops["random"].get(row.id, 0.0) for row in by_topic]),
        deletion_gradient=_mean([drops["gradient"].get(row.id, 0.0) for row in by_topic]),
        by_topic=tuple(by_topic),
        few_videos=sum(row.id in detecting and row.videos < FEW_VIDEOS for row in by_topic),
    )


def _of_pairs(
    seen: MeanActivations, held_out: MeanActivations, pairs: Sequence[tuple[int, int]]
) -> tuple[list[Detection], np.ndarray]:
    """The detection and the selectivity (pairs,) of each pair of a neuron and a topic."""
    neurons, topics = np.array(pairs, int).reshape(-1, 2).T
    known, known_topics = activations_of(seen.mean, neurons), seen.topics[:, topics]
    asked, asked_topics = activations_of(held_out.mean, neurons), held_out.topics[:, topics]
    scores = oriented(known, known_topics, asked)
    selective = [selectivity(score, topic) for score, topic in zip(scores.T, asked_topics.T)]
    return detect(known, known_topics, asked, asked_topics), np.array(selective)


def _deletions(
    mean: np.ndarray,
    present: np.ndarray,
    neurons: Sequence[Sequence[int]],
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


def _purity(mean: np.ndarray, present: np.ndarray, strongest: Sequence[tuple[int, int]]) -> float | None:
    if len(strongest) < 2:
        return None
    neurons, topics = map(list, zip(*strongest))
    shown = present[:, topics]
    return 1 - oracle_impurity(roc_auc(mean[:, neurons], shown), roc_auc(shown.astype(float), shown))
