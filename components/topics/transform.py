"""The topics of a dataset with Beam: words in parallel, one worker fits, labels in parallel."""

from __future__ import annotations

import dataclasses
import logging
import time

import apache_beam as beam

from topiclens.components.topics import fitting
from topiclens.components.topics.documents import content_words
from topiclens.components.topics.fitting import Fit
from topiclens.components.topics.governance import Governance
from topiclens.components.topics.model import MATCHING, TopicModel, write_files
from topiclens.components.topics.settings import TopicModellingConfig
from topiclens.components.topics.table import mean_npmi
from topiclens.schemas.files import readable, writable

_log = logging.getLogger(__name__)
LOG_EVERY_SECONDS = 10.0


class ModelTopics(beam.PTransform):
    """Rows with ``video_id``, ``split`` and ``captions`` -> the files of the topics' folder; gives a summary, one dict.

    Only rows of the split ``train`` are fitted; the others are labelled by that model. Rows without a clip
    (``texts.jsonl``) help to fit and are labelled like the others.

    Args:
        output_dir: gets ``model.npz``, ``topics.json``, ``labels.jsonl``, ``log_likelihood.jsonl``, and
            ``matching.json`` if there is an earlier model; it and the earlier model's folder may be remote.
    """

    def __init__(self, output_dir: str, config: TopicModellingConfig):
        super().__init__()
        self._output_dir = output_dir
        self._config = config

    def expand(self, rows):
        documents = rows | "Words" >> beam.Map(
            lambda row: (row["split"], row["video_id"], content_words(row["captions"]))
        )
        fitted = (
            documents
            | "Train" >> beam.FlatMapTuple(lambda split, name, words: [(name, words)] if split == "train" else [])
            | "OnOneWorker" >> beam.combiners.ToDict()
            | "Fit" >> beam.Map(_fit, self._config)
        )
        inferred = (
            documents
            | "HeldOut" >> beam.FlatMapTuple(lambda split, name, words: [(name, words)] if split != "train" else [])
            | "Spread" >> beam.Reshuffle()
            | "Infer"
            >> beam.ParDo(
                _InferLabels(), beam.pvalue.AsSingleton(fitted | "Model" >> beam.Map(lambda fit: fit.model.to_files()))
            )
            | "Gather" >> beam.combiners.ToDict()
        )
        return fitted | "Write" >> beam.Map(_write, beam.pvalue.AsSingleton(inferred), self._output_dir)


class _InferLabels(beam.DoFn):
    """The topics that occur in a video that was not fitted."""

    def __init__(self):
        self._model: TopicModel | None = None

    def process(self, document: tuple[str, list[str]], files: dict[str, bytes]):
        if self._model is None:
            self._model = TopicModel.from_files(files)
        name, words = document
        yield name, self._model.rule(self._model.infer_words(name, words))


def _fit(documents: dict[str, list[str]], config: TopicModellingConfig) -> Fit:
    logged = time.monotonic()

    def progress(what: str, share: float | None = None) -> None:
        nonlocal logged
        if share == 1 or time.monotonic() - logged > LOG_EVERY_SECONDS:
            logged = time.monotonic()
            _log.info("topics: %s", what)

    previous = None
    if config.previous is not None:
        with readable(config.previous) as local:
            previous = TopicModel.load(local)
    return fitting.fit(
        documents, **dataclasses.asdict(config.sampler), seed=config.seed, previous=previous, progress=progress,
        governance=Governance.from_json(config.governance),
    )  # fmt: skip


def _write(fit: Fit, inferred: dict[str, list[int]], output_dir: str) -> dict:
    with writable(output_dir) as folder:
        write_files(folder, fit.to_files(inferred))
    labels = {**fit.labels, **inferred}
    without = sorted(name for name, topics in labels.items() if not topics)
    if without:
        named = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
        message = "topics: %d of %d videos have no known word in their captions, hence no topic: %s"
        _log.warning(message, len(without), len(labels), named)
    summary = {
        "fitted": len(fit.labels),
        "inferred": len(inferred),
        "without_topics": len(without),
        "topics_a_video": round(sum(map(len, fit.labels.values())) / len(fit.labels), 3),
        "mean_npmi": mean_npmi(fit.model.topics),
        "log_likelihood": round(fit.log_likelihood[-1], 4),
    }
    if fit.matching is not None:
        counts = [len(ids) for ids in (fit.matching.kept, fit.matching.new, fit.matching.lost)]
        _log.info("topics: %d are those of the earlier model, %d are new, %d are lost: %s", *counts, MATCHING)
    _log.info("topics: %(fitted)d videos fitted, %(inferred)d inferred, %(topics_a_video).2f topics a video", summary)
    return summary
