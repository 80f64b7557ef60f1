"""How captions are evaluated, and what they must reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from topiclens.components.captions.blessing import Thresholds


@dataclasses.dataclass(frozen=True)
class EvaluationSettings(Thresholds):
    """What a model must reach before it is pushed. The metrics are BLEU-1 to BLEU-4, METEOR, ROUGE-L and CIDEr.

    Args:
        split: the held-out split that decides. The thresholds hold for it, neurons are measured on it, and its clips
            are explained and reviewed.
        report_splits: splits whose metrics are reported too, where the dataset has them.
    """

    minimum: Mapping[str, float] = dataclasses.field(default_factory=lambda: {"CIDEr": 0.05})
    split: str = "val"
    report_splits: tuple[str, ...] = ("test",)
