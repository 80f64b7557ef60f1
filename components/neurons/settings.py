"""What a model's neurons must reach, and how they are named."""

from __future__ import annotations

import dataclasses

ENHANCED_NEURONS = ("named", "chosen", "all")  # see `topiclens.components.neurons.enhancement.enhancement_of`


@dataclasses.dataclass(frozen=True)
class NeuronSettings:
    """How the neurons of LSTM-I are measured, and what they must reach before the model is pushed.

    Args:
        effect_videos: in the captions of this many videos, at most, topics are deleted and inserted; 0 leaves that out.
        min_detectors: how many topics must have a neuron that detects them.
        max_auc_drop: how far the mean AUC may fall below that of the last blessed model; null allows any fall.
    """

    effect_videos: int = 100
    min_detectors: int = 0
    max_auc_drop: float | None = None


@dataclasses.dataclass(frozen=True)
class NeuronEvaluationConfig:
    """What the evaluation of neurons needs; the videos of `split` measure them."""

    neurons: NeuronSettings
    split: str
    seed: int


@dataclasses.dataclass(frozen=True)
class NamingConfig:
    """What the naming of neurons needs, and what a topic adds to them (see `RefinementSettings`)."""

    neurons: str
    cache_dir: str | None
