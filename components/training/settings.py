"""The settings of the Trainer."""

import dataclasses

from topiclens.components.videos.sampling import Sampling
from topiclens.trainer.settings import CaptionerSettings, DecodingSettings, TrainingConfig


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """The settings of the Trainer; vocabulary, width of features and number of topics come from the records.

    Args:
        backbone: the network that made the features, by name; None if the dataset brought them.
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
