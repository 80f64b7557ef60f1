"""The figures of detectors on cases worked out by hand, against second derivations, and under NeuronEval's checks."""

import numpy as np
import pytest

from topiclens.components.neurons import detection
from topiclens.components.neurons.detection import METRICS


def test_auc_is_the_share_of_pairs_in_the_right_order():
    scores, present = np.array([[0.1], [0.4], [0.4], [0.9]]), np.array([[0], [1], [0], [1]])
    # Pairs with, without: .4 > .1, .4 = .4 (a half), .9 > .1, .9 > .4: 3.5 of 4.
    assert detection.roc_auc(scores, present) == [[0.875]]


def test_auc_of_all_detectors_and_topics_at_once_is_that_of_counting_pairs():
    rng = np.random.default_rng(0)
    scores, present = rng.integers(5, size=(20, 3)).astype(float), rng.random((20, 4)) < 0.4
    for (detector, topic), auc in np.ndenumerate(detection.roc_auc(scores, present)):
        high, low = scores[present[:, topic], detector], scores[~present[:, topic], detector]
        assert auc == pytest.approx(np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low)))


def test_auc_is_unknown_where_a_topic_is_everywhere_or_nowhere():
    assert np.isnan(detection.roc_auc(np.arange(3.0)[:, None], np.array([[0, 1]] * 3))).all()


def test_average_precision_by_hand():
    # In falling order: hit, miss, hit: precision 1 at the first half of the recall, 2/3 at the second.
    assert detection.average_precision(np.array([3.0, 2, 1]), [1, 0, 1]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # Tied scores are taken together: the share of hits.
    assert detection.average_precision(np.zeros(4), [1, 0, 0, 0]) == 0.25
    assert np.isnan(detection.average_precision(np.zeros(2), [0, 0]))


def test_overlaps_by_hand():
    said, present = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert detection.overlaps(said, present) == (pytest.approx(0.5), pytest.approx(1 / 3))  # TP, FP and FN are 1
    assert detection.overlaps(np.zeros(2, bool), np.zeros(2, bool)) == (0, 0)


def test_the_threshold_is_the_best_of_all_for_f1_and_iou():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, present = rng.integers(6, size=25).astype(float), rng.random(25) < 0.3
        found = detection.overlaps(scores >= detection.best_threshold(scores, present), present)
        every = [detection.overlaps(scores >= threshold, present) for threshold in scores]
        assert found == pytest.approx(tuple(np.max(every, axis=0)))
        assert found[1] == pytest.approx(found[0] / (2 - found[0]))


def test_a_topic_that_training_never_had_is_never_said():
    assert detection.best_threshold(np.arange(3.0), np.zeros(3, bool)) == np.inf


def test_the_correlation_is_numpys():
    rng = np.random.default_rng(0)
    scores, present = rng.normal(size=(30, 2)), rng.random((30, 3)) < 0.5
    expected = np.corrcoef(scores.T, present.T)[:2, 2:]
    np.testing.assert_allclose(detection.correlations(scores, present), expected)
    assert detection.pearson(scores[:, 1], present[:, 2]) == pytest.approx(expected[1, 2])
    assert detection.pearson(np.full(30, 0.1), present[:, 0]) == 0


def test_cosine_and_selectivity_by_hand():
    assert detection.cosine_similarity(np.array([3.0, 4]), np.array([1, 0])) == pytest.approx(0.6)
    assert detection.cosine_similarity(np.zeros(2), np.array([1, 0])) == 0
    assert detection.selectivity(np.array([0.75, 0.25]), np.array([1, 0])) == 0.5
    assert np.isnan(detection.selectivity(np.ones(2), np.ones(2)))


def test_sign_zero_and_threshold_are_of_the_training_videos():
    present = np.array([[1], [1], [0], [0]])
    low = np.array([[-0.5], [-0.4], [0.2], [0.3]])  # speaks for its topic by a low activation
    np.testing.assert_allclose(detection.oriented(low, present, low).T, [[0.8, 0.7, 0.1, 0.0]])
    (same,) = detection.detect(low, present, low, present)
    assert (same.f1, same.iou, same.average_precision, same.auc) == (1, 1, 1, 1)
    (reversed_now,) = detection.detect(low, present, low, 1 - present)
    assert (reversed_now.f1, reversed_now.auc) == (0, 0)  # nothing is chosen on the held-out videos


def test_a_neuron_that_is_never_negative_speaks_by_being_active():
    present = np.array([[1], [1], [0], [0]])
    absent = np.array([[0.0], [0.1], [0.8], [0.9]])  # is active where its topic is not: its name is wrong
    np.testing.assert_array_equal(detection.oriented(absent, present, absent), absent)
    (wrong,) = detection.detect(absent, present, absent, present)
    assert wrong.auc == 0 and wrong.pearson < -0.9


# NeuronEval's checks (Oikarinen et al., ICML 2025): a neuron that is its concept, with noise, and wrong labels.
def concept(seed, share=0.03, videos=6000):
    rng = np.random.default_rng(seed)
    present = rng.random(videos) < share
    return rng, present, present + np.abs(rng.normal(scale=0.05, size=videos))


def fewer(rng, present):
    """Half of the positive labels are missing."""
    return present & (rng.random(len(present)) < 0.5)


def more(rng, present):
    """As many positive labels again are extra, on videos at random."""
    extra = rng.choice(np.flatnonzero(~present), size=present.sum(), replace=False)
    return present | np.isin(np.arange(len(present)), extra)


def falls(change):
    """How far each figure falls, in parts of what it was, where all labels are changed, training's too."""
    parts = []
    for labels in (lambda rng, present: present, change):
        (seen_rng, seen_present, seen), (rng, present, scores) = concept(1), concept(2)
        changed = labels(seen_rng, seen_present)[:, None], labels(rng, present)[:, None]
        parts.append(detection.detect(seen[:, None], changed[0], scores[:, None], changed[1])[0])
    before, after = parts
    return {name: 1 - getattr(after, name) / getattr(before, name) for name in METRICS}


@pytest.mark.parametrize("metric", METRICS[:5])
def test_what_is_reported_first_passes_both_checks(metric):
    assert falls(fewer)[metric] > 0.2 and falls(more)[metric] > 0.2


def test_auc_does_not_see_that_labels_are_missing():
    assert falls(fewer)["auc"] < 0.02
