"""How corrections are taught, and what a refined model must not lose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from topiclens.components.captions.evaluator import METRICS

# Those of `topiclens.components.neurons.enhancement`, which is not imported here: settings need no TensorFlow.
NEURONS = ("named", "chosen", "all")
NEARNESS = ("gates", "weights")  # of `topiclens.components.refinement.nearness`, likewise
# As SQLAlchemy reads a URL: user:password@, or an option of libpq.
_PASSWORD = re.compile(r"://[^:/]*:[^@]+@|[?&](ssl)?password=", re.IGNORECASE)


@dataclass(frozen=True)
class RefinementSettings:
    """How corrections are taught to the encoder, and what the refined model must not lose.

    Args:
        ledger: the URL of the ledger of corrections without a password, such as `postgresql://user@host/name`; None is
            the URL in the environment variable TOPICLENS_LEDGER, or else `corrections.db` in the run's root. The
            password comes from PGPASSWORD or `~/.pgpass`, as for any PostgreSQL client, or from TOPICLENS_LEDGER.
        neurons: which of them a topic enhances: `named`, those that it names, as in the paper; `chosen`, every one that
            it chose in some training video (eq. 9); `all`.
        relative: enhances by what the neurons do in the topic's videos more than in all, not by all that they do there,
            as in the paper; see `topiclens.components.neurons.enhancement`.
        strength_factor: a topic is taught with up to this times the smallest strength at which the corrected video and
            its parts say it; at the smallest itself, the least that is lost in learning loses it again.
        max_strength: the most that a topic is enhanced by; more wants activations beyond -1 and 1, which no LSTM has.
            A correction that needs more is set aside.
        nearness: how it is measured how far the encoder leaves its parent (eq. 10): `gates`, by what its gates are told
            on training videos, or `weights`, as in the paper, to which other values of `mu` belong; see
            `topiclens.components.refinement.nearness`.
        mu: what leaving the parent costs (eq. 10), one number or several to choose from: the smallest that `max_cost`
            allows; see `topiclens.components.refinement.propagation` for the scale. A list of one fixes it.
        max_cost: the share of BLEU-4 and CIDEr, the mean of both, that the captions of training videos may lose while
            mu is chosen; see `topiclens.components.refinement.cost`.
        steps: of L-BFGS, at most.
        max_drop: metric -> how far it may fall on validation.
        max_slice_drop: metric -> how far it may fall on the validation videos of any one topic; a few captions move
            the figures of a few videos more.
        slice_videos: a topic with fewer validation videos is not judged by itself.
        allow_unmeasured: whether a metric that cannot be measured (METEOR without Java) is passed over.
        max_renamed: the share of the named neurons that may change their topic.
        min_votes: of these, only neurons whose topic so many training videos gave them count.
        seed: of the videos that are drawn.
    """

    ledger: str | None = None
    neurons: str = "all"
    relative: bool = True
    strength_factor: float = 2.0
    max_strength: float = 4.0
    nearness: str = NEARNESS[0]
    mu: tuple[float, ...] = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
    max_cost: float = 0.03
    steps: int = 60
    max_drop: Mapping[str, float] = field(default_factory=lambda: {"BLEU-4": 0.005, "METEOR": 0.005, "CIDEr": 0.02})
    max_slice_drop: Mapping[str, float] = field(default_factory=lambda: {"BLEU-4": 0.05, "METEOR": 0.03, "CIDEr": 0.15})
    slice_videos: int = 30
    allow_unmeasured: bool = True
    max_renamed: float = 0.2
    min_votes: int = 3
    seed: int = 0

    def told(self) -> dict:
        """What a rebuild needs of them, for JSON: all but where the ledger is."""
        return {name: value for name, value in asdict(self).items() if name != "ledger"}

    @classmethod
    def of(cls, fields: Mapping) -> RefinementSettings:
        """These settings out of a JSON object that may hold more."""
        known = {name: value for name, value in fields.items() if name in cls.__dataclass_fields__}
        return cls(**{**known, "mu": tuple(known.get("mu", cls.mu))})

    def __post_init__(self):
        if self.ledger is not None and _PASSWORD.search(self.ledger):
            raise ValueError(
                "refinement.ledger holds a password, and settings are kept in files and shown by `ps`. Give the URL "
                "without it, such as postgresql://user@host/name, and the password by PGPASSWORD or ~/.pgpass; or give "
                "the whole URL by the environment variable TOPICLENS_LEDGER."
            )
        if self.neurons not in NEURONS:
            raise ValueError(f"refinement.neurons is {self.neurons!r}; expected one of {', '.join(NEURONS)}.")
        if self.nearness not in NEARNESS:
            raise ValueError(f"refinement.nearness is {self.nearness!r}; expected one of {', '.join(NEARNESS)}.")
        if not self.strength_factor >= 1:
            raise ValueError(f"refinement.strength_factor is {self.strength_factor}; expected 1 or more.")
        if not self.mu or min(self.mu) < 0:
            raise ValueError(f"refinement.mu is {self.mu}; expected numbers of 0 or more, at least one.")
        if not self.max_cost >= 0:
            raise ValueError(f"refinement.max_cost is {self.max_cost}; expected a share of 0 or more, such as 0.03.")
        if self.min_votes < 1:
            raise ValueError(f"refinement.min_votes is {self.min_votes}; expected 1 or more.")
        for name in ("max_drop", "max_slice_drop"):
            for metric, drop in getattr(self, name).items():
                if metric not in METRICS or not drop >= 0:
                    raise ValueError(
                        f"refinement.{name} holds {metric!r}: {drop}; expected, of {', '.join(METRICS)}, falls of 0 or "
                        "more."
                    )
