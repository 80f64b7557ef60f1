"""How good a topic model is, in figures that compare across models, and how far two models' labels agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.topics.documents import content_words, index_of, number_words
from topiclens.components.topics.labels import matched_f1
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.table import mean_npmi


@dataclass(frozen=True)
class TopicQuality:
    """Figures of one topic model.

    Attributes:
        topics, topics_a_video: how many can occur, and how many do in a video, on average.
        mean_npmi: the mean coherence of the topics' top words, -1 to 1; None if no topic has two words.
        perplexity: of a word of held-out captions; lower is better, and the vocabulary's size is chance. None if no
            held-out video has two known words.
        agreement: with another model's labels, 0 to 1; None if there is no other.
    """

    topics: int
    topics_a_video: float
    mean_npmi: float | None
    perplexity: float | None
    held_out_videos: int
    agreement: float | None = None


def measure_quality(
    model: TopicModel,
    labels: Mapping[str, Sequence[int]],
    held_out: Mapping[str, Iterable[str]],
    reference: Mapping[str, Sequence[int]] | None = None,
) -> TopicQuality:
    """Measures a topic model by labels (the topics of each video), held-out captions, and another model's labels."""
    index = index_of(model.words)
    documents = {name: number_words(content_words(captions), index) for name, captions in held_out.items()}
    scored = any(len(tokens) > 1 for tokens in documents.values())
    return TopicQuality(
        topics=sum(topic.fate is None and bool(topic.words) for topic in model.topics),
        topics_a_video=sum(map(len, labels.values())) / max(len(labels), 1),
        mean_npmi=mean_npmi(model.topics),
        perplexity=held_out_perplexity(model.phi, model.alpha, documents, seed=model.seed) if scored else None,
        held_out_videos=len(held_out),
        agreement=None if reference is None else label_agreement(labels, reference),
    )


def held_out_perplexity(
    word_probabilities: np.ndarray, alpha: float, documents: Mapping[str, np.ndarray], *, seed: int = 0
) -> float:
    """Perplexity a token by document completion (Wallach et al., ICML 2009, section 5).

    Half of each document's tokens, chosen at random, give its mixture theta by fold-in; the other half is scored by
    sum_k theta_k phi_kw. It sees no more of a model than phi and alpha, so models from any sampler compare.

    Args:
        word_probabilities: (topics, words) phi; each row sums to 1.
        alpha: pseudo-count of each topic in a document.
        documents: word numbers by document id; documents of fewer than two tokens are passed over.
    Raises:
        ValueError: no document has two tokens.
    """
    from topiclens.components.topics.sampling_steps import fold_in, seed_of  # numba takes a second to import

    by_word = np.ascontiguousarray(word_probabilities.T, np.float64)
    log_probability, scored = 0.0, 0
    for name, tokens in documents.items():
        if len(tokens) < 2:
            continue
        of_document = seed_of(name, seed)
        shuffled = np.random.default_rng(of_document).permutation(tokens)
        seen, hidden = np.array_split(shuffled, 2)
        counts = fold_in(seen, by_word, alpha, seed=of_document)
        theta = (counts + alpha) / (counts + alpha).sum()
        log_probability += np.log(by_word[hidden] @ theta).sum()
        scored += len(hidden)
    if not scored:
        raise ValueError(f"None of the {len(documents)} held-out documents has two known words; nothing to score.")
    return float(np.exp(-log_probability / scored))


def label_agreement(labels: Mapping[str, Sequence[int]], reference: Mapping[str, Sequence[int]]) -> float:
    """Agreement of two labellings of the videos that both have (`matched_f1`); ValueError if they share none."""
    shared = sorted(labels.keys() & reference.keys())
    if not shared:
        raise ValueError(
            f"The two runs have no video in common ({len(labels)} and {len(reference)} videos), so their topics cannot "
            "be compared. Name a run on the same videos."
        )
    return matched_f1(*(_indicators([each[name] for name in shared]) for each in (labels, reference)))


def _indicators(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """(videos, topics) 0/1, without the topics that occur in none."""
    matrix = np.zeros((len(rows), 1 + max((max(topics, default=0) for topics in rows), default=0)))
    for row, topics in zip(matrix, rows, strict=True):
        row[list(topics)] = 1
    return matrix[:, matrix.any(axis=0)]
