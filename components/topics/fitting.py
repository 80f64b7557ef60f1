"""From the captions of training videos to a topic model and the topics of each of those videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from topiclens.components.topics.apply_governance import describe, identify, make_seeds
from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.governance import Governance
from topiclens.components.topics.labels import OccurrenceRule, by_label
from topiclens.components.topics.matching import Matching
from topiclens.components.topics.model import LABELS, LOG_LIKELIHOOD, MATCHING, TopicModel
from topiclens.components.topics.table import describe_topics
from topiclens.components.topics.warplda import WarpLDA
from topiclens.schemas.files import format_json
from topiclens.schemas.json_lines import format_rows
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.tables import html_table

SAMPLES = 20
ITERATIONS_BETWEEN_SAMPLES = 5  # neighbouring states of a chain are nearly the same


@dataclass(frozen=True, eq=False)
class Fit:
    """What fitting gives.

    Attributes:
        labels: the topics that occur in each training video, by id; none for a video without a known word.
        log_likelihood: a token, after each iteration, in nats.
        matching: with the topics of the earlier model, if there was one.
    """

    model: TopicModel
    labels: dict[str, list[int]]
    log_likelihood: list[float]
    matching: Matching | None = None

    def _repr_html_(self) -> str:
        rows = [(t.id, t.name, " ".join(t.words), f"{t.share_of_videos:.0%}") for t in self.model.topics]
        return html_table(("topic", "name", "words", "videos"), rows)

    def to_files(self, inferred: Mapping[str, Sequence[int]] | None = None) -> dict[str, bytes]:
        """The files of the topics' folder; topics of further videos, `inferred`, join the training videos' labels."""
        labels = sorted({**self.labels, **(inferred or {})}.items())
        rows = [{"video_id": name, "topics": list(topics)} for name, topics in labels]
        steps = enumerate(self.log_likelihood, start=1)
        history = [{"iteration": step, "log_likelihood": round(value, 6)} for step, value in steps]
        files = {LABELS: format_rows(rows), LOG_LIKELIHOOD: format_rows(history)}
        if self.matching is not None:
            files[MATCHING] = format_json(self.matching.to_json(self.model.topics))
        return {**self.model.to_files(), **{name: text.encode() for name, text in files.items()}}


def fit(
    documents: Mapping[str, Sequence[str]],
    *,
    n_topics: int = 100,
    alpha: float = 0.2,
    beta: float = 0.05,
    iterations: int = 600,
    min_count: int = 3,
    max_topics: int = 3,
    min_share: float = 0.03,
    seed: int = 0,
    governance: Governance | None = None,
    previous: TopicModel | None = None,
    progress: Progress = no_progress,
) -> Fit:
    """Fits a topic model to training videos, and labels them.

    The model and the labels average the last 20 samples of the chain, 5 iterations apart (fewer in a shorter run): a
    single sample's chance assignments would make topics occur that do not. The default priors were chosen on MSVD and
    Flickr8k captions: lower ones predict words a little better, but chains from other seeds, and the labels published
    for MSVD, agree less with what they find.

    Args:
        documents: the content words of each training video, by id.
        n_topics, alpha, beta: see `WarpLDA`.
        iterations: of the chain, those of the samples among them.
        min_count: words seen less often are left out.
        max_topics, min_share: see `OccurrenceRule`.
        governance: what people decided about topics; new names are given afterwards, by `rename_topics`.
        previous: an earlier model, whose topics keep their ids and names where they are found again.
    Raises:
        ValueError: a setting is out of its range, or the documents hold no word often enough, or no word of a seed.
    """
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; expected at least 1.")
    rule = OccurrenceRule(max_topics, min_share)
    corpus = Corpus.from_documents(documents, min_count)
    governance = governance or Governance()
    seeds = make_seeds(governance, n_topics)
    sampler = WarpLDA(corpus, n_topics=n_topics, alpha=alpha, beta=beta, seed=seed, seeds=seeds)
    of_words = np.zeros((n_topics, len(corpus.words)), np.int64)
    of_documents = np.zeros((len(corpus), n_topics), np.int64)
    samples, log_likelihood = 0, []
    for step in sampler.steps(iterations):
        log_likelihood.append(step.log_likelihood)
        progress(str(step), step.iteration / step.iterations)
        if _is_sample(iterations - step.iteration):
            of_words += sampler.word_topic_counts()
            of_documents += sampler.document_topic_counts()
            samples += 1

    prior = sampler.prior if sampler.prior.pins_anything else None
    model = TopicModel(corpus.words, of_words, samples, alpha, beta, rule, seed, prior=prior)
    identity = identify(corpus, model.phi, of_words, governance, previous) if governance or previous else None
    if identity is not None and not identity.is_plain:
        model = replace(model, own_ids=identity.ids, label_of=identity.label_of)
        of_documents = by_label(of_documents, identity.label_of, identity.n_topics)
    labels = {name: rule(counts / samples) for name, counts in zip(corpus.ids, of_documents, strict=True)}
    if identity is None:
        topics = describe_topics(corpus, model.phi, of_words, labels.values())
    else:
        topics = describe(corpus, identity, of_words, samples, sampler.prior, labels.values())
    return Fit(replace(model, topics=topics), labels, log_likelihood, identity.matching if identity else None)


def _is_sample(iterations_left: int) -> bool:
    place, between = divmod(iterations_left, ITERATIONS_BETWEEN_SAMPLES)
    return place < SAMPLES and not between
