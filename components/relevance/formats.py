"""How explanations write numbers and times."""

from __future__ import annotations

from topiclens.components.relevance.explanation import Explanation


def clock(seconds: float) -> str:
    """A time within a clip, such as 4.5 s or 1:07."""
    return f"{seconds:.1f}\u00a0s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def moments(explanation: Explanation) -> list[str]:
    """What each frame is called: by its time within the clip or, where no time is known, by its number."""
    if explanation.seconds is None:
        return [f"frame\u00a0{number}" for number in range(1, explanation.frames + 1)]
    return [clock(second) for second in explanation.seconds]


def share(value: float) -> str:
    """A share in per cent."""
    digits = 0 if value >= 0.1 else 1 if value >= 0.001 else 3
    return f"{100 * value:.{digits}f}\u00a0%"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus among them."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")  # + 0.0: zero has no minus
