"""From what people said to what is taught: which topic, in which video, how strongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from topiclens.components.refinement.candidate_captioner import CandidateCaptioner
from topiclens.components.refinement.gate import gained, label
from topiclens.components.refinement.propagation import CorrectedVideo
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.refinement.strength_sweep import strengths_up_to, sweep_strengths
from topiclens.components.refinement.taught_strength import Ask, taught_strength
from topiclens.components.topics.matching import resolve_topic
from topiclens.components.topics.table import Topic
from topiclens.schemas.corrections import Correction
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch, StretchError


@dataclass(frozen=True, eq=False)
class EditTarget:
    """A correction that can be taught."""

    correction: Correction
    video: VideoRecord  # the corrected one
    topic: int  # its id in the parent's topic model: since the correction, topics may have been found anew or merged
    strength: float  # of its enhancement; 0 where the parent already says the topic


class NotTeachable(ValueError):
    """A correction that cannot be taught to this parent, with the reason."""


def edit_target(
    candidates: CandidateCaptioner,
    correction: Correction,
    video: VideoRecord,
    topics: Sequence[Topic],
    settings: RefinementSettings,
) -> EditTarget:
    """How strongly a correction's topic is to be enhanced (`taught_strength`); NotTeachable says why it cannot be."""
    known = resolve_topic(correction.topic, topics)
    if known.topic is None:
        raise NotTeachable(
            f"Correction {label(correction)} is set aside: {known.reason}. Its words were "
            f"{', '.join(correction.topic.words)}. Correct the video again, by a topic that there is."
        )
    topic = known.topic.id

    def says(caption: str) -> bool:
        return bool(gained(candidates.naming[topic], correction.caption_before, caption))

    try:
        ask = asked_of(candidates, topic, settings, correction.stretch)
        found, strength = taught_strength(ask, video, settings.strength_factor, says, correction.stretch)
    except StretchError as error:
        raise NotTeachable(f"Correction {label(correction)} is set aside: {error}") from error
    if strength is not None:
        return EditTarget(correction, video, topic, strength)
    limit = " No stronger one is tried (refinement.max_strength)." if candidates.enhancement[topic].any() else ""
    raise NotTeachable(f"Correction {label(correction)} is set aside: {found.verdict}{limit}")


def asked_of(
    candidates: CandidateCaptioner, topic: int, settings: RefinementSettings, stretch: Stretch | None = None
) -> Ask:
    """Asks a captioner in this process about one topic, up to `max_strength`."""
    asked = candidates.model, candidates.vocabulary, candidates.links, candidates.enhancement
    every = strengths_up_to(settings.max_strength)
    return lambda video, strengths: sweep_strengths(
        *asked, video, topic, every if strengths is None else strengths, stretch
    )


def corrected_videos(targets: Sequence[EditTarget]) -> list[CorrectedVideo]:
    """Each video once, with all that was said of it; what was said twice of a frame counts by the stronger."""
    videos: dict[str, tuple[VideoRecord, dict[int, float | np.ndarray]]] = {}
    for taught in targets:
        _, topics = videos.setdefault(taught.video.video_id, (taught.video, {}))
        stretch = taught.correction.stretch
        strength = taught.strength if stretch is None else taught.strength * stretch.of_clip(taught.video.seconds)
        topics[taught.topic] = np.maximum(strength, topics.get(taught.topic, 0.0))
    return [CorrectedVideo(video, topics) for video, topics in videos.values()]


def halves(video: VideoRecord, stretch: Stretch | None = None) -> tuple[VideoRecord, VideoRecord] | None:
    """The first and the second half of a video's frames; None where there is one frame.

    They part where a stretch has had half of its frames, so that both halves show what is said of it.
    """
    meant = np.arange(len(video.frames)) if stretch is None else np.flatnonzero(stretch.of_clip(video.seconds))
    if len(meant) < 2:
        return None
    middle = meant[len(meant) // 2]
    return video.part("first half", slice(middle)), video.part("second half", slice(middle, None))


def on_first_halves(targets: Sequence[EditTarget]) -> list[EditTarget]:
    """The same targets, taught on the first halves alone."""
    return [
        replace(taught, video=parts[0])
        for taught in targets
        if (parts := halves(taught.video, taught.correction.stretch))
    ]
