"""Topics of MSVD's captions: as good as an independent sampler's, and as many a video as were published."""

import json

import numpy as np
import pytest

from tests.components.topics.test_perplexity import gibbs_word_probabilities
from topiclens.components.topics import fitting
from topiclens.components.topics.documents import Corpus, content_words, index_of, number_words
from topiclens.components.topics.labels import matched_f1
from topiclens.components.topics.model import word_probabilities
from topiclens.components.topics.quality import held_out_perplexity
from topiclens.components.topics.warplda import WarpLDA

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def captions(data_folder):
    return json.loads((data_folder / "msvd" / "captions_msvd.json").read_text())


@pytest.fixture(scope="module")
def split(data_folder, captions):
    def of(name):
        ids = (data_folder / "msvd" / f"{name}_list.txt").read_text().split()
        return {video: content_words(captions[video]) for video in ids}

    return of


@pytest.fixture(scope="module")
def fit(split):
    return fitting.fit(split("train"))


@pytest.fixture(scope="module")
def counts_of_topics(fit):
    return np.array([len(topics) for topics in fit.labels.values()])


def test_training_clips_have_as_many_topics_as_were_published(counts_of_topics):
    assert len(counts_of_topics) == 1200
    assert counts_of_topics.min() >= 1
    assert counts_of_topics.mean() == pytest.approx(2.94, abs=0.3)
    assert (counts_of_topics == 3).mean() > 0.8


def test_held_out_clips_have_as_many_topics_too(fit, split):
    occurring = [fit.model.rule(fit.model.infer_words(name, words)) for name, words in split("val").items()]
    assert min(map(len, occurring)) >= 1
    assert np.mean([len(topics) for topics in occurring]) == pytest.approx(2.94, abs=0.3)


def test_labels_match_the_published_ones_far_above_chance(fit, data_folder):
    """A plain collapsed Gibbs sampler (alpha 0.5, 500 sweeps, one sample) is at 0.51, and 0.11 on shuffled labels."""
    published = np.load(data_folder / "msvd" / "published_topic_labels.npz")
    kept = np.isin(published["ids"], list(fit.labels))
    reference = published["labels"][kept]
    ours = np.zeros_like(reference)
    for row, name in enumerate(published["ids"][kept]):
        ours[row, fit.labels[str(name)]] = 1
    f1 = matched_f1(ours, reference)
    by_chance = matched_f1(ours, np.random.default_rng(0).permutation(reference))
    print(f"F1 {f1:.3f}, shuffled {by_chance:.3f}")
    assert f1 >= 0.51 and by_chance <= 0.13


@pytest.mark.timeout(1800)
def test_held_out_captions_are_predicted_as_well_as_by_collapsed_gibbs_sampling(split):
    """At 100 topics and equal priors, after convergence; the mean of three chains each, since chains differ by 2 %."""
    alpha, beta, n_topics, seeds = 0.1, 0.01, 100, (1, 2, 3)
    corpus = Corpus.from_documents(split("train"))
    held_out = {name: number_words(words, index_of(corpus.words)) for name, words in split("val").items()}
    ours, theirs = [], []
    for seed in seeds:
        sampler = WarpLDA(corpus, n_topics=n_topics, alpha=alpha, beta=beta, seed=seed)
        sampler.run(1000)
        phi = word_probabilities(sampler.word_topic_counts(), beta)
        ours.append(held_out_perplexity(phi, alpha, held_out))
        phi = gibbs_word_probabilities(corpus, n_topics=n_topics, alpha=alpha, beta=beta, iterations=1000, seed=seed)
        theirs.append(held_out_perplexity(phi, alpha, held_out))
    print(f"WarpLDA {np.round(ours, 2)}, collapsed Gibbs {np.round(theirs, 2)}")
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.02)
