"""How a dataset's folder is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from topiclens.components.videos.decoding import DecodingLimits


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """How a dataset's folder is read.

    Args:
        layout: `manifest`, `msvd`, `msrvtt` or `flickr8k`; null finds out by itself.
        captions_only: also find topics in captions whose clip is missing.
        max_rejected_fraction: the share of videos that may be unusable; above it the run stops. It is checked when the
            videos are read and again when their features are computed.
        held_out: the share of the training videos for each held-out split, for a dataset without such splits: for
            example `{"val": 0.1, "test": 0.1}`. Segments of one film stay together.
    """

    layout: str | None = None
    captions_only: bool = True
    max_rejected_fraction: float = 0.1
    held_out: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = self.held_out.values()
        if not set(self.held_out) <= {"val", "test"} or not all(share > 0 for share in shares) or sum(shares) >= 1:
            raise ValueError(
                f"data.held_out is {dict(self.held_out)!r}; expected shares of the training videos for val and test, "
                'which leave some to train on: {"val": 0.1, "test": 0.1}.'
            )


@dataclasses.dataclass(frozen=True)
class IngestConfig:
    """The settings of the ingest step."""

    data: DataSettings
    limits: DecodingLimits
