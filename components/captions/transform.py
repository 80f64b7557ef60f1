"""Captioning at scale: the records of a split spread over Beam's workers, one model a worker process."""

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.captions import generate
from schemas import records


class CaptionRecords(beam.PTransform):
    """From serialised records to (video id, caption).

    Args:
        model_dir: the exported model; every worker must be able to read it.
        batch_size: most videos captioned at once.
    """

    def __init__(self, model_dir: str, *, batch_size: int = generate.BATCH_SIZE):
        super().__init__()
        self._model_dir, self._batch_size = model_dir, batch_size

    def expand(self, serialized):
        return (
            serialized
            | "Decode" >> beam.Map(records.decode)
            | "Batch" >> beam.BatchElements(min_batch_size=1, max_batch_size=self._batch_size)
            | "Caption" >> beam.ParDo(_Caption(self._model_dir, Shared()))
        )


class _Caption(beam.DoFn):
    def __init__(self, model_dir: str, shared: Shared):
        self._model_dir, self._shared = model_dir, shared

    def setup(self):
        self._answer = self._shared.acquire(lambda: generate.load(self._model_dir), tag=self._model_dir)

    def process(self, videos):
        for video, caption in generate.captioned(videos, self._answer, batch_size=len(videos)):
            yield video.video_id, caption
