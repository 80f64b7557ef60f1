"""The clips in the order of what a person's look at them is expected to bring, for the version that is served."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from topiclens.components.captions.evaluator import References
from topiclens.components.captions.tokenizer import tokenize
from topiclens.components.refinement.acquisition import (
    AcquisitionScore,
    MissingTopic,
    PredictedCaption,
    TopicWords,
    acquisition_score,
    missing_topics,
)
from topiclens.pipeline.review.clips import Clips
from topiclens.pipeline.review.prediction_cache import PredictionCache
from topiclens.pipeline.review.similar import Similar
from topiclens.schemas.progress import Progress
from topiclens.serving.review.backend import ReviewError

NEIGHBOURS = 10  # training videos that look most like a clip, whose topics are suggested for it


@dataclass(frozen=True, eq=False)
class RankedClip:
    """A clip: what the model says of it, what that seems to miss, and what a look at it may bring."""

    video_id: str
    said: PredictedCaption
    missing: tuple[MissingTopic, ...]
    score: AcquisitionScore


class ClipScorer:
    """Scores what is said of clips, by the people who wrote about them and by similar videos.

    Args:
        clips: those that are ranked.
        topics: what words say of topics.
        similar: reads the training videos, for `neighbours` of them that look most like a clip.
    """

    def __init__(self, clips: Clips, topics: TopicWords, similar: Callable[[], Similar], neighbours: int = NEIGHBOURS):
        self._clips, self._topics, self._neighbours = clips, topics, neighbours
        self._read_similar, self._similar = similar, None
        described = {video_id: clips.references(video_id) for video_id in clips.ids if clips.references(video_id)}
        self._references = References(described) if described else None

    def prepare(self) -> bool:
        """Reads the similar videos, which takes a while the first time; until then clips are ranked without them.

        Returns:
            whether they had not been read before.
        """
        if self._similar is not None:
            return False
        self._similar = self._read_similar()
        return True

    def __call__(self, video_id: str, said: PredictedCaption) -> RankedClip:
        references, near = self._clips.references(video_id), None
        if self._similar is not None:
            near = self._similar.topics_of_neighbours(video_id, self._clips.frames(video_id), self._neighbours)
        missing = missing_topics(said, self._topics, references, near)
        cider = self._references.cider.score_one(video_id, tokenize(said.caption)) if references else None
        return RankedClip(video_id, said, missing, acquisition_score(said, missing, cider))


class Ranking:
    """Scores all clips by the version that is served, in a thread of its own; what is ranked already can be read.

    Args:
        scorer: of one clip.
        predictions: of a version.
        explain: asks a version about clips' features; see `PredictionCache.complete`.
        progress: is told how many clips are captioned, whenever that is another tenth, and at the end.
    """

    def __init__(
        self,
        scorer: ClipScorer,
        predictions: Callable[[str], PredictionCache],
        explain: Callable,
        progress: Progress,
    ):
        self._score, self._predictions, self._explain, self._progress = scorer, predictions, explain, progress
        self._lock = threading.Lock()
        self._version: str | None = None
        self._ranked: dict[str, RankedClip] = {}
        self._thread: threading.Thread | None = None

    def follow(self, version: str, total: int) -> None:
        """Begins anew where another version is served than before, or goes on where the server had failed."""
        with self._lock:
            if version == self._version and (len(self._ranked) == total or self._thread.is_alive()):
                return
            if version != self._version:
                self._version, self._ranked = version, {}
            arguments = (self._predictions(version), self._ranked, total)
            self._thread = threading.Thread(target=self._work, args=arguments, name="ranking", daemon=True)
            self._thread.start()

    def ordered(self) -> list[RankedClip]:
        """What is ranked, the highest score first; of equal ones the lower id."""
        with self._lock:
            ranked = list(self._ranked.values())
        return sorted(ranked, key=lambda one: (-one.score.value, one.video_id))

    def get(self, video_id: str) -> RankedClip | None:
        """What is ranked of one clip, once it is."""
        with self._lock:
            return self._ranked.get(video_id)

    def score(self, video_id: str, said: PredictedCaption) -> RankedClip:
        """Scores one clip at once, whatever the thread is at."""
        return self.get(video_id) or self._score(video_id, said)

    def _work(self, predictions: PredictionCache, ranked: dict[str, RankedClip], total: int) -> None:
        told = 0
        try:
            for _ in predictions.complete(self._explain):
                if not self._put(ranked, [name for name in predictions.said if name not in ranked], predictions):
                    return
                if len(ranked) == total or len(ranked) - told >= total / 10:
                    told = len(ranked)
                    self._progress(f"Captioned {told} of {total} clips", told / total)
        except ReviewError:  # the server is gone: the next look at the queue goes on from here
            return
        if self._score.prepare():
            self._put(ranked, list(ranked), predictions)

    def _put(self, ranked: dict[str, RankedClip], names: Sequence[str], predictions: PredictionCache) -> bool:
        """Scores some of the clips, and says whether that is still wanted: another version may have taken its place."""
        fresh = {name: self._score(name, predictions.said[name]) for name in names}
        with self._lock:
            ranked.update(fresh)
            return ranked is self._ranked
