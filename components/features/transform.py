"""Frame features with Beam: the shards of a dataset, computed where they are missing."""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
import time
from collections.abc import Iterator

import apache_beam as beam
import tensorflow as tf
from apache_beam.utils.shared import Shared

from topiclens.components.features import shards, store
from topiclens.components.features.backbones import registry
from topiclens.components.features.decoder import DecoderPool
from topiclens.components.features.extract import FeatureExtractor
from topiclens.components.features.settings import ExtractionConfig

_log = logging.getLogger(__name__)
LOG_EVERY_SECONDS = 20.0
_KEPT = "kept"


class ExtractFeatures(beam.PTransform):
    """The rows of `videos.jsonl` -> shards in the store and their index in a folder; gives the summary, one dict.

    A worker process holds one network and a few decoder processes, and must be able to read the paths of `videos`.
    Whatever ends a run, the next one keeps all finished shards, computes the others, and ends with the same bytes.
    """

    def __init__(self, videos: str, output_dir: str, store_dir: str, config: ExtractionConfig):
        super().__init__()
        self._job = shards.ExtractionJob(os.fspath(videos), os.fspath(store_dir), config)
        self._output_dir = os.fspath(output_dir)

    def expand(self, pipeline):
        planned = shards.plan_shards(self._job)
        common = dataclasses.replace(planned, shards=())  # what every worker gets; its shards come as elements
        videos_per_shard = self._job.config.videos_per_shard
        marks = ShardMarks(os.path.join(self._output_dir, "progress"), len(planned.shards), videos_per_shard)
        marks.clear()
        return (
            pipeline
            | "Shards" >> beam.Create(planned.shards)
            | "Spread" >> beam.Reshuffle()
            | "Finish" >> beam.ParDo(_FinishShard(common, marks, Shared()))
            | "Gather" >> beam.combiners.ToList()
            | "Index" >> beam.Map(_write_index, self._output_dir, planned.dim, marks)
        )


class ReadFeatures(beam.PTransform):
    """The features of a dataset, in the `output_dir` of `ExtractFeatures`, as (video_id, frames (t, dim) float32)."""

    def __init__(self, folder: str):
        super().__init__()
        self._folder = os.fspath(folder)

    def expand(self, pipeline):
        return (
            pipeline
            | "Folder" >> beam.Create([self._folder])
            | "Shards" >> beam.FlatMap(lambda folder: [row["file"] for row in store.read_index(folder)])
            | "Spread" >> beam.Reshuffle()
            | "Videos" >> beam.FlatMap(store.read_shard)
        )


class ShardMarks:
    """How far a job of many workers is: each leaves marks, `<shard>.<worker>`, in a folder that all of them see."""

    def __init__(self, folder: str, shards: int, videos_per_shard: int):
        self._folder, self._shards, self._videos_per_shard = folder, shards, videos_per_shard
        self._seconds = self._computed = 0
        self._logged = 0.0

    def clear(self) -> None:
        if tf.io.gfile.exists(self._folder):
            tf.io.gfile.rmtree(self._folder)

    def finished(self, shard: int, seconds: float | None) -> None:
        """Marks a shard that took `seconds`, None if an earlier run left it; logs the rate now and then."""
        worker = _KEPT if seconds is None else f"{socket.gethostname()}-{os.getpid()}"
        tf.io.gfile.makedirs(self._folder)
        with tf.io.gfile.GFile(os.path.join(self._folder, f"{shard:07d}.{worker}"), "w") as file:
            file.write("")
        if seconds is not None:
            self._seconds += seconds
            self._computed += 1
        if time.monotonic() - self._logged > LOG_EVERY_SECONDS:
            self._logged = time.monotonic()
            _log.info("features: %s", self.describe())

    def describe(self) -> str:
        """The count, the rate of all workers, and the time left, in words."""
        marks = [name.partition(".")[::2] for name in tf.io.gfile.listdir(self._folder)]
        done = len({shard for shard, _ in marks})
        workers = len({worker for _, worker in marks} - {_KEPT})
        count = f"{done} of {self._shards} shards"
        if not self._computed or not workers:
            return count
        rate = workers * self._computed / self._seconds  # as if all workers were as fast as this one
        left = (self._shards - done) / rate
        return (
            f"{count}, {rate * self._videos_per_shard:.2g} videos/s on {workers} worker{'s' * (workers > 1)}, "
            f"about {left / 60:.1f} min left"
        )


class _FinishShard(beam.DoFn):
    """Computes shards; the network is loaded, and decoders are started, for the first one that is missing."""

    def __init__(self, planned: shards.ShardPlan, marks: ShardMarks, shared: Shared):
        self._planned, self._marks, self._shared = planned, marks, shared
        self._network: FeatureExtractor | None = None
        self._decoders: DecoderPool | None = None

    def process(self, shard: shards.Shard) -> Iterator[tuple[dict, list[dict]]]:
        began = time.monotonic()
        index_row, rejected, computed = shards.finish_shard(
            self._planned, shard, network=self._get_network, decoders=self._get_decoders
        )
        for row in rejected:
            _log.warning("features: set aside %s: %s", row["video_id"], row["reason"])
        self._marks.finished(shard.number, time.monotonic() - began if computed else None)
        yield index_row, rejected

    def teardown(self):
        if self._decoders is not None:
            self._decoders.close()
        self._network = self._decoders = None
        Shared().acquire(set)  # Beam keeps the last shared object alive; asked for another, it lets the network go

    def _get_network(self) -> FeatureExtractor:
        config = self._planned.job.config

        def load() -> FeatureExtractor:
            return FeatureExtractor(registry.load(config.backbone, config.weights, config.cache_dir), config.batch_size)

        if self._network is None:  # one for all threads of the process, kept alive by those that hold it
            self._network = self._shared.acquire(load, tag=self._planned.fingerprint)
        return self._network

    def _get_decoders(self) -> DecoderPool:
        config = self._planned.job.config
        if self._decoders is None:
            self._decoders = DecoderPool(sampling=config.sampling, limits=config.limits)
        return self._decoders


def _write_index(finished: list[tuple[dict, list[dict]]], output_dir: str, dim: int | None, marks: ShardMarks) -> dict:
    summary = store.write_index(output_dir, finished, dim)
    marks.clear()
    _log.info("features: %(videos)d videos, %(rejected_videos)d set aside, %(shards)d shards", summary)
    return summary
