"""What the Trainer is told."""

import dataclasses

from topiclens.components.videos.sampling import Sampling
from topiclens.trainer.settings import CaptionerSettings, DecodingSettings, TrainingConfig


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """What the Trainer is told.

    Args:
        model: what the captioner is made of; the vocabulary, the width of the features and the number of topics are
            those of the records.
        training: how it is trained.
        decoding: how the exported model writes captions.
        backbone: the network that made the features, by name; None where the dataset brought them.
        weights: of the backbone.
        sampling: how clips are sampled.
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
