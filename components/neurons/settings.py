"""What a model's neurons must reach, and how they are named."""

from __future__ import annotations

import dataclasses

BASELINES = ("zero", "mean")
ENHANCED_NEURONS = ("named", "chosen", "all")  # see `topiclens.components.neurons.enhancement.enhancement_of`


@dataclasses.dataclass(frozen=True)
class Naming:
    """How prediction differences name neurons.

    Args:
        baseline: what a neuron is set to where its prediction difference is taken: `zero`, as in eq. 9, or `mean`, its
            mean over the training videos.
        min_votes: a neuron gets its topic's name only if so many videos or more chose it.
    """

    baseline: str = "zero"
    min_votes: int = 1

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise ValueError(f"neurons.baseline is {self.baseline!r}; expected one of {', '.join(BASELINES)}.")
        if self.min_votes < 1:
            raise ValueError(f"neurons.min_votes is {self.min_votes}; expected 1 or more.")


@dataclasses.dataclass(frozen=True)
class NeuronSettings(Naming):
    """How the neurons of LSTM-I are named and measured, and what they must reach before the model is pushed.

    Args:
        effect_videos: in the captions of this many held-out videos, at most, topics are steered and words accounted
            for; as many training videos choose the doses. 0 leaves that out.
        min_detectors: how many topics must have a neuron that detects them.
        max_auc_drop: how far the mean AUC may fall below that of the last blessed model; null allows any fall.
    """

    effect_videos: int = 100
    min_detectors: int = 0
    max_auc_drop: float | None = None

    @property
    def naming(self) -> Naming:
        """The part that names; the rest does not concern the step that does."""
        return Naming(self.baseline, self.min_votes)


@dataclasses.dataclass(frozen=True)
class NeuronEvaluationConfig:
    """What the evaluation of neurons needs; the videos of `split` measure them."""

    neurons: NeuronSettings
    split: str
    seed: int


@dataclasses.dataclass(frozen=True)
class NamingConfig:
    """What the naming of neurons needs, and what a topic adds to them (see `RefinementSettings`)."""

    naming: Naming
    neurons: str
    cache_dir: str | None
