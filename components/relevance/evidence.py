"""How strong the evidence is that frames give for a word, and what of it is particular to this word.

A word's evidence is its relevance of each frame or, where that is not known, its attention. The share of a frame is its
part of all, s_i = r_i / sum_j |r_j|, and carries the sign of what speaks against the word.

- *Uneven* is half of sum_i |s_i - mean s|: how much of the evidence would have to go to other frames for all frames to
  give the same. It has no unit, is 0 where no frame matters more than another, and nears 1 where one frame has it all.
  Below `WEAK_BELOW` the evidence is weak: the better half of the frames holds less than 65 % of it. From `STRONG_FROM`
  on it is strong: the better half holds 85 % and more, where it lies in one half. Between them it is moderate.
- *Particular* is s_i less the mean share of the same frame over the caption's other words. *Apart* is half of the sum
  of its absolute values: how much of the evidence lies elsewhere than that of the other words.
"""

from __future__ import annotations

import numpy as np

from topiclens.schemas.timelines import EvidenceLevel, FrameEvidence

WEAK_BELOW, STRONG_FROM = 0.15, 0.35
_DECIMALS = 6


def frame_evidence(rows: np.ndarray) -> list[FrameEvidence]:
    """The evidence of each word of a caption, of whose rows (words, frames) each is a word's."""
    whole = np.abs(rows).sum(axis=1, keepdims=True)
    shares = rows / np.where(whole > 0, whole, 1)
    uneven = np.abs(shares - shares.mean(axis=1, keepdims=True)).sum(axis=1) / 2
    particular = above_others(shares)
    found = []
    for place, value in enumerate(uneven.tolist()):
        own = () if particular is None else tuple(round(float(one), _DECIMALS) for one in particular[place])
        apart = None if particular is None else round(float(np.abs(particular[place]).sum() / 2), _DECIMALS)
        found.append(FrameEvidence(round(value, _DECIMALS), level_of(value), own, apart))
    return found


def level_of(uneven: float) -> EvidenceLevel:
    if uneven < WEAK_BELOW:
        return EvidenceLevel.WEAK
    return EvidenceLevel.STRONG if uneven >= STRONG_FROM else EvidenceLevel.MODERATE


def above_others(rows: np.ndarray) -> np.ndarray | None:
    """Each row (words, ...) less the mean of the other rows; None where there are no others."""
    count = len(rows)
    return None if count < 2 else (count * rows - rows.sum(axis=0)) / (count - 1)
