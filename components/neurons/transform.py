"""PDM at scale: the records of a split spread over Beam's workers, one model a worker process."""

from __future__ import annotations

import apache_beam as beam
from apache_beam.utils.shared import Shared

from topiclens.components.neurons import activations
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.schemas import records


class TallyNeurons(beam.PTransform):
    """From serialised records to one `Tally` of them all (no element where there is no record).

    Every worker must be able to read the exported model.
    """

    def __init__(self, model_dir: str, *, batch_size: int = activations.BATCH_SIZE):
        super().__init__()
        self._model_dir, self._batch_size = model_dir, batch_size

    def expand(self, serialized):
        return (
            serialized
            | "Decode" >> beam.Map(records.decode)
            | "Batch" >> beam.BatchElements(min_batch_size=1, max_batch_size=self._batch_size)
            | "Tally" >> beam.ParDo(_Tally(self._model_dir, Shared()))
            | "Add" >> beam.CombineGlobally(_add).without_defaults()
        )


def _add(tallies: list[Tally]) -> Tally:
    first, *rest = tallies
    return sum(rest, first)


class _Tally(beam.DoFn):
    def __init__(self, model_dir: str, shared: Shared):
        self._model_dir, self._shared = model_dir, shared

    def setup(self):
        self._model = self._shared.acquire(lambda: activations.load(self._model_dir), tag=self._model_dir)

    def process(self, videos):
        found = activations.mean_activations(videos, self._model.encode, batch_size=len(videos))
        yield tally(found.mean, found.topics, self._model.f)
