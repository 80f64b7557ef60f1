"""What the Trainer is told."""

import dataclasses

from topiclens.components.videos.sampling import Sampling
from topiclens.trainer.settings import CaptionerSettings, DecodingSettings, TrainingConfig


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """What the Trainer is told; vocabulary, width of the features and number of topics are those of the records.

    Args:
        backbone: the network that made the features, by name; None where the dataset brought them.
        work_dir: a folder that stays the same from run to run, for checkpoints.
        cache_dir: where downloaded weights of backbones are kept.
    """

    model: CaptionerSettings
    training: TrainingConfig
    decoding: DecodingSettings
    backbone: str | None
    weights: str | None
    sampling: Sampling
    work_dir: str
    cache_dir: str | None
