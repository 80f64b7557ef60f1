"""PDM at scale: the records of a split spread over Beam's workers, one model a worker process."""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam
import numpy as np
from apache_beam.utils.shared import Shared

from topiclens.components.neurons import activations
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.schemas import records


class TallyNeurons(beam.PTransform):
    """From serialised records to one `Tally` of them all (no element where there is no record).

    Every worker must be able to read the exported model. With the baseline `mean` the records are encoded twice: first
    for the means of the neurons.
    """

    def __init__(self, model_dir: str, *, baseline: str = "zero", batch_size: int = activations.BATCH_SIZE):
        super().__init__()
        self._model_dir, self._baseline, self._batch_size = model_dir, baseline, batch_size

    def expand(self, serialized):
        shared = Shared()
        batches = (
            serialized
            | "Decode" >> beam.Map(records.decode)
            | "Batch" >> beam.BatchElements(min_batch_size=1, max_batch_size=self._batch_size)
        )
        known = {}
        if self._baseline == "mean":
            means = (
                batches
                | "Encode" >> beam.ParDo(_Sum(self._model_dir, shared))
                | "Total" >> beam.CombineGlobally(_total).without_defaults()
                | "Mean" >> beam.MapTuple(lambda total, videos: total / videos)
            )
            known["baseline"] = beam.pvalue.AsSingleton(means)
        return (
            batches
            | "Tally" >> beam.ParDo(_Tally(self._model_dir, shared), **known)
            | "Add" >> beam.CombineGlobally(_add).without_defaults()
        )


def _add(tallies: list[Tally]) -> Tally:
    first, *rest = tallies
    return sum(rest, first)


def _total(parts: Iterable[tuple[np.ndarray, int]]) -> tuple[np.ndarray, int]:
    totals, videos = zip(*parts)
    return np.sum(totals, axis=0), sum(videos)


class _Encoding(beam.DoFn):
    def __init__(self, model_dir: str, shared: Shared):
        self._model_dir, self._shared = model_dir, shared

    def setup(self):
        self._model = self._shared.acquire(lambda: activations.load(self._model_dir), tag=self._model_dir)

    def _mean_activations(self, videos):
        return activations.mean_activations(videos, self._model.encode, batch_size=len(videos))


class _Sum(_Encoding):
    def process(self, videos):
        yield self._mean_activations(videos).mean.sum(axis=0, dtype=np.float64), len(videos)


class _Tally(_Encoding):
    def process(self, videos, baseline=None):
        found = self._mean_activations(videos)
        yield tally(found.mean, found.topics, self._model.f, baseline)
