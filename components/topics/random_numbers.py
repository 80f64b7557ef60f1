"""Random numbers for compiled loops.

The generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): its state is a
counter, so any number of streams can be begun from a hash of what they are for.
A row of the sampler then draws the same numbers whichever row came before it.
"""

import hashlib

import numpy as np

from topiclens.components.common.compiling import compiled

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


@compiled
def _mix(x):
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@compiled
def begin_stream(state, seed, visit, row):
    """Sets ``state`` (1,) uint64 to the beginning of the stream of one row in one visit."""
    x = _mix(np.uint64(seed) + _GAMMA)
    x = _mix(x ^ (np.uint64(visit) + _GAMMA))
    state[0] = _mix(x ^ (np.uint64(row) + _GAMMA))


@compiled
def _next(state):
    state[0] += _GAMMA
    return _mix(state[0])


@compiled
def uniform(state):
    """A float64 in [0, 1)."""
    return np.float64(_next(state) >> np.uint64(11)) * _TO_UNIT


@compiled
def below(state, n):
    """An integer in 0..n-1, for n < 2^32; the bias is below n / 2^32 (multiply and shift, Lemire 2019)."""
    return np.int64(((_next(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


def seed_of(name: str, seed: int) -> int:
    """The 63-bit seed of a document, by its name: the same on every machine, whatever is sampled beside it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big") >> 1
