"""What a refinement costs the captions of videos that nobody corrected, and how far it may go for that."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from topiclens.components.captions.evaluator import References, score_captions
from topiclens.components.refinement.candidate_captioner import CandidateCaptioner, RefinedEncoder
from topiclens.schemas.records import VideoRecord

METRICS = ("BLEU-4", "CIDEr")
Refined = TypeVar("Refined")


class CaptionCost:
    """The share of BLEU-4 and of CIDEr, the mean of both, that a candidate's captions of some videos fall short of the
    parent's; less than 0 where they are better.

    Args:
        candidates: of the parent.
        videos: with the captions of people; see `topiclens.components.refinement.nearness.near_and_others`. Those of
            training leave validation to the gate alone.
    """

    def __init__(self, candidates: CandidateCaptioner, videos: Sequence[VideoRecord]):
        self._candidates, self._videos = candidates, videos
        self._references = References({video.video_id: video.captions for video in videos})

    def __call__(self, candidate: RefinedEncoder) -> float:
        before, after = (self._metrics(one) for one in (self._candidates.untouched, candidate))
        return float(np.mean([(before[m] - after[m]) / before[m] if before[m] else 0.0 for m in METRICS]))

    def _metrics(self, candidate: RefinedEncoder) -> dict[str, float]:
        return score_captions(self._references, self._candidates.captions(candidate, self._videos), METRICS)


def furthest(
    mus: Iterable[float],
    teach: Callable[[float], Refined],
    is_said: Callable[[Refined], bool],
    cost: Callable[[Refined], float],
    max_cost: float,
) -> tuple[Refined, float]:
    """The refinement that goes furthest from its parent for what it may cost, and its mu of eq. 10.

    What is taught no more strongly than one video asks for does not hold in others. So all is taken that may be: of the
    mu that cost no more than allowed the smallest, by which the encoder leaves the parent most. It is found by halving
    the range, since what is taught further costs more. Where the corrected videos do not all say by it what they are to
    say, the next by which they do is taken, whatever it costs: the gate has the last word on that.

    Args:
        mus: at least one; the largest may be taken at any cost.
        teach: makes the refinement with a mu.
        is_said: whether all corrected videos say by it what they are to say.
        cost: of it, such as `CaptionCost` tells.
        max_cost: what it may be.
    """
    grid, taught = sorted(set(mus), reverse=True), functools.cache(teach)
    too_dear = bisect.bisect_left(grid, True, lo=1, key=lambda mu: cost(taught(mu)) > max_cost)
    affordable = grid[too_dear - 1]
    mu = next((mu for mu in grid[too_dear - 1 :] if is_said(taught(mu))), affordable)
    return taught(mu), mu
