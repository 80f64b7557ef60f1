"""What a person says a caption misses, and what the caption is with it.

Nothing here loads a model, unless no `AskedModel` is given: then the served version is loaded into this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.refinement.strength_sweep import StrengthSweep, strengths_up_to
from topiclens.components.refinement.taught_strength import taught_strength
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.pipeline.repair import versions
from topiclens.pipeline.repair.corrections import open_recovered_ledger
from topiclens.schemas.corrections import CorrectedTopic, Correction
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.tables import html_table

if TYPE_CHECKING:
    from topiclens.components.neurons.links import TopicLink


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """A video as the model sees it."""

    video_id: str
    content: str  # SHA-256 of what it holds
    frames: np.ndarray  # (time, feature_dim) float32
    # When each frame is shown: (time,), None where that is not known. It is asked only where a stretch of the video is
    # meant, since the film may have to be decoded for it.
    seconds: Callable[[], Sequence[float] | None] = lambda: None


class AskedModel(Protocol):
    """A version of the model.

    `topiclens.pipeline.repair.local_model.LocalModel` answers in this process, for the command line;
    `topiclens.pipeline.review.served_model.ServedVersion` asks a model server, for the review page.
    """

    @property
    def version(self) -> str: ...

    def topic(self, wanted: int | str) -> TopicLink:
        """A topic, as `topiclens.schemas.topic_lookup.find_topic` finds it."""

    def video(self, wanted: str) -> VideoFeatures:
        """A video of the dataset by its id, or a file."""

    def sweep(
        self,
        video: VideoFeatures,
        topic: int,
        strengths: Sequence[float] | np.ndarray | None = None,
        stretch: Stretch | None = None,
    ) -> StrengthSweep:
        """What the model says of a video at each strength of a topic, and without it; by default all strengths. With a
        stretch, the topic is there in its frames alone; StretchError: the video does not have it."""


@dataclass(frozen=True)
class Proposal:
    """A correction that was written down, and what the model says at every strength of its topic.

    The correction is previewed where a strength brings the topic in, by the caption at the strength that is taught;
    else proposed, and left out of refinements.
    """

    correction: Correction
    sweep: StrengthSweep
    strength: float | None  # that is taught

    def _repr_html_(self) -> str:
        shown, said = [], None
        for point in self.sweep.points:  # those at which the caption changes
            if point.caption != said:
                shown.append((f"{point.strength:g}", said := point.caption))
        return html_table((f"strength of {self.sweep.name}", "caption"), shown) + f"<p>{self.sweep.verdict}</p>"


def propose(
    root: str,
    video: str,
    topics: Sequence[int | str],
    author: str,
    *,
    stretch: Stretch | None = None,
    settings: RefinementSettings | None = None,
    limits: DecodingLimits = DecodingLimits(),
    model: AskedModel | None = None,
) -> tuple[Proposal, ...]:
    """Writes down which topics a video's caption misses, and what the caption is with each; nothing, if one fails.

    Args:
        video: the id of a video of the run's dataset, of any split, or a video file.
        stretch: of the video, in which it shows the topics; None for all of it.
        model: what looks at the video; by default the served model in this process.
    Raises:
        StretchError: no frame of the video lies in the stretch.
        VersionError: nothing is served.
    """
    with open_recovered_ledger(root, settings) as ledger:
        if model is None:
            from topiclens.pipeline.repair.local_model import LocalModel

            model = LocalModel(root, versions.find_served(ledger), limits)
        missed, seen = [model.topic(topic) for topic in topics], model.video(video)
        previews = [preview(model, seen, topic.id, stretch, settings or RefinementSettings()) for topic in missed]
        return tuple(
            _write_down(ledger, seen, topic, *preview, author, model.version, stretch)
            for topic, preview in zip(missed, previews, strict=True)
        )


def preview(
    model: AskedModel, seen: VideoFeatures, topic: int, stretch: Stretch | None, settings: RefinementSettings
) -> tuple[StrengthSweep, float | None]:
    """What a topic does to a caption, and the strength that a refinement would teach; None where none brings it in."""
    every = strengths_up_to(settings.max_strength)
    video = VideoRecord(seen.video_id, "test", seen.frames, (), np.zeros(0, np.int64))
    if stretch is not None:
        video = video.timed(seen.seconds())

    def ask(one: VideoRecord, strengths: Sequence[float] | None) -> StrengthSweep:
        seconds = None if one.seconds is None else one.seconds.tolist()
        asked = VideoFeatures(one.video_id, seen.content, one.frames, lambda: seconds)
        return model.sweep(asked, topic, every if strengths is None else strengths, stretch)

    return taught_strength(ask, video, settings.strength_factor, stretch=stretch)


def _write_down(
    ledger: Ledger,
    seen: VideoFeatures,
    missed: TopicLink,
    sweep: StrengthSweep,
    strength: float | None,
    author: str,
    version: str,
    stretch: Stretch | None,
) -> Proposal:
    correction = ledger.propose(
        author=author,
        video_id=seen.video_id,
        content=seen.content,
        topic=CorrectedTopic(missed.id, missed.name, missed.words),
        caption_before=sweep.points[0].caption,
        model_before=version,
        previewed=None if strength is None else sweep.at(strength).caption,
        stretch=stretch,
    )
    return Proposal(correction, sweep, strength)
