"""What a gate says of a model: reasons with their numbers, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from topiclens.schemas.tables import markdown_table


@dataclass(frozen=True)
class Reason:
    """One check of a model.

    Attributes:
        check: its name: a threshold such as `CIDEr minimum`; or, of a refinement, `corrected`, `held-out half`, `live`,
            `metric`, `neurons` or `teachable`.
        met: whether it lets the model pass.
        words: the sentence that says so, with the number and the threshold.
        correction: the id of the correction that it is about; None where it is about the model.
    """

    check: str
    met: bool
    words: str
    correction: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gate of a refinement says of a candidate.

    Attributes:
        blessed: whether it may be served.
        reasons: for and against, in the order in which they were checked. The cheap checks come first, and after one
            that is not met the dearer ones are not made.
        culprits: ids of the corrections without which the rest of the batch passes; none where it is blessed.
        captions: correction id -> the caption of its video by the candidate.
        metrics: metric -> (the parent's, the candidate's) on validation; empty where it was not come to.
        taught: ids of the corrections that the candidate carries.
        set_aside: id of a correction that cannot be taught -> why.
        passing: ids of the batch that passes without the culprits.
        advice: in words what to do about a candidate that is not blessed.
        mu: of eq. 10, as it was chosen; None where nothing was taught.
    """

    blessed: bool
    reasons: tuple[Reason, ...]
    culprits: tuple[str, ...] = ()
    captions: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    taught: tuple[str, ...] = ()
    set_aside: Mapping[str, str] = field(default_factory=dict)
    passing: tuple[str, ...] = ()
    advice: str = ""
    mu: float | None = None

    @property
    def all_reasons(self) -> tuple[Reason, ...]:
        """The reasons, and those of what was set aside, which stands in nobody's way as long as something is taught."""
        set_aside = (Reason("teachable", bool(self.taught), words, one) for one, words in self.set_aside.items())
        return (*self.reasons, *set_aside)

    def lines(self) -> Iterator[str]:
        """The verdict as a terminal shows it."""
        yield "blessed" if self.blessed else "not blessed"
        yield from (f"{'+' if reason.met else '-'} {reason.words}" for reason in self.reasons)
        yield from (f"  {words}" for words in self.set_aside.values())
        if self.advice:
            yield self.advice

    def to_markdown(self) -> str:
        verdict, *reasons = self.lines()
        lines = [f"# Refinement: {verdict}", "", *(f"- {line.strip().removeprefix('- ')}" for line in reasons)]
        if self.metrics:
            rows = [(metric, *(f"{value:.4f}" for value in both)) for metric, both in self.metrics.items()]
            lines += ["", markdown_table(("metric", "parent", "candidate"), rows)]
        return "\n".join(lines) + "\n"
