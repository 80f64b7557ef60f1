"""What a gate says of a model: reasons with their numbers, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from topiclens.schemas.tables import markdown_table


@dataclass(frozen=True)
class Reason:
    """One check of a model.

    `check` is its name: a threshold such as `CIDEr minimum`; or, of a refinement, `corrected`, `kept`, `held-out half`,
    `live`, `fine`, `metric`, `neurons` or `teachable`.
    """

    check: str
    met: bool  # whether it lets the model pass
    words: str  # the sentence that says so, with the number and the threshold
    correction: str | None = None  # the id of the one that it is about; None where it is about the model


@dataclass(frozen=True)
class Verdict:
    """What the gate of a refinement says of a candidate. Corrections are named by their ids.

    The cheap checks come first, and after one that is not met the dearer ones are not made.
    """

    blessed: bool  # whether it may be served
    reasons: tuple[Reason, ...]  # for and against, in the order in which they were checked
    culprits: tuple[str, ...] = ()  # without these the rest of the batch passes
    captions: Mapping[str, str] = field(default_factory=dict)  # correction -> its video's caption by the candidate
    # metric -> (the parent's, the candidate's) on validation; empty where the gate did not come so far
    metrics: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    taught: tuple[str, ...] = ()  # that the candidate carries
    set_aside: Mapping[str, str] = field(default_factory=dict)  # correction that cannot be taught -> why
    passing: tuple[str, ...] = ()  # the batch that passes without the culprits
    advice: str = ""  # what to do about a candidate that is not blessed
    mu: float | None = None  # of eq. 10, as it was chosen; None where nothing was taught

    @property
    def all_reasons(self) -> tuple[Reason, ...]:
        """The reasons, and those of what was set aside, which stands in nobody's way as long as something is taught."""
        set_aside = (Reason("teachable", bool(self.taught), words, one) for one, words in self.set_aside.items())
        return (*self.reasons, *set_aside)

    def refusal_of(self, correction: str) -> Reason:
        """Why a correction was refused: it cannot be taught, or the first check of it that is not met, or else all that
        are not met."""
        if correction in self.set_aside:
            return Reason("teachable", False, self.set_aside[correction], correction)
        unmet = [reason for reason in self.reasons if not reason.met]
        own = [reason for reason in unmet if reason.correction == correction][:1]
        of_all = own or [reason for reason in unmet if reason.correction is None] or unmet
        words = " ".join(reason.words for reason in of_all) or self.advice
        return Reason(of_all[0].check if of_all else "", False, words, correction)

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
