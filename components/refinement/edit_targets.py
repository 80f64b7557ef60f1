"""From what people said to what is taught: which topic, in which video, how strongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from topiclens.components.refinement.candidate_captioner import CandidateCaptioner
from topiclens.components.refinement.gate import gained, label
from topiclens.components.refinement.propagation import CorrectedVideo
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.refinement.strength_sweep import StrengthSweep, strengths_up_to, sweep_strengths
from topiclens.components.topics.matching import resolve_topic
from topiclens.components.topics.table import Topic
from topiclens.schemas.corrections import Correction
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch, StretchError

Ask = Callable[[VideoRecord], StrengthSweep]  # about one topic


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
    strengths = strengths_up_to(settings.max_strength)
    return lambda video: sweep_strengths(*asked, video, topic, strengths, stretch)


def taught_strength(
    ask: Ask,
    video: VideoRecord,
    factor: float,
    says: Callable[[str], bool] | None = None,
    stretch: Stretch | None = None,
) -> tuple[StrengthSweep, float | None]:
    """How strongly a topic is to be taught in a video, so that it holds beyond the very frames that were corrected.

    At the smallest strength that brings the topic into the caption, other frames of the same video mostly do not say it
    yet, and learning takes in only a part of what is asked for. So the parts of the video are asked too, and more is
    taught. A preview asks in the same way, so that what it shows is what is taught.

    Args:
        ask: a video, or a part of one, to its sweep; all with the same strengths.
        factor: see `steady`.
        says: whether a caption says the topic; by default, whether it has a word that names it and that the video's
            own caption lacks.
        stretch: of the video, in which the topic is there; parts that have no frame of it are not asked.
    Returns:
        The sweep of the video itself; and the strength, None where none that was tried brings the topic in.
    """
    sweeps = [ask(one) for one in (video, *(part for part in parts(video) if stretch is None or _shows(part, stretch)))]
    of_video = sweeps[0]

    def enters(caption: str) -> bool:
        return bool(gained(of_video.naming, of_video.points[0].caption, caption))

    said = np.array([[(says or enters)(point.caption) for point in sweep.points] for sweep in sweeps])
    return of_video, steady(said, np.array([point.strength for point in of_video.points]), factor)


def _shows(part: VideoRecord, stretch: Stretch) -> bool:
    """Whether a part of a video has a frame of a stretch."""
    return part.seconds is not None and bool(stretch.holds(part.seconds).any())


def steady(said: np.ndarray, strengths: np.ndarray, factor: float) -> float | None:
    """The first strength of at least `factor` times that from which on a video, and as many of its parts as ever, say
    its topic.

    Where that begins more than once, the longest run of strengths counts. The factor does not lead out of the run: too
    strong an enhancement drives the words of the topic out again.

    Args:
        said: (1 + parts, strengths), whether the video, and whether each part, says the topic at a strength.
        strengths: ascending from 0.
    Returns:
        0 where the video says it by itself; None where it does not at any strength.
    """
    if not said[0].any():
        return None
    if said[0, 0]:
        return 0.0
    count = said[0] * said.sum(axis=0)
    edges = np.diff(np.pad(count == count.max(), 1).astype(int))
    first, last = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0) - 1
    longest = np.argmax(last - first)
    stronger = np.searchsorted(strengths, factor * strengths[first[longest]])
    return float(strengths[min(stronger, last[longest])])


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


def parts(video: VideoRecord) -> list[VideoRecord]:
    """A video without some of its frames: every second one of them, or two thirds of them in a row, is left."""
    n = len(video.frames)
    third = n // 3
    left = {
        "odd frames": slice(None, None, 2),
        "even frames": slice(1, None, 2),
        "first two thirds": slice(n - third),
        "last two thirds": slice(third, None),
    }
    found = (video.part(name, frames) for name, frames in left.items())
    return [part for part in found if 0 < len(part.frames) < n]


def on_first_halves(targets: Sequence[EditTarget]) -> list[EditTarget]:
    """The same targets, taught on the first halves alone."""
    return [
        replace(taught, video=parts[0])
        for taught in targets
        if (parts := halves(taught.video, taught.correction.stretch))
    ]
