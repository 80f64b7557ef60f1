"""The served model as proposals look through it: over its server's API, with nothing loaded here."""

from __future__ import annotations

from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.refinement.strength_sweep import StrengthSweep, response_of, strengths_up_to
from topiclens.pipeline.repair.proposals import VideoFeatures
from topiclens.pipeline.review.clips import Clips
from topiclens.pipeline.review.served_model import ServedModel
from topiclens.schemas.topic_lookup import find_topic
from topiclens.serving.review.backend import NotFound
from topiclens.trainer.vocabulary import Vocabulary


class ServedVersion:
    """A `topiclens.pipeline.repair.proposals.AskedModel` for the clips of the backend.

    Args:
        served: the model that answers.
        version: its name.
        clips: those that people review.
        links: the neurons of its topics.
        vocabulary: its words.
    """

    def __init__(self, served: ServedModel, version: str, clips: Clips, links: TopicLinks, vocabulary: Vocabulary):
        self.version = version
        self._served, self._clips, self._links, self._vocabulary = served, clips, links, vocabulary

    def topic(self, wanted: int | str) -> TopicLink:
        return find_topic(wanted, self._links.topics)

    def video(self, wanted: str) -> VideoFeatures:
        if wanted not in self._clips:
            raise NotFound("There is no such clip in this run.")
        return VideoFeatures(wanted, self._clips.row(wanted)["content"], self._clips.frames(wanted))

    def doses(self, video: VideoFeatures, topic: int) -> StrengthSweep:
        strengths = strengths_up_to()
        answers = self._served.doses(video.frames, topic, strengths, self.version)
        return response_of(
            video.video_id,
            self._links.topics[topic],
            strengths.tolist(),
            [answer.text for answer in answers],
            [float(answer.topic_scores[topic]) for answer in answers],
            self._vocabulary,
        )
