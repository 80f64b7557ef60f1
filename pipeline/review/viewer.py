"""The half of the backend that looks: the queue, clips with their evidence, and what the served model would say."""

from __future__ import annotations

import abc
import contextlib
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement.acquisition import MissingTopic, PredictedCaption, TopicWords
from topiclens.components.refinement.outlook import Outlook, best_first
from topiclens.components.relevance.explanation import explanation, topic_timeline
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.explaining import reading_of
from topiclens.pipeline.review.clips import ClipMedia, Clips
from topiclens.pipeline.review.outlooks import Outlooks
from topiclens.pipeline.review.ranking import RankedClip, Ranking
from topiclens.pipeline.review.served_model import ServedModel, ServedVersion
from topiclens.pipeline.review.uploaded import UploadedClips
from topiclens.pipeline.review.work_queue import WorkQueue
from topiclens.pipeline.review.writing import add_spoken_of
from topiclens.schemas.corrections import Assignment, Look, State
from topiclens.schemas.stretches import Stretch, StretchError
from topiclens.schemas.timelines import TopicScore, TopicTimeline
from topiclens.schemas.topic_lookup import UnknownTopic, find_topic, search_topics
from topiclens.serving.answers import ExplainedCaption
from topiclens.serving.review.backend import NotFound, Refused, ReviewError, Unavailable
from topiclens.serving.review.shown import (
    MAX_STRENGTH,
    ClipPage,
    NewCaption,
    NewClip,
    QueueFilter,
    QueuePage,
    ReviewedCaption,
    ReviewedCorrection,
    Suggestion,
    TopicChoice,
    VideoFile,
    WhatIfResult,
)
from topiclens.serving.signatures import EXPLAIN_FRAMES_SIGNATURE
from topiclens.trainer.vocabulary import Vocabulary

_KEPT = 128  # explained clips
_PATIENCE = 1.0  # seconds: once they are over, no other suggestion of a clip that is opened is tried


@dataclass(frozen=True)
class ReviewSources:
    """What the backend looks things up in."""

    clips: Clips
    media: ClipMedia
    uploaded: UploadedClips
    sampling: Sampling  # how clips are sampled for its model
    links: Callable[[str], TopicLinks | None]  # the neurons of topics in a version; None where it has none (LSTM-B)
    vocabulary: Callable[[str], Vocabulary]  # the words of a version
    naming: Callable[[str], Sequence[tuple[str, ...]]]  # by which words a version's captions name each topic
    topics: Callable[[str], Sequence[TopicChoice]]  # of a version, by id
    topic_words: TopicWords
    # id -> why nobody is asked about a topic, in a word or two, such as "banned"
    closed: Mapping[int, str] = field(default_factory=dict)


class Viewer(abc.ABC):
    """What can be seen of a run."""

    def __init__(self, name: str, sources: ReviewSources, served: ServedModel, ranking: Ranking, outlooks: Outlooks):
        self.name = name
        self._sources, self._served, self._ranking = sources, served, ranking
        self._outlooks = outlooks
        self._explained = functools.lru_cache(_KEPT)(self._explain)

    def queue(self, limit: int, offset: int = 0, wanted: QueueFilter = QueueFilter(), person: str = "") -> QueuePage:
        version, splits = self._served.version(), self._sources.clips.choose(wanted.split)
        self._ranking.follow(version)
        return self._work_queue(version, splits).page(limit, offset, wanted, person)

    def next_clip(self, video_id: str, person: str, wanted: QueueFilter = QueueFilter()) -> str | None:
        self._check(video_id)
        splits = self._sources.clips.choose(wanted.split)
        return self._work_queue(self._served.version(), splits).following(video_id, person, wanted)

    def clip(self, video_id: str, person: str = "", wanted: QueueFilter = QueueFilter()) -> ClipPage:
        self._check(video_id)
        version = self._served.version()
        self._ranking.follow(version)
        answer, ranked = self._explained(version, video_id), self._ranked(version, video_id)
        topics, film = self._sources.topics(version), self._sources.media.film(video_id)
        everything = self.corrections()
        corrections = [one for one in everything if one.video_id == video_id]
        written = tuple(one for one in self.written_captions() if one.video_id == video_id)
        missing, writers = add_spoken_of(ranked.missing, answer.text, written, self._sources.topic_words)
        found = self._suggestions(version, video_id, pick_suggestions(missing, topics), corrections)
        suggestions = tuple(replace(one, written_by=writers.get(one.topic_id, ())) for one in found)
        links = self._sources.links(version)
        if links is not None and links.n_neurons != answer.activations.shape[1]:
            links = None  # another model's
        queue = self._work_queue(version, self._sources.clips.choose(wanted.split), everything)
        return ClipPage(
            video_id=video_id,
            caption=answer.text,
            version=version,
            words=explanation(video_id, reading_of(answer), None, links).words,
            frames=len(answer.activations),
            pictures=bool(film.pictures),
            seconds=tuple(film.seconds or ()),
            playable=self._sources.media.file(video_id) is not None,
            references=self._sources.clips.references[video_id],
            reasons=ranked.score.reasons,
            scores=rank_scores(answer.topic_scores, topics),
            timelines=show_timelines(answer, links, suggestions),
            suggestions=suggestions,
            corrections=tuple(corrections),
            written=written,
            marks=queue.marks.get(video_id, ()),
            assigned=queue.assigned.get(video_id, ""),
            split=self._sources.clips.rows[video_id]["split"],
            next_id=queue.following(video_id, person, wanted),
        )

    def frame(self, video_id: str, index: int) -> bytes | None:
        self._check(video_id)
        film = self._sources.media.film(video_id)
        count = self._sources.clips.lengths[video_id]
        if not 0 <= index < count:
            raise NotFound(f"The clip has {count} frames; there is no frame {index}.")
        return film.pictures[index] if film.pictures else None

    def video(self, video_id: str) -> VideoFile | None:
        self._check(video_id)
        return self._sources.media.file(video_id)

    def topics(self, search: str = "") -> Sequence[TopicChoice]:
        topics = [
            topic for topic in self._sources.topics(self._served.version()) if topic.id not in self._sources.closed
        ]
        return search_topics(search, topics)

    def what_if(
        self,
        video_id: str,
        strengths: Mapping[int, float] | Mapping[int | str, float],
        stretch: Stretch | None = None,
    ) -> WhatIfResult:
        self._check(video_id)
        held = self._held(video_id, stretch)
        topics = self._sources.topics(self._served.version())
        by_id: defaultdict[int, float] = defaultdict(float)
        for topic, strength in strengths.items():
            by_id[self._topic(topic).id] += strength
        for strength in by_id.values():
            if not abs(strength) <= MAX_STRENGTH:  # NaN compares as false
                raise ReviewError(f"A strength goes from -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}, and not {strength}.")
        begun = time.perf_counter()
        (answer,) = self._served.what_if(self._sources.clips.frames(video_id), [by_id], held=held)
        milliseconds = 1000 * (time.perf_counter() - begun)
        return WhatIfResult(answer.text, rank_scores(answer.topic_scores, topics), milliseconds)

    def accepts_clips(self) -> bool:
        return EXPLAIN_FRAMES_SIGNATURE in self._served.signatures()

    def frames_of_new_clip(self, count: int) -> Sequence[int]:
        return self._sources.sampling.indices(count, "uploaded")

    def caption_new(self, frames: Sequence[bytes]) -> NewCaption:
        answer = self._served.caption_frames(frames)
        return NewCaption(answer.text, rank_scores(answer.topic_scores, self._sources.topics(self._served.version())))

    def keep_new(self, clip: NewClip, by: str) -> NewCaption:
        row, frames = self._sources.uploaded.keep(clip, by)
        self._sources.clips.add(row, frames)
        version, video_id = self._served.version(), row["video_id"]
        answer = self._explained(version, video_id)
        scores = rank_scores(answer.topic_scores, self._sources.topics(version))
        return NewCaption(answer.text, scores, video_id)

    @abc.abstractmethod
    def corrections(self, state: State | None = None) -> Sequence[ReviewedCorrection]:
        """All corrections in a state, or all there are; newest first."""

    @abc.abstractmethod
    def looks(self) -> Sequence[Look]:
        """What people think of captions, oldest first: the last word of each person, clip and version."""

    @abc.abstractmethod
    def written_captions(self) -> Sequence[ReviewedCaption]:
        """The captions that people wrote, those taken back among them, newest first."""

    @abc.abstractmethod
    def assignments(self) -> Sequence[Assignment]:
        """Who is to look at which clip, by its id."""

    def _work_queue(
        self, version: str, splits: tuple[str, ...], corrections: Sequence[ReviewedCorrection] | None = None
    ) -> WorkQueue:
        clips, media = self._sources.clips, self._sources.media
        corrections = self.corrections() if corrections is None else corrections
        said = self.looks(), corrections, self.assignments(), self.written_captions()
        return WorkQueue.of(clips, media, self._ranking, version, *said, splits)

    def _ranked(self, version: str, video_id: str) -> RankedClip:
        answer = self._explained(version, video_id)
        return self._ranking.score(video_id, PredictedCaption(answer.text, answer.log_prob, answer.topic_scores))

    def _suggestions(
        self,
        version: str,
        video_id: str,
        missing: Sequence[MissingTopic],
        corrections: Sequence[ReviewedCorrection],
    ) -> tuple[Suggestion, ...]:
        """What a clip may miss, what can be taught first; what was said of it already comes last."""
        said = {one.topic.name: one.state for one in corrections if is_settled(one, version)}
        open_topics = [one.topic for one in missing if one.name not in said]
        outlooks: Mapping[int, Outlook] = {}
        with contextlib.suppress(Unavailable):  # a model without the signature what_if can be looked at all the same
            outlooks = self._outlooks.until_one_promises(version, video_id, open_topics, _PATIENCE)
        ordered = sorted(best_first(missing, outlooks), key=lambda one: one.name in said)
        return tuple(suggest(one, outlooks.get(one.topic), said.get(one.name)) for one in ordered)

    def _seconds(self, video_id: str) -> Sequence[float] | None:
        return self._sources.media.film(video_id).seconds

    def _held(self, video_id: str, stretch: Stretch | None) -> np.ndarray | None:
        """The frames (time,) bool of a stretch of a clip; None for the whole of it, ReviewError where it has none."""
        try:
            return None if stretch is None else stretch.of_clip(self._seconds(video_id))
        except StretchError as error:
            raise ReviewError(str(error)) from error

    def _explain(self, version: str, video_id: str) -> ExplainedCaption:
        return self._served.explain([self._sources.clips.frames(video_id)], version, relevance=True)[0]

    def _check(self, video_id: str) -> None:
        if video_id not in self._sources.clips:
            raise NotFound(
                "There is no such clip in this run, and no such file was uploaded here. What was said of others is "
                "under Corrections all the same."
            )

    def _topic(self, wanted: int | str) -> TopicChoice:
        try:
            return find_topic(wanted, self._sources.topics(self._served.version()))
        except UnknownTopic as error:
            raise NotFound(str(error)) from error


def open_version(sources: ReviewSources, served: ServedModel, version: str) -> ServedVersion:
    """A version that is served, as it is asked about its topics; Refused where it has none (LSTM-B)."""
    links = sources.links(version)
    if links is None:
        raise Refused("The served model learnt no topics (LSTM-B), so that none can be brought in.")
    words = sources.vocabulary(version), sources.naming(version)
    return ServedVersion(served, version, sources.clips, links, *words, lambda name: sources.media.film(name).seconds)


TIMELINES = 3  # of the topics that the model sees most
SUGGESTIONS = 5


def rank_scores(scores: np.ndarray | None, topics: Sequence[TopicChoice]) -> tuple[TopicScore, ...]:
    """All topics, the highest first; of equal ones the lower id."""
    if scores is None:
        return ()
    told = (TopicScore(topic.id, topic.name, round(float(scores[topic.id]), 4)) for topic in topics)
    return tuple(sorted(told, key=lambda topic: -topic.score))


def is_settled(correction: ReviewedCorrection, version: str) -> bool:
    """Whether a correction has been heard, so that nobody needs to say the same to this version again; what was refused
    for a stretch of a clip may be said of all of it."""
    if correction.state is State.REFUSED:
        return correction.model_before == version and correction.stretch is None
    return correction.state is not State.REVOKED


def suggest(missing: MissingTopic, known: Outlook | None, said: State | None) -> Suggestion:
    """A topic that a clip may miss, with what would come of teaching it and what became of that."""
    found = Suggestion(missing.topic, missing.name, "; ".join(missing.reasons), refused=said is State.REFUSED)
    if known is None:
        return found
    caption = known.caption if known.strength else ""
    return replace(found, strength=known.strength, caption=caption, obstacle=known.obstacle or "")


def pick_suggestions(missing: Sequence[MissingTopic], topics: Sequence[TopicChoice]) -> tuple[MissingTopic, ...]:
    """What the caption may miss, of that which neurons carry and so can be taught."""
    return tuple(one for one in missing if topics[one.topic].neurons)[:SUGGESTIONS]


def show_timelines(
    answer: ExplainedCaption, links: TopicLinks | None, suggestions: Sequence[Suggestion]
) -> tuple[TopicTimeline, ...]:
    """The strongest neurons of topics over the frames: those suggested first, then those that the model sees most."""
    scores = answer.topic_scores
    if links is None or scores is None:
        return ()
    carried = [topic for topic in links.topics if topic.neurons]
    most_seen = sorted(carried, key=lambda topic: -scores[topic.id])[:TIMELINES]
    shown = dict.fromkeys([*(one.topic_id for one in suggestions[:TIMELINES]), *(topic.id for topic in most_seen)])
    return tuple(
        topic_timeline(links.topics[topic_id], answer.activations, answer.topic_timeline) for topic_id in shown
    )
