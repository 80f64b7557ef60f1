"""The served model as proposals look through it: over its server's API, with nothing loaded here."""

from __future__ import annotations

from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.refinement.strength_sweep import StrengthSweep, response_of, strengths_up_to
from topiclens.pipeline.repair.proposals import Seen
from topiclens.pipeline.review.clips import Clips
from topiclens.pipeline.review.served import Served
from topiclens.schemas.topic_lookup import find_topic
from topiclens.serving.review.backend import NotFound
from topiclens.trainer.vocabulary import Vocabulary


class ServedEye:
    """A `topiclens.pipeline.repair.proposals.Eye` for the clips of the desk.

    Args:
        served: the model that answers.
        version: its name.
        clips: those that people review.
        links: the neurons of its topics.
        vocabulary: its words.
    """

    def __init__(self, served: Served, version: str, clips: Clips, links: TopicLinks, vocabulary: Vocabulary):
        self.version = version
        self._served, self._clips, self._links, self._vocabulary = served, clips, links, vocabulary

    def topic(self, wanted: int | str) -> TopicLink:
        return find_topic(wanted, self._links.topics)

    def video(self, wanted: str) -> Seen:
        if wanted not in self._clips:
            raise NotFound("There is no such clip in this run.")
        return Seen(wanted, self._clips.row(wanted)["content"], self._clips.frames(wanted))

    def doses(self, video: Seen, topic: int) -> StrengthSweep:
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
