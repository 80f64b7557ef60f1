"""From what people said to what is taught: which topic, in which video, how strongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.refinement.bench import Bench
from components.refinement.dose import dose_response, strengths_up_to
from components.refinement.gate import gained, label
from components.refinement.propagation import CorrectedVideo
from components.refinement.records import Correction
from components.refinement.settings import RefinementSettings
from components.topics.matching import resolve
from components.topics.table import Topic
from schemas.records import VideoRecord


@dataclass(frozen=True, eq=False)
class Lesson:
    """A correction that can be taught.

    Attributes:
        video: the corrected one.
        topic: its id in the topic model of the parent, where topics may have been found anew since, or merged.
        strength: of its enhancement; 0 where the parent says the topic by now, so that it only has to be kept.
    """

    correction: Correction
    video: VideoRecord
    topic: int
    strength: float


class NotTeachable(ValueError):
    """A correction that cannot be taught to this parent, with the reason."""


def lesson(
    bench: Bench, correction: Correction, video: VideoRecord, topics: Sequence[Topic], settings: RefinementSettings
) -> Lesson:
    """How strongly a correction's topic is to be enhanced.

    The dose-response tells the smallest strength at which the caption says the topic. Learning takes in a part of what
    is asked for, so a multiple of it is taught, up to a bound: beyond it the activations would have to leave -1 .. 1.

    Raises:
        NotTeachable: the correction's topic is gone or banned, or no strength up to the bound brings its words in.
    """
    known, bound = resolve(correction.topic, topics), settings.max_strength
    if known.topic is None:
        raise NotTeachable(
            f"Correction {label(correction)} is set aside: {known.reason}. Its words were "
            f"{', '.join(correction.topic.words)}. Correct the video again, by a topic that there is."
        )
    topic = known.topic.id
    found = dose_response(
        bench.model, bench.vocabulary, bench.links, bench.enhancement, video, topic, strengths_up_to(bound)
    )
    for dose in found.doses:
        if gained(topics[topic].words, correction.caption_before, dose.caption):
            return Lesson(correction, video, topic, min(settings.strength_factor * dose.strength, bound))
    stronger = "A stronger one wants activations beyond -1 and 1, which cannot be learnt (refinement.max_strength)."
    limit = f" {stronger}" if bench.enhancement[topic].any() else ""
    raise NotTeachable(f"Correction {label(correction)} is set aside: {found.verdict}{limit}")


def corrected_videos(lessons: Sequence[Lesson]) -> list[CorrectedVideo]:
    """Each video once, with all that was said of it; of a topic that was said twice the stronger."""
    videos: dict[str, tuple[VideoRecord, dict[int, float]]] = {}
    for taught in lessons:
        _, topics = videos.setdefault(taught.video.video_id, (taught.video, {}))
        topics[taught.topic] = max(taught.strength, topics.get(taught.topic, 0.0))
    return [CorrectedVideo(video, topics) for video, topics in videos.values()]


def halves(video: VideoRecord) -> tuple[VideoRecord, VideoRecord] | None:
    """The first and the second half of a video's frames; None where there is one frame."""
    middle = len(video.frames) // 2
    if not middle:
        return None
    parts = {"first half": video.frames[:middle], "second half": video.frames[middle:]}
    first, second = (
        replace(video, video_id=f"{video.video_id}, {name}", frames=frames) for name, frames in parts.items()
    )
    return first, second


def of_first_halves(lessons: Sequence[Lesson]) -> list[Lesson]:
    """The same lessons, taught on the first halves alone."""
    return [replace(taught, video=parts[0]) for taught in lessons if (parts := halves(taught.video))]
