"""How captions are evaluated, and what they must reach."""

import dataclasses
from collections.abc import Mapping

METRICS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """What a model must reach before it is pushed. The metrics are BLEU-1 to BLEU-4, METEOR, ROUGE-L and CIDEr.

    Args:
        minimum: metric -> the least it may be, such as {"BLEU-4": 0.195, "CIDEr": 0.47}.
        max_drop: metric -> how far it may fall below the last blessed model's, on the same videos and references.
        allow_unmeasured: whether a threshold on a metric that could not be measured (METEOR without Java) is passed
            over. If not, such a model is not blessed, since nothing shows that it deserves it.
        split: the held-out split that decides. The thresholds hold for it, neurons are measured on it, and its clips
            are explained.
        report_splits: splits whose metrics are reported too, where the dataset has them.
    """

    minimum: Mapping[str, float] = dataclasses.field(default_factory=lambda: {"CIDEr": 0.05})
    max_drop: Mapping[str, float] = dataclasses.field(default_factory=dict)
    allow_unmeasured: bool = False
    split: str = "val"
    report_splits: tuple[str, ...] = ("test",)

    def __post_init__(self) -> None:
        for setting in ("minimum", "max_drop"):
            if unknown := sorted(set(getattr(self, setting)) - set(METRICS)):
                raise ValueError(
                    f"The thresholds' `{setting}` names {', '.join(unknown)}; the metrics are {', '.join(METRICS)}."
                )
        for metric, drop in self.max_drop.items():
            if not drop >= 0:
                raise ValueError(f"The thresholds' `max_drop` of {metric} is {drop}; expected 0 or more.")
