"""Which videos a run explains."""

import dataclasses

from topiclens.components.videos.decoding import DecodingLimits


@dataclasses.dataclass(frozen=True)
class ExplanationSettings:
    """How many held-out videos a run explains.

    Args:
        videos: pages of explained videos, evenly from the best caption to the worst; 0 leaves the step out.
    """

    videos: int = 8


@dataclasses.dataclass(frozen=True)
class ExplanationConfig:
    """How many videos of which split the explanations step explains, and what a clip may cost."""

    videos: int
    split: str
    limits: DecodingLimits
