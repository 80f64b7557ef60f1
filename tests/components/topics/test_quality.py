"""Figures of a topic model mean what they say, and labels compare whatever the topics' numbers are."""

import numpy as np
import pytest

from tests.components.topics.conftest import planted_documents
from topiclens.components.topics import fitting
from topiclens.components.topics.quality import label_agreement, measure_quality


@pytest.fixture(scope="module")
def fit():
    return fitting.fit(planted_documents(), n_topics=4, iterations=150)


def test_a_fit_predicts_captions_of_its_own_kind_better_than_mixed_up_words(fit):
    documents = planted_documents()
    words = np.random.default_rng(0).permutation([word for words in documents.values() for word in words]).tolist()
    alike = {name: [" ".join(words)] for name, words in documents.items()}
    mixed = {name: [" ".join(words[i :: len(documents)])] for i, name in enumerate(documents)}
    good, bad = (measure_quality(fit.model, fit.labels, held_out).perplexity for held_out in (alike, mixed))
    assert good < 0.7 * bad <= len(fit.model.words)


def test_counts_are_those_of_the_labels_and_of_the_table(fit):
    quality = measure_quality(fit.model, fit.labels, {"v": ["unheard"]})
    assert (quality.topics, quality.held_out_videos, quality.perplexity, quality.agreement) == (4, 1, None, None)
    assert quality.topics_a_video == np.mean([len(topics) for topics in fit.labels.values()])


def test_labels_agree_with_themselves_under_any_numbering_and_only_on_shared_videos(fit):
    renumbered = {name: [7 - topic for topic in topics] for name, topics in fit.labels.items()}
    assert label_agreement(fit.labels, {**renumbered, "other": [0]}) == pytest.approx(1)
    shifted = dict(zip(fit.labels, list(fit.labels.values())[1:] + [[0]]))
    assert label_agreement(fit.labels, shifted) < 0.9
    with pytest.raises(ValueError, match="no video in common"):
        label_agreement(fit.labels, {"other": [0]})
