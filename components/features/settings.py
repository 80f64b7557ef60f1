"""How frames become features."""

from __future__ import annotations

import dataclasses

from topiclens.components.features.backbones.registry import NAMES, NONE
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.sampling import EQUAL, Sampling
from topiclens.components.videos.settings import DataSettings
from topiclens.schemas.features import N_FRAMES


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """How frames become features.

    Args:
        backbone: the network: `efficientnet_lite0`, `googlenet`, `inception_v1` or `inception_v3`. `none` for a dataset
            that brings features; its model then takes features only.
        weights: the network's weights: a file, a folder or a URL; null takes those that TopicLens can fetch.
        n_frames: frames of a video, at most.
        sampling: which frames are taken: `equal`, the first frame of each of n_frames equal parts; `centred`, the
            middle frame of each; `step`, frames `step` apart around the middle; `random_clip`, frames `step` apart from
            a random place.
        step: frames from one taken to the next, for `step` and `random_clip`.
        videos_per_shard: videos that are finished together; a killed run computes at most one shard a worker again.
        batch_size: frames that pass through the network together.
    """

    backbone: str = "efficientnet_lite0"
    weights: str | None = None
    n_frames: int = N_FRAMES
    sampling: str = EQUAL
    step: int = 1
    videos_per_shard: int = 64
    batch_size: int = 32

    def __post_init__(self) -> None:
        self.sampled(seed=0)  # refuses what cannot be sampled
        if self.backbone not in (*NAMES, NONE):
            raise ValueError(f"features.backbone is {self.backbone!r}; expected one of {', '.join((*NAMES, NONE))}.")
        if min(self.videos_per_shard, self.batch_size) < 1:
            raise ValueError("Expected features.videos_per_shard and features.batch_size of at least 1.")

    def sampled(self, seed: int) -> Sampling:
        """Which frames are taken of a clip, for training and for every clip shown to the trained model."""
        return Sampling(self.sampling, self.n_frames, self.step, seed)


@dataclasses.dataclass(frozen=True)
class ExtractionConfig:
    """The settings of the features step; see `FeatureSettings` and `DataSettings`.

    `sampling` also chooses rows of longer precomputed features. Without `cache_dir`, weights are kept in the current
    folder.
    """

    backbone: str = FeatureSettings.backbone
    weights: str | None = None
    sampling: Sampling = Sampling()
    videos_per_shard: int = FeatureSettings.videos_per_shard
    batch_size: int = FeatureSettings.batch_size
    limits: DecodingLimits = DecodingLimits()
    max_rejected_fraction: float = DataSettings.max_rejected_fraction
    cache_dir: str | None = None
