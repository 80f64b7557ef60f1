"""Whether a model's captions are good enough to publish, and why, in words."""

from collections.abc import Callable, Mapping

from topiclens.components.captions.settings import EvaluationSettings
from topiclens.components.common.blessing import Blessing, verdict_of
from topiclens.schemas.verdicts import Reason


def bless(
    figures: Mapping[str, dict],
    thresholds: EvaluationSettings,
    *,
    split: str,
    previous: Mapping[str, dict] | None = None,
) -> Blessing:
    """Holds a model's figures on one split against the thresholds.

    Args:
        figures: the splits' figures, as `report.read_figures` gives them.
        previous: the figures of the last blessed model, if there is one.
    Raises:
        ValueError: the split was not judged.
    """
    if split not in figures:
        judged = ", ".join(figures) or "no split"
        raise ValueError(f"The blessing is to be given on split {split!r}, but {judged} was judged. Judge it too.")
    current, earlier = figures[split], (previous or {}).get(split)

    def hold(metric: str, check: Callable[..., Reason], bound: float) -> Reason:
        if metric not in current["metrics"]:
            return _unmeasured(metric, current, thresholds.allow_unmeasured)
        return check(metric, bound, split, current, earlier)

    reasons = [hold(metric, _minimum, least) for metric, least in thresholds.minimum.items()]
    reasons += [hold(metric, _drop, fall) for metric, fall in thresholds.max_drop.items()]
    if not reasons:
        reasons = [Reason("none", True, f"No threshold is set for {split}: every model that was judged is blessed.")]
    return Blessing(split, tuple(dict.fromkeys(reasons)))


def _minimum(metric: str, least: float, split: str, current: dict, _: object) -> Reason:
    value = current["metrics"][metric]
    passed = value >= least
    words = f"{metric} on {split} is {value:.4f}; at least {least:g} is asked: {verdict_of(passed)}."
    return Reason(f"{metric} minimum", passed, words)


def _drop(metric: str, drop: float, split: str, current: dict, earlier: dict | None) -> Reason:
    name = f"{metric} max_drop"
    if earlier is None:
        return Reason(name, True, f"No blessed model was judged on {split} before; {metric} has nothing to fall below.")
    if earlier["references_sha256"] != current["references_sha256"]:
        words = f"{metric} of the last blessed model is of other videos or references of {split}: it does not compare."
        return Reason(name, True, words)
    if metric not in earlier["metrics"]:
        return Reason(name, True, f"{metric} of the last blessed model was not measured; it has nothing to fall below.")
    value, before = current["metrics"][metric], earlier["metrics"][metric]
    passed = before - value <= drop
    words = (
        f"{metric} on {split} is {value:.4f}, {'down' if value < before else 'up'} {abs(value - before):.4f} from the "
        f"last blessed model's {before:.4f}; a fall of {drop:g} is allowed: {verdict_of(passed)}."
    )
    return Reason(name, passed, words)


def _unmeasured(metric: str, current: dict, passed: bool) -> Reason:
    why = current["not_measured"].get(metric, "it was not asked for")
    verdict = "passed over, as `allow_unmeasured` asks" if passed else "not met, since nothing shows that it is"
    return Reason(f"{metric} measured", passed, f"{metric} not measured: {why}. Its threshold is {verdict}.")
