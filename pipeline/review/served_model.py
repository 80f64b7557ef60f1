"""The model that answers: asked over its server's API, whichever version that has, and never loaded here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.refinement.outlook import Outlook, foresee
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.refinement.strength_sweep import StrengthSweep, read_sweep, strengths_up_to
from topiclens.pipeline.repair.proposals import VideoFeatures, preview
from topiclens.pipeline.review.clips import Clips
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.topic_lookup import find_topic
from topiclens.serving.answers import ExplainedCaption, WhatIf
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import ServerUnavailable, ServingError
from topiclens.serving.review.backend import NotFound, ReviewError, Unavailable
from topiclens.trainer.vocabulary import Vocabulary

# Seconds: for one request; to tell a version; until a server that was named must have a model that answers.
_TIMEOUT, _TELLING, _LOADING = 60.0, 5.0, 15.0


class ServedModel:
    """The served model, for several threads."""

    def __init__(self, address: str, n_topics: int):
        self._client = CaptionClient(address, timeout=_TIMEOUT, retries=2)
        self._n_topics = n_topics

    def version(self) -> str:
        """The version that answers now."""
        with _errors_for_people():
            return str(self._client.wait_until_ready(timeout=_TELLING))

    def wait(self) -> str:
        """Waits until a version answers; ServingError says what to do where none does."""
        return str(self._client.wait_until_ready(timeout=_LOADING))

    def explain(self, clips: Sequence[np.ndarray], version: str, *, relevance: bool = False) -> list[ExplainedCaption]:
        """Captions clips (time, feature_dim) with the evidence; Unavailable if another version or run answers."""
        with _errors_for_people():
            answers = self._client.explain_all(clips, relevance=relevance)
        self._check(version)
        for scores in (answer.topic_scores for answer in answers if answer.topic_scores is not None):
            if len(scores) != self._n_topics:
                raise Unavailable(
                    f"The model that answers has {len(scores)} topics, and the newest run {self._n_topics}. Start the "
                    "page again once a model of that run is served."
                )
        return answers

    def what_if(
        self,
        frames: np.ndarray,
        strengths: Sequence[Mapping[int, float]],
        version: str | None = None,
        held: np.ndarray | None = None,
    ) -> list[WhatIf]:
        """An answer for each mapping of topics to strengths; Unavailable if another than the named version answers.

        `held` (time,) bool tells the frames that show the topics so; None means all.
        """
        deltas = np.zeros((len(strengths), self._n_topics), np.float32)
        for row, added in zip(deltas, strengths):
            row[list(added)] = list(added.values())
        with _errors_for_people():
            over_time = deltas if held is None else deltas[:, None] * held[:, None]
            answers = self._client.what_if_all([frames] * len(strengths), over_time)
        if version is not None:
            self._check(version)
        return answers

    def signatures(self) -> Mapping:
        with _errors_for_people():
            return self._client.signatures

    def caption_frames(self, jpegs: Sequence[bytes]) -> ExplainedCaption:
        """Captions a clip that nobody has seen, through the model's own frame network."""
        with _errors_for_people():
            return self._client.explain_all([jpegs])[0]

    def _check(self, version: str) -> None:
        """What was answered is kept as this version's, so that it must be."""
        if self.version() != version:
            raise Unavailable("Another version of the model has just been published. Look at the clip again.")

    def close(self) -> None:
        self._client.close()


@dataclass(frozen=True)
class ServedVersion:
    """A version that is served; an `AskedModel` for the clips of the page."""

    served: ServedModel
    version: str
    clips: Clips
    links: TopicLinks
    vocabulary: Vocabulary
    naming: Sequence[tuple[str, ...]]  # by which words a caption names each topic; () where any of its words does
    seconds: Callable[[str], Sequence[float] | None] = lambda video_id: None  # when each frame of a clip is shown

    def topic(self, wanted: int | str) -> TopicLink:
        return find_topic(wanted, self.links.topics)

    def video(self, wanted: str) -> VideoFeatures:
        if wanted not in self.clips:
            raise NotFound("There is no such clip in this run.")
        content, frames = self.clips.rows[wanted]["content"], self.clips.frames(wanted)
        return VideoFeatures(wanted, content, frames, lambda: self.seconds(wanted))

    def sweep(
        self,
        video: VideoFeatures,
        topic: int,
        strengths: Sequence[float] | np.ndarray | None = None,
        stretch: Stretch | None = None,
    ) -> StrengthSweep:
        held = None if stretch is None else stretch.of_clip(video.seconds())
        tried = np.union1d(0.0, strengths_up_to() if strengths is None else strengths).tolist()
        answers = self.served.what_if(video.frames, [{topic: strength} for strength in tried], self.version, held)
        captions = [answer.text for answer in answers]
        scores = [float(answer.topic_scores[topic]) for answer in answers]
        named = replace(self.topic(topic), words=self._named_by(topic))
        return read_sweep(video.video_id, named, tried, captions, scores, self.vocabulary)

    def outlook(self, video_id: str, topic: int, settings: RefinementSettings) -> Outlook:
        """What teaching a topic in a clip would come to: what a preview shows, and what speaks against it."""
        seen = self.video(video_id)
        sweep, strength = preview(self, seen, topic, None, settings)
        told = self.clips.references[video_id]
        video = VideoRecord(video_id, "test", seen.frames, told, np.zeros(len(self.naming), np.int64))
        return foresee(sweep, strength, video, [self._named_by(number) for number in range(len(self.naming))])

    def _named_by(self, topic: int) -> tuple[str, ...]:
        return tuple(self.naming[topic] or self.topic(topic).words)


@contextlib.contextmanager
def _errors_for_people() -> Iterator[None]:
    """What a person at the page is told where the server fails: addresses and commands are for whoever runs it."""
    try:
        yield
    except ServerUnavailable as error:
        raise Unavailable("The model server does not answer. Whoever started the page can start it again.") from error
    except ServingError as error:
        if error.code == "INVALID_ARGUMENT":
            raise ReviewError(str(error)) from error
        raise Unavailable(str(error)) from error
