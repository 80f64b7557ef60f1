"""What a person says a caption misses, and what the caption is with it.

Nothing here loads a model: whoever looks at videos is an `AskedModel`, by default the served model in this process
(`topiclens.pipeline.repair.local_model`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.pipeline.repair import versions
from topiclens.pipeline.repair.corrections import recovered_ledger
from topiclens.schemas.corrections import CorrectedTopic, Correction

if TYPE_CHECKING:
    from topiclens.components.neurons.links import TopicLink
    from topiclens.components.refinement.strength_sweep import StrengthSweep


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """A video as the served model sees it.

    Attributes:
        video_id: unique in the run; of a file that is no video of the dataset, its name.
        content: SHA-256 of what it holds.
        frames: (time, feature_dim) float32.
    """

    video_id: str
    content: str
    frames: np.ndarray


class AskedModel(Protocol):
    """The served model, as far as proposals ask it.

    Attributes:
        version: its name.
    """

    version: str

    def topic(self, wanted: int | str) -> TopicLink:
        """A topic by its id or its name; an error with names like it where there is none."""
        ...

    def video(self, wanted: str) -> VideoFeatures:
        """A video of the dataset by its id, or a file."""
        ...

    def doses(self, video: VideoFeatures, topic: int) -> StrengthSweep:
        """What the model says of a video at each strength of a topic."""
        ...


@dataclass(frozen=True)
class Proposal:
    """A correction that was written down, and what the model says at every dose of its topic.

    Attributes:
        correction: previewed where a dose brings the topic in; proposed, and left out of refinements, where none does.
        response: the doses, and a sentence on what they do (`verdict`).
    """

    correction: Correction
    response: StrengthSweep


def propose(
    root: str,
    video: str,
    topic: int | str,
    author: str,
    *,
    settings=None,
    limits: DecodingLimits = DecodingLimits(),
    model: AskedModel | None = None,
) -> Proposal:
    """Writes down that a video's caption misses a topic, and what the caption is with it; see `propose_all`."""
    return propose_all(root, video, [topic], author, settings=settings, limits=limits, model=model)[0]


def propose_all(
    root: str,
    video: str,
    topics: Sequence[int | str],
    author: str,
    *,
    settings=None,
    limits: DecodingLimits = DecodingLimits(),
    model: AskedModel | None = None,
) -> tuple[Proposal, ...]:
    """Writes down which topics a video's caption misses, and what the caption is with each; nothing, if one fails.

    Args:
        video: the id of a video of the run's dataset, of any split, or a video file.
        topics: their ids or their names.
        author: who says so.
        limits: what a video file may cost.
        model: what looks at the video; by default the served model in this process.
    Raises:
        VersionError: nothing is served.
        LedgerError: the ledger refuses.
    """
    with recovered_ledger(root, settings) as ledger:
        model = model or _model(root, ledger, limits)
        missed, seen = [model.topic(topic) for topic in topics], model.video(video)
        responses = [model.doses(seen, topic.id) for topic in missed]
        return tuple(
            _written(ledger, seen, topic, response, author, model.version)
            for topic, response in zip(missed, responses, strict=True)
        )


def _written(
    ledger: Ledger, seen: VideoFeatures, missed: TopicLink, response: StrengthSweep, author: str, version: str
) -> Proposal:
    correction = ledger.propose(
        author=author,
        video_id=seen.video_id,
        content=seen.content,
        topic=CorrectedTopic(missed.id, missed.name, missed.words),
        caption_before=response.doses[0].caption,
        model_before=version,
        previewed=None if response.smallest is None else response.smallest.caption,
    )
    return Proposal(correction, response)


def _model(root: str, ledger: Ledger, limits: DecodingLimits) -> AskedModel:
    from topiclens.pipeline.repair.local_model import LocalModel

    served = ledger.served()
    if served is None:
        raise versions.VersionError("No version of the model was pushed yet. `topiclens run` trains and pushes one.")
    return LocalModel(root, served.version, limits)
