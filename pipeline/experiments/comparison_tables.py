"""What a comparison shows: the figures of each model, controls beside them, and differences paired by seed.

Models that are trained with the same seed begin with the same weights of what they share, see the videos in the same
order and are asked the same questions. So their figures are compared seed by seed: what the seeds have in common falls
out of the difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from topiclens.components.neurons.accounts import ACCOUNTS
from topiclens.components.neurons.detection import DETECTION
from topiclens.components.neurons.steering import STEERING
from topiclens.schemas.tables import markdown_table

# The path of each figure in a result, and its name.
CAPTIONS = {name: name for name in ("BLEU-4", "METEOR", "CIDEr")}
FIGURES = {
    **DETECTION,
    **{f"top.{key}": f"{label}, neuron with most votes" for key, label in DETECTION.items()},
    "own_topics": "topics that name their own neuron",
    "detectors": "topics with a detector",
    "selectivity": "selectivity",
    "gini": "Gini",
    "purity": "purity",
    "deletion": "deletion AOPC",
    "deletion_random": "of random neurons",
    "deletion_gradient": "of gradient x input",
    "word_deletion": "deletion AOPC, log p of words",
    "word_deletion_random": "log p, of random neurons",
    "word_deletion_gradient": "log p, of gradient x input",
    **STEERING,
    **ACCOUNTS,
    **CAPTIONS,
}
CONTROLS = {
    "random_names": "random names",
    "best_feature": "best raw feature",
    "linear_map": "linear map of raw features",
    "sparse_1": "any 1 neuron, probed",
    "sparse_5": "any 5 neurons, probed",
}
NO_WORSE = 0.01  # a caption metric is no worse where the interval of its difference lies above minus this
LEVEL = 0.05

Results = Mapping[str, Sequence[Mapping]]  # of each model: the result of each seed, in the order of the seeds


@dataclasses.dataclass(frozen=True)
class Table:
    """A title, what is to be known to read it, and its head and rows."""

    title: str
    note: str
    rows: list[list[str]]


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far one model's figure is above another's, on average over the seeds."""

    mean: float
    half: float  # half the width of its 95 % interval (Student's t, paired by seed); NaN for a single seed
    p: float  # two-sided, by the same t; after `holm`, corrected for the number of figures

    @property
    def is_no_worse(self) -> bool:
        return self.mean - self.half > -NO_WORSE


def value_of(result: Mapping, path: str) -> float | None:
    """The figure of a training; None where it was not measured. KeyError: its result does not know of it."""
    value: Any = result
    for name in path.split("."):
        value = value[name]
    return value


def is_complete(result: Mapping) -> bool:
    """Whether a training was measured with all figures and controls, not by a version that knew fewer."""
    try:
        for path in (*FIGURES, *(f"controls.{name}" for name in CONTROLS)):
            value_of(result, path)
    except KeyError:
        return False
    return True


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half the width of its 95 % interval (Student's t); NaN for a single value."""
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979); NaN stays NaN and does not count."""
    corrected = np.full(len(p), np.nan)
    rising = [place for place in np.argsort(p) if not np.isnan(p[place])]
    steps = [(len(rising) - step) * p[place] for step, place in enumerate(rising)]
    corrected[rising] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def differences(ours: Sequence[Mapping], theirs: Sequence[Mapping]) -> dict[str, Difference]:
    """Ours less theirs in every figure that both have, paired by seed."""
    found = {}
    for path in FIGURES:
        pairs = [(_known(one, path), _known(other, path)) for one, other in zip(ours, theirs)]
        gaps = [one - other for one, other in pairs if one is not None and other is not None]
        if gaps:
            mean, half = interval(gaps)
            found[path] = Difference(mean, half, _p(gaps))
    corrected = holm([one.p for one in found.values()])
    return {path: dataclasses.replace(one, p=p) for (path, one), p in zip(found.items(), corrected)}


def _p(gaps: Sequence[float]) -> float:
    """Of Student's t-test that the mean is 0."""
    if len(gaps) < 2:
        return float("nan")
    if np.ptp(gaps) == 0:
        return float(gaps[0] == 0)
    return float(stats.ttest_1samp(gaps, 0).pvalue)


def _known(result: Mapping, path: str) -> float | None:
    try:
        return value_of(result, path)
    except KeyError:
        return None


def controls_of(of_seeds: Sequence[Mapping]) -> dict[str, list[dict]]:
    """The controls of a model's neurons as further models; they have the figures of detection alone."""
    return {
        label: [one["controls"][key] | {"top": one["controls"][key]} for one in of_seeds]
        for key, label in CONTROLS.items()
    }


def others_of(results: Results, ours: str) -> dict[str, Sequence[Mapping]]:
    """What a model is held against: the other models, and the controls of its own neurons."""
    return {name: of_seeds for name, of_seeds in results.items() if name != ours} | controls_of(results[ours])


def figures_table(results: Results) -> Table:
    """A row for each figure: in each model's column the mean over the seeds and its 95 % interval."""
    rows = [["figure", *results]]
    rows += [[label, *(_shown(of_seeds, path) for of_seeds in results.values())] for path, label in FIGURES.items()]
    rows.append(["seeds", *(str(len(of_seeds)) for of_seeds in results.values())])
    return Table("Figures", "The mean over the seeds and its 95 % interval.", rows)


def controls_table(results: Results) -> Table:
    """A row for each model's named neurons and for each of their controls: the figures of detection."""
    rows = [["model", "detector of a topic", *DETECTION.values()]]
    for name, of_seeds in results.items():
        detectors = {"neurons that it names": of_seeds, "the one with most votes": [one["top"] for one in of_seeds]}
        for label, found in (detectors | controls_of(of_seeds)).items():
            rows.append([name, label, *(_shown(found, path) for path in DETECTION)])
    note = "The same videos and topics. All is chosen and learnt on the training videos."
    return Table("Detection beside its controls", note, rows)


def differences_tables(results: Results, ours: str) -> Iterator[Table]:
    """How far one model is above the others, and above its own controls: a row for each figure that both have."""
    note = (
        f"Paired by seed; ± is half of the 95 % interval (Student's t). * p < {LEVEL:g}, corrected for the figures of "
        f"the column by Holm's method. No worse: the interval lies above -{NO_WORSE:g}, which was named beforehand."
    )
    controls = controls_of(results[ours])
    models = {name: of_seeds for name, of_seeds in results.items() if name != ours}
    for title, others in ((f"{ours} less the other models", models), (f"{ours} less its controls", controls)):
        found = {name: differences(results[ours], other) for name, other in others.items()}
        rows = [["figure", *found]]
        for path in (path for path in FIGURES if any(path in one for one in found.values())):
            rows.append([FIGURES[path], *(_difference(one.get(path), path in CAPTIONS) for one in found.values())])
        yield Table(title, note, rows)


def tables(results: Results, ours: str) -> Iterator[Table]:
    """All tables of a comparison; `ours` is the model that is held against the others."""
    yield from (figures_table(results), controls_table(results), *differences_tables(results, ours))


def as_markdown(found: Iterable[Table]) -> str:
    """Tables under their titles."""
    parts = [f"## {one.title}\n\n{one.note}\n\n{markdown_table(one.rows[0], one.rows[1:])}\n" for one in found]
    return "\n".join(parts)


def _shown(of_seeds: Sequence[Mapping], path: str) -> str:
    values = [value for one in of_seeds if (value := _known(one, path)) is not None]
    if not values:
        return "not measured"
    mean, half = interval(values)
    return f"{mean:.4f}" if np.isnan(half) else f"{mean:.4f} ± {half:.4f}"


def _difference(found: Difference | None, is_caption_metric: bool) -> str:
    if found is None:
        return "–"
    if np.isnan(found.half):
        return f"{found.mean:+.4f}"
    star = " *" if found.p < LEVEL else ""
    no_worse = ", no worse" if is_caption_metric and found.is_no_worse else ""
    return f"{found.mean:+.4f} ± {found.half:.4f}{star}{no_worse}"
