"""Which frames to take of a clip: policies, which turn a count of frames into their numbers.

Every policy gives frames in order, without repeats, and fewer than n if the clip has no more.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from topiclens.schemas.features import N_FRAMES

EQUAL, CENTRED, STEP, RANDOM_CLIP = "equal", "centred", "step", "random_clip"
POLICIES = (EQUAL, CENTRED, STEP, RANDOM_CLIP)
WITH_STEP = (STEP, RANDOM_CLIP)


class SamplingError(ValueError):
    """A choice of frames that cannot be made."""


@dataclass(frozen=True)
class Sampling:
    """How the frames that a model sees are chosen; the same for its training and for every clip shown to it.

    What a policy does not use is set back to its default, so that equal choices compare equal.

    Args:
        policy: one of POLICIES: `equal`, `centred`, `step` or `random_clip`.
        n_frames: frames a clip, at most.
        step: the distance between frames that are taken, in the policies WITH_STEP.
        seed: of where random clips begin.
    Raises:
        SamplingError: there is no such policy, or a number is below 1.
    """

    policy: str = EQUAL
    n_frames: int = N_FRAMES
    step: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise SamplingError(f"Expected one of {', '.join(POLICIES)} as the sampling policy, got {self.policy!r}.")
        for name in ("n_frames", "step"):
            if getattr(self, name) < 1:
                raise SamplingError(f"Expected {name} of at least 1, got {getattr(self, name)}.")
        if self.policy not in WITH_STEP:
            object.__setattr__(self, "step", 1)
        if self.policy != RANDOM_CLIP:
            object.__setattr__(self, "seed", 0)

    @classmethod
    def of(cls, entries: Mapping) -> Sampling:
        """From `sampling`, `n_frames`, `step` and `seed` among other entries; missing ones are the default.

        >>> Sampling.of({"backbone": "googlenet", "n_frames": 8})
        Sampling(policy='equal', n_frames=8, step=1, seed=0)
        """
        names = {"policy": "sampling", "n_frames": "n_frames", "step": "step", "seed": "seed"}
        return cls(**{field: entries[name] for field, name in names.items() if name in entries})

    def to_json(self) -> dict:
        """What `of` reads."""
        fields = dataclasses.asdict(self)
        return {"sampling": fields.pop("policy"), **fields}

    @property
    def name(self) -> str:
        """The policy, and its step if it has one."""
        return f"{self.policy} {self.step}" if self.policy in WITH_STEP else self.policy

    def indices(self, total: int, video_id: str) -> tuple[int, ...]:
        """The numbers of the frames to take of a clip of `total` frames.

        The seed and `video_id` decide where a random clip begins, so that every run takes the same frames.
        """
        if self.policy == CENTRED:
            return centred(total, self.n_frames)
        if self.policy == STEP:
            return every(total, self.n_frames, self.step)
        if self.policy == RANDOM_CLIP:
            return random_clip(total, self.n_frames, self.step, _place(self.seed, video_id))
        return equally_spaced(total, self.n_frames)


def equally_spaced(total: int, n: int) -> tuple[int, ...]:
    """The first frame of each of n equal parts of a clip of `total` frames; every frame where total <= n.

    Parts differ by at most one frame, the longer ones come first. This is the sampling of the captioner that the
    paper builds on (Yao et al. 2015, published code).

    >>> equally_spaced(10, 4)
    (0, 3, 6, 8)
    """
    if total <= n:
        return tuple(range(total))
    length, longer = divmod(total, n)
    return tuple(part * length + min(part, longer) for part in range(n))


def centred(total: int, n: int) -> tuple[int, ...]:
    """The middle frame of each of n equal parts of a clip of `total` frames; every frame where total <= n.

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


def random_clip(total: int, n: int, step: int, place: float) -> tuple[int, ...]:
    """n frames, each `step` after the one before, from a random place in a clip of `total` frames: the training
    strategy that Anders et al. (2019) found to draw a model's attention to the borders.

    `place`, random with 0 <= place < 1, is how far into the clip, among all frames that it could begin with.

    >>> random_clip(10, 3, 2, 0.99)
    (5, 7, 9)
    """
    n = _available(total, n, step)
    first = int(place * (total - (n - 1) * step))
    return tuple(range(first, first + n * step, step))


def _available(total: int, n: int, step: int) -> int:
    """How many frames `step` apart a clip of `total` frames has, n at most."""
    if step < 1:
        raise SamplingError(f"Expected at least 1 frame from one sampled frame to the next, got step={step}.")
    return min(n, -(-total // step))


def _place(seed: int, video_id: str) -> float:
    """0 <= place < 1, from a hash: a generator's numbers may change with a new release."""
    digest = hashlib.sha256(f"{seed}:{video_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
