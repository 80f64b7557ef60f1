"""What a refinement costs the captions of videos that nobody corrected, and how far it may go for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from components.captions.judge import References, judge
from components.refinement.bench import Bench, Candidate
from schemas.records import VideoRecord

METRICS = ("BLEU-4", "CIDEr")
Refined = TypeVar("Refined")


class CaptionCost:
    """The share of BLEU-4 and of CIDEr, the mean of both, that a candidate's captions of some videos fall short of the
    parent's; less than 0 where they are better.

    Args:
        bench: of the parent.
        videos: with the captions of people. Those of training leave validation to the gate alone.
    """

    def __init__(self, bench: Bench, videos: Sequence[VideoRecord]):
        self._bench, self._videos = bench, videos
        self._references = References({video.video_id: video.captions for video in videos})

    def __call__(self, candidate: Candidate) -> float:
        before, after = (self._metrics(one) for one in (self._bench.untouched, candidate))
        return float(np.mean([(before[m] - after[m]) / before[m] if before[m] else 0.0 for m in METRICS]))

    def _metrics(self, candidate: Candidate) -> dict[str, float]:
        return judge(self._references, self._bench.captions(candidate, self._videos), METRICS).metrics


def furthest(
    mus: Iterable[float],
    teach: Callable[[float], Refined],
    said: Callable[[Refined], int],
    cost: Callable[[Refined], float],
    max_cost: float,
) -> tuple[Refined, float]:
    """The refinement that goes furthest from its parent for what it may cost, and its mu of eq. 10.

    What is taught no more strongly than one video asks for does not hold in others. So all is taken that may be: the
    largest mu, which stays nearest to the parent, begins, and smaller ones follow while they cost no more than allowed.
    One that costs more is taken only where by it more of the corrected videos say what they are to say than by all
    before: the gate has the last word on that.

    Args:
        mus: at least one.
        teach: makes the refinement with a mu.
        said: how many corrected videos say what they are to say by it.
        cost: of it, such as `CaptionCost` tells.
        max_cost: what it may be.
    """
    found, most = None, -1
    for mu in sorted(set(mus), reverse=True):
        refined = teach(mu)
        count = said(refined)
        if count <= most and cost(refined) > max_cost:
            break
        found, most = (refined, mu), max(count, most)
    return found
