"""Which frames to take of a clip: policies from a count of frames to their numbers, besides `reader.equally_spaced`.

Each returns frames in order, without repeats, and fewer than n where the clip has no more to give.
"""

from __future__ import annotations

import numpy as np


def centred(total: int, n: int) -> tuple[int, ...]:
    """The middle frame of each of n equal parts of a clip of `total` frames; every frame where total <= n.

    Neither end of the clip is nearer to a sampled frame than the other.

    >>> centred(10, 4)
    (1, 3, 6, 8)
    """
    if total <= n:
        return tuple(range(total))
    return tuple((2 * part + 1) * total // (2 * n) for part in range(n))


def every(total: int, n: int, step: int) -> tuple[int, ...]:
    """n frames, each `step` after the one before, from the middle of a clip of `total` frames.

    >>> every(10, 3, 2)
    (2, 4, 6)
    """
    n = _available(total, n, step)
    first = (total - (n - 1) * step - 1) // 2
    return tuple(range(first, first + n * step, step))


def random_clip(total: int, n: int, step: int, rng: np.random.Generator) -> tuple[int, ...]:
    """n frames, each `step` after the one before, from anywhere in a clip of `total` frames: the training strategy
    that Anders et al. (2019) found to draw a model's attention to the borders."""
    n = _available(total, n, step)
    first = int(rng.integers(total - (n - 1) * step))
    return tuple(range(first, first + n * step, step))


def _available(total: int, n: int, step: int) -> int:
    """How many frames `step` apart a clip of `total` frames has, n at most."""
    if step < 1:
        raise ValueError(f"Expected at least 1 frame from one sampled frame to the next, got step={step}.")
    return min(n, -(-total // step))
