"""Which videos a model captions inaccurately, found by a rule: nobody picks them.

A video misses a topic where people say it and the model does not:

1. the topic is one of the video's own (`topics`, which follow from its human captions);
2. at least such a share of its human captions holds a word of the topic;
3. the model's captions of both halves of its frames hold none;
4. the topic has a neuron that can be enhanced, and a word that the model can say.

Of a video that misses several, the one that most of its captions say counts. The videos of which the largest share of
captions say it come first, and equal ones in the order of their ids. Neither a refined model nor what becomes of a half
is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.links import TopicLinks
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import Vocabulary, tokenize

MIN_SHARE = 0.5  # of a video's human captions that hold a word of the topic


@dataclass(frozen=True)
class InaccurateCaption:
    """A video and the topic that its captions miss."""

    video_id: str  # of the whole video
    # topic, name, words: the topic's id, name and words
    topic: int
    name: str
    words: tuple[str, ...]
    # references, of: how many of how many human captions hold one of the words
    references: int
    of: int
    captions: tuple[str, str]  # the model's, of the first and of the second half


@dataclass(frozen=True)
class InaccuracySearch:
    """What the rule found."""

    items: tuple[InaccurateCaption, ...]  # the videos, the most agreed upon first
    counts: tuple[tuple[str, int], ...]  # the rule's stages in words, each with how many were left by it


def find_missing(
    videos: Sequence[VideoRecord],
    captions: Mapping[str, tuple[str, str]],
    links: TopicLinks,
    enhancement: np.ndarray,
    vocabulary: Vocabulary,
    *,
    min_share: float = MIN_SHARE,
) -> InaccuracySearch:
    """Applies the rule.

    Args:
        videos: with their topics and human captions; their frames are not looked at.
        captions: video id -> the model's captions of the first and the second half; a video that cannot be halved has
            none.
    """
    halved = [video for video in videos if video.video_id in captions]
    present = [(video, links.topics[topic]) for video in halved for topic in np.flatnonzero(video.topics).tolist()]
    sentences = {video.video_id: [set(tokenize(text)) for text in video.captions] for video in halved}
    seen = [
        (video, topic, count)
        for video, topic in present
        if (count := sum(not said.isdisjoint(topic.words) for said in sentences[video.video_id]))
        and count >= min_share * len(video.captions)
    ]
    unsaid = [
        (video, topic, count)
        for video, topic, count in seen
        if set(" ".join(captions[video.video_id]).split()).isdisjoint(topic.words)
    ]
    sayable = [
        (video, topic, count)
        for video, topic, count in unsaid
        if enhancement[topic.id].any() and any(word in vocabulary for word in topic.words)
    ]
    sayable.sort(key=lambda found: (-found[2] / len(found[0].captions), found[0].video_id, found[1].id))
    best: dict[str, InaccurateCaption] = {}
    for video, topic, count in sayable:
        best.setdefault(
            video.video_id,
            InaccurateCaption(
                video.video_id, topic.id, topic.name, topic.words, count, len(video.captions), captions[video.video_id]
            ),
        )
    counts = (
        ("videos", len(videos)),
        ("of at least two frames, so that they can be halved", len(halved)),
        ("pairs of such a video and a topic of it", len(present)),
        (f"that at least {min_share:.0%} of its human captions say", len(seen)),
        ("that the model's caption of neither half says", len(unsaid)),
        ("whose topic has a neuron and a word that the model can say", len(sayable)),
        ("videos of these pairs, each with the topic that most of its captions say", len(best)),
    )
    return InaccuracySearch(tuple(best.values()), counts)
