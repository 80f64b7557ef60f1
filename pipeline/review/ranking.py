"""The clips in the order of what a person's look at them is expected to bring, for the version that is served."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

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
from topiclens.components.refinement.outlook import Outlook, best_first, weighed
from topiclens.pipeline.review.clips import Clips
from topiclens.schemas import features
from topiclens.schemas.files import replacing
from topiclens.schemas.json_lines import read_rows, write_rows
from topiclens.schemas.progress import Progress
from topiclens.serving.answers import ExplainedCaption
from topiclens.serving.review.backend import ReviewError


@dataclass(frozen=True, eq=False)
class Similar:
    """Videos by what they look like."""

    ids: np.ndarray  # (videos,) text
    centre: np.ndarray  # (feature_dim,), the mean of all videos' mean features, from which directions are seen
    directions: np.ndarray  # (videos, feature_dim) float32 of length 1, from the centre to a video's mean feature
    topics: np.ndarray  # (videos, topics), 0 or 1

    @classmethod
    def of(cls, videos: Iterable[Mapping[str, Any]]) -> Similar:
        """Of records as `topiclens.schemas.records.parse` gives them."""
        parts = (
            (video[features.VIDEO_ID].decode(), video[features.FRAMES].mean(axis=0), video[features.TOPICS])
            for video in videos
        )
        ids, means, topics = zip(*parts)
        centre = np.mean(means, axis=0, dtype=np.float64).astype(np.float32)
        return cls(np.array(ids), centre, _directions(np.stack(means) - centre), np.stack(topics).astype(np.uint8))

    def topics_of_neighbours(self, video_id: str, frames: np.ndarray, count: int) -> np.ndarray:
        """(neighbours, topics): those of the most similar other videos, by the cosine of their directions."""
        towards = _directions(frames.mean(axis=0)[None] - self.centre)[0]
        likeness = np.where(self.ids == video_id, -np.inf, self.directions @ towards)
        nearest = np.argsort(-likeness, kind="stable")[:count]
        return self.topics[nearest[np.isfinite(likeness[nearest])]]

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz`."""
        with replacing(path) as aside, open(aside, "wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    def load(cls, path: str | os.PathLike) -> Similar:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**arrays)


def _directions(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


# Clips that are asked about together, and that a page which is killed has to ask about again.
BATCH = 32
_DECIMALS = 5
Explain = Callable[[Sequence[np.ndarray], str], Sequence[ExplainedCaption]]  # clips' features, the version to ask


class PredictionCache:
    """What one version says of clips, as far as it was asked: one file a batch, each written aside and renamed."""

    def __init__(self, folder: str | os.PathLike, version: str, clips: Clips):
        self._folder = os.path.join(folder, version)
        self._version, self._clips = version, clips
        self.said: dict[str, PredictedCaption] = {}

    def complete(self, explain: Explain) -> Iterator[int]:
        """Reads what is kept, asks for the rest, and yields after each batch how many clips are known."""
        for key, batch in self._clips.batches(BATCH):
            path = os.path.join(self._folder, f"{key}.jsonl")
            if not os.path.exists(path):
                answers = explain([self._clips.frames(video_id) for video_id in batch], self._version)
                write_rows(path, map(_row, batch, answers))
            for row in read_rows(path):
                scores = None if row["topic_scores"] is None else np.array(row["topic_scores"])
                self.said[row["video_id"]] = PredictedCaption(row["caption"], row["log_prob"], scores)
            yield len(self.said)


def _row(video_id: str, answer: ExplainedCaption) -> dict:
    scores = None if answer.topic_scores is None else np.round(answer.topic_scores.astype(float), _DECIMALS).tolist()
    return {"video_id": video_id, "caption": answer.text, "log_prob": answer.log_prob, "topic_scores": scores}


# Clips of which something can be taught that are looked for before anybody opens one: a page of the queue. And how many
# clips are tried for them.
AHEAD, MOST_TRIED = 24, 96
NEIGHBOURS = 10  # training videos that look most like a clip, whose topics are suggested for it


@dataclass(frozen=True, eq=False)
class RankedClip:
    """A clip: what the model says of it, what that seems to miss, and what a look at it may bring."""

    video_id: str
    said: PredictedCaption
    missing: tuple[MissingTopic, ...]  # what may be taught first
    score: AcquisitionScore
    promise: Outlook | None = None  # of the first; None where it cannot be taught, or was not tried
    tried: bool = False  # whether what it misses was tried, as far as that is done beforehand

    def place(self) -> tuple[bool, float, float, str]:
        """Clips of which something can be taught come first, what is missing most surely before the rest; then the
        highest score, and of equal ones the lower id."""
        sure = 0.0 if self.promise is None else self.score.missing
        return self.promise is None, -sure, -self.score.value, self.video_id


class ClipScorer:
    """Scores what is said of clips, by the people who wrote about them and by similar videos."""

    def __init__(self, clips: Clips, topics: TopicWords, similar: Callable[[], Similar], neighbours: int = NEIGHBOURS):
        self._clips, self._topics, self._neighbours = clips, topics, neighbours
        self._read_similar = similar
        self._similar: Similar | None = None
        self._references = functools.cache(self._read_references)

    def _read_references(self, split: str) -> References:
        """What people wrote about the clips of a split, at least one of which is described."""
        ids, written = self._clips.ids([split]), self._clips.references
        return References({video_id: written[video_id] for video_id in ids if written[video_id]})

    def prepare(self) -> bool:
        """Reads the similar videos, which takes a while; returns whether that was still to do."""
        if self._similar is not None:
            return False
        self._similar = self._read_similar()
        return True

    def __call__(
        self, video_id: str, said: PredictedCaption, outlooks: Mapping[int, Outlook] | None = None
    ) -> RankedClip:
        """Scores a clip; what is known of its topics counts (`weighed`)."""
        references, near = self._clips.references[video_id], None
        if self._similar is not None:
            near = self._similar.topics_of_neighbours(video_id, self._clips.frames(video_id), self._neighbours)
        missing = missing_topics(said, self._topics, references, near)
        cider = None
        if references:
            described = self._references(self._clips.rows[video_id]["split"])
            cider = described.cider.score_one(video_id, tokenize(said.caption))
        known = outlooks or {}
        best, promise = best_first(missing, known), None
        # What cannot be taught adds nothing to the score, and is a reason to look all the same.
        reasons = acquisition_score(said, best, cider).reasons
        score = replace(acquisition_score(said, weighed(missing, known), cider), reasons=reasons)
        if best and (found := known.get(best[0].topic)) is not None and found.promising:
            promise = found
            can = f"“{best[0].name}” can be taught: “{found.caption}”"
            score = replace(score, reasons=(can, *reasons))
        return RankedClip(video_id, said, best, score, promise, outlooks is not None)


class Ranking:
    """Scores all clips by the version that is served, in a thread of its own; what is ranked already can be read.

    Args:
        clips: those that were read by now.
        progress: hears how many are captioned, at every tenth and at the end.
        outlooks: of a clip's topics by a version, as far as they are tried beforehand; None tries nothing.
    """

    def __init__(
        self,
        scorer: ClipScorer,
        clips: Sized,
        predictions: Callable[[str], PredictionCache],
        explain: Explain,
        progress: Progress,
        outlooks: Callable[[str, RankedClip], Mapping[int, Outlook]] | None = None,
    ):
        self._outlooks = outlooks
        self._score, self._clips, self._progress = scorer, clips, progress
        self._predictions, self._explain = predictions, explain
        self._lock = threading.Lock()
        self._version: str | None = None
        self._ranked: dict[str, RankedClip] = {}
        self._earlier: dict[str, RankedClip] = {}
        self._thread: threading.Thread | None = None

    def follow(self, version: str) -> None:
        """Begins anew where another version is served than before, or goes on where the server had failed."""
        with self._lock:
            working = self._thread is not None and self._thread.is_alive()
            if version == self._version and (len(self._ranked) == len(self._clips) or working):
                return
            if version != self._version:
                self._earlier |= self._ranked
                self._version, self._ranked = version, {}
            arguments = (version, self._predictions(version), self._ranked)
            self._thread = threading.Thread(target=self._work, args=arguments, name="ranking", daemon=True)
            self._thread.start()

    def ordered(self) -> list[RankedClip]:
        """What is ranked, the highest score first; of equal ones the lower id."""
        with self._lock:
            ranked = list(self._ranked.values())
        return sorted(ranked, key=RankedClip.place)

    def earlier(self) -> dict[str, RankedClip]:
        """By id, what the last version that was asked about a clip said, of those that the served one was not asked
        about yet."""
        with self._lock:
            return {name: one for name, one in self._earlier.items() if name not in self._ranked}

    def score(self, video_id: str, said: PredictedCaption) -> RankedClip:
        """The score of one clip, at once, however far the thread is."""
        with self._lock:
            ranked = self._ranked.get(video_id)
        return ranked or self._score(video_id, said)

    def _work(self, version: str, predictions: PredictionCache, ranked: dict[str, RankedClip]) -> None:
        told, total = 0, len(self._clips)
        try:
            for _ in predictions.complete(self._explain):
                if not self._put(ranked, [name for name in predictions.said if name not in ranked], predictions):
                    return
                if len(ranked) == total or len(ranked) - told >= total / 10:
                    told = len(ranked)
                    self._progress(f"Captioned {told} of {total} clips", told / total)
            if self._score.prepare():
                self._put(ranked, list(ranked), predictions)
            self._look_ahead(version, ranked)
        except ReviewError:  # the server is gone: the next look at the queue goes on from here
            return

    def _look_ahead(self, version: str, ranked: dict[str, RankedClip]) -> None:
        """Tries what clips miss, those of the highest score first, until there are enough that can be taught it."""
        for _ in range(MOST_TRIED):
            ordered = self.ordered()
            clip = next((one for one in ordered if one.missing and not one.tried), None)
            if self._outlooks is None or clip is None or sum(one.promise is not None for one in ordered) >= AHEAD:
                return
            fresh = self._score(clip.video_id, clip.said, self._outlooks(version, clip))
            with self._lock:
                if ranked is not self._ranked:
                    return
                ranked[clip.video_id] = fresh

    def _put(self, ranked: dict[str, RankedClip], names: Sequence[str], predictions: PredictionCache) -> bool:
        """Scores some of the clips, and says whether that is still wanted: another version may have taken its place."""
        fresh = {name: self._score(name, predictions.said[name]) for name in names}
        with self._lock:
            ranked.update(fresh)
            return ranked is self._ranked
