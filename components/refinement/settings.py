"""How corrections are taught, and what a refined model must not lose."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from topiclens.components.captions.settings import METRICS
from topiclens.components.neurons.settings import ENHANCED_NEURONS

NEARNESS = ("gates", "weights")  # see `topiclens.components.refinement.nearness`
# As SQLAlchemy reads a URL: user:password@, or an option of libpq.
_PASSWORD = re.compile(r"://[^:/]*:[^@]+@|[?&](ssl)?password=", re.IGNORECASE)


@dataclass(frozen=True)
class RefinementSettings:
    """How corrections are taught to the encoder, and what the refined model must not lose.

    Args:
        ledger: the URL of the ledger of corrections without a password, such as `postgresql://user@host/name`; null is
            the URL in the environment variable TOPICLENS_LEDGER, or else `corrections.db` in the run's root. The
            password comes from PGPASSWORD or `~/.pgpass`, as for any PostgreSQL client, or from TOPICLENS_LEDGER.
        neurons: which neurons a topic enhances: `named`, those that are named by it, as in the paper (a topic neuron by
            1, all others by their mean activation in the topic's videos); `chosen`, every neuron that it chose in some
            training video (eq. 9), and `all`, both by how much more active they are in the topic's videos than in all.
        strength_factor: a topic is taught with up to this many times the smallest strength at which the caption of the
            corrected video, and of its parts, names it. At the smallest itself, the least that learning loses would
            lose it again.
        max_strength: the greatest strength that is tried. A correction that needs more is set aside.
        nearness: how the distance of the encoder from its parent is measured (eq. 10): `gates`, by what its gates
            receive on training videos, or `weights`, as in the paper; each needs its own values of `mu`.
        mu: the weight of that distance (eq. 10): one value, or several, of which the smallest that `max_cost` allows is
            taken.
        max_cost: the share of BLEU-4 and CIDEr, the mean of both, that the captions of training videos may lose while
            `mu` is chosen.
        max_drop: metric -> how far it may fall on validation.
        max_slice_drop: metric -> how far it may fall on the validation videos of any one topic with 30 or more of them;
            larger, because few captions vary more.
        max_renamed: the share of the named neurons that may change their topic.
    """

    # The same for every refinement; no settings.
    steps: typing.ClassVar[int] = 60  # of the optimiser, at most
    slice_videos: typing.ClassVar[int] = 30  # a topic with fewer validation videos is not evaluated by itself
    max_wrong: typing.ClassVar[float] = 0.01  # of other training videos that may name a taught topic which they lack
    min_votes: typing.ClassVar[int] = 3  # a name that fewer training videos gave to a neuron is no name to lose
    allow_unmeasured: typing.ClassVar[bool] = True  # what is measured of neither model (METEOR without Java)
    seed: typing.ClassVar[int] = 0  # of the videos that are drawn

    ledger: str | None = None
    neurons: str = ENHANCED_NEURONS[0]
    strength_factor: float = 1.5
    max_strength: float = 2.0
    nearness: str = NEARNESS[0]
    mu: tuple[float, ...] = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
    max_cost: float = 0.03
    max_drop: Mapping[str, float] = field(default_factory=lambda: {"BLEU-4": 0.005, "METEOR": 0.005, "CIDEr": 0.02})
    max_slice_drop: Mapping[str, float] = field(default_factory=lambda: {"BLEU-4": 0.05, "METEOR": 0.03, "CIDEr": 0.15})
    max_renamed: float = 0.2

    def told(self) -> dict:
        """What a rebuild needs of them, for JSON: all but where the ledger is."""
        return {name: value for name, value in asdict(self).items() if name != "ledger"}

    def __post_init__(self) -> None:
        if self.ledger is not None and _PASSWORD.search(self.ledger):
            raise ValueError(
                "refinement.ledger holds a password, and settings are kept in files and shown by `ps`. Give the URL "
                "without it, such as postgresql://user@host/name, and the password by PGPASSWORD or ~/.pgpass; or give "
                "the whole URL by the environment variable TOPICLENS_LEDGER."
            )
        for name, known in (("neurons", ENHANCED_NEURONS), ("nearness", NEARNESS)):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"refinement.{name} is {value!r}; expected one of {', '.join(known)}.")
        if not self.strength_factor >= 1:
            raise ValueError(f"refinement.strength_factor is {self.strength_factor}; expected 1 or more.")
        if not self.mu or min(self.mu) < 0:
            raise ValueError(f"refinement.mu is {self.mu}; expected numbers of 0 or more, at least one.")
        if not self.max_cost >= 0:
            raise ValueError(f"refinement.max_cost is {self.max_cost}; expected a share of 0 or more, such as 0.03.")
        for name in ("max_drop", "max_slice_drop"):
            for metric, drop in getattr(self, name).items():
                if metric not in METRICS or not drop >= 0:
                    raise ValueError(
                        f"refinement.{name} holds {metric!r}: {drop}; expected, of {', '.join(METRICS)}, falls of 0 or "
                        "more."
                    )


@dataclass(frozen=True)
class RefineConfig:
    """What the refinement step is told, with the corrections as `Correction.to_json` gives them."""

    refinement: RefinementSettings
    corrections: tuple[Mapping[str, typing.Any], ...]
    cache_dir: str | None
