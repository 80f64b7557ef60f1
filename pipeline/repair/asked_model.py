"""A version of a run's model, as people ask it: about a topic, a video, and what enhancing the one in the other does.

`topiclens.pipeline.repair.local_model.LocalModel` answers in this process, for the command line;
`topiclens.pipeline.review.served_model.ServedVersion` asks a model server, for the review page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from topiclens.components.neurons.links import TopicLink
    from topiclens.components.refinement.strength_sweep import StrengthSweep


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """A video as the model sees it.

    Attributes:
        video_id: unique in the run; of a file that is no video of the dataset, its name.
        content: SHA-256 of what it holds.
        frames: (time, feature_dim) float32.
    """

    video_id: str
    content: str
    frames: np.ndarray


class AskedModel(Protocol):
    """A version of the model.

    Attributes:
        version: its name.
    """

    version: str

    def topic(self, wanted: int | str) -> TopicLink:
        """A topic, as `topiclens.schemas.topic_lookup.find_topic` finds it."""
        ...

    def video(self, wanted: str) -> VideoFeatures:
        """A video of the dataset by its id, or a file."""
        ...

    def sweep(self, video: VideoFeatures, topic: int, strengths: Sequence[float] | None = None) -> StrengthSweep:
        """What the model says of a video at each strength of a topic, and without it; by default all strengths."""
        ...
