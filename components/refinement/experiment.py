"""The paper's experiment on corrections, as figures and as a table (Dong et al. 2017, section 4).

There, 20 videos with inaccurate captions were corrected in turn: the first half of each video's frames corrected, and
of 17 of the 20 second halves the caption got more accurate words about the topic; BLEU went from 0.446 to 0.449.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.refinement.gate import Half, gained
from topiclens.components.refinement.half_trials import HalfTrial, InaccurateCaption
from topiclens.schemas.plain import to_plain
from topiclens.schemas.tables import markdown_table

PAPER = "the paper: 17 of 20"
_Z = 1.96  # of 95 %


@dataclass(frozen=True)
class Others:
    """What one refinement did to videos that nobody corrected."""

    judged: int
    unchanged: int  # of these, whose caption stays word by word
    # of those judged that do not have the topic and whose captions did not name it: how many, and whose captions do now
    without: int
    wrongly_gained: int


@dataclass(frozen=True)
class Proportion:
    """So many of so many."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, of 95 % (1927)."""
        if not self.of:
            return 0.0, 1.0
        n, share, z = self.of, self.count / self.of, _Z
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def to_json(self) -> dict:
        return {"count": self.count, "of": self.of, "interval": self.interval}

    def __str__(self) -> str:
        low, high = self.interval
        share = f"{self.count / self.of:.1%}" if self.of else "–"
        return f"{self.count} of {self.of} ({share}; {low:.1%} to {high:.1%})"


@dataclass(frozen=True)
class Result:
    """What came of one video."""

    item: InaccurateCaption
    forth: HalfTrial  # the first half corrects and the second tests
    # the other way round, and `forth` with another topic: None where nothing was taught
    back: HalfTrial | None = None
    control_topic: str | None = None
    control: HalfTrial | None = None
    # of the captions by the model refined by the first half
    metrics: Mapping[str, float] | None = None
    others: Others | None = None

    @property
    def enhanced(self) -> bool:
        """Whether some strength brought the topic into the first half."""
        return self.forth.strength is not None


@dataclass(frozen=True)
class Together:
    """All first halves taught at once."""

    tested: Mapping[str, Half]  # video id -> its second half
    metrics: Mapping[str, float]  # of the captions that the refined model writes
    mu: float  # of eq. 10
    seconds: float  # that it took, the metrics not counted


@dataclass(frozen=True)
class Experiment:
    """The whole experiment."""

    parts: str  # what is halved, and how, in words
    # the share of their words that the parent's captions of two halves have in common (Jaccard's index), the mean over
    # all videos: the less the halves show the same, the less of one can hold in the other
    alike: float
    counts: Sequence[tuple[str, int]]  # the rule's stages in words, each with how many it left
    results: Sequence[Result]  # of the videos in the rule's order, even of those that could not be enhanced
    together: Together | None  # None where nothing was taught
    metrics: Mapping[str, float]  # of the parent's captions
    videos: str  # how many of them are judged, and how they were chosen
    settings: Mapping[str, object]
    baseline: Experiment | None = (
        None  # the same on a model that never learnt topics, through an f that was fitted later
    )

    @property
    def enhanced(self) -> list[Result]:
        """Those whose topic some strength brought into the first half."""
        return [result for result in self.results if result.enhanced]

    def figures(self) -> dict:
        """The figures of the experiment, each a count or a mean over the enhanced videos."""
        done = self.enhanced
        words = [result.item.words for result in done]
        forth = [result.forth for result in done]
        back = [(result.item.words, result.back) for result in done if result.back and result.back.tested]
        others, n = [r.others for r in done if r.others], len(done)
        edits = {
            "reliability": Proportion(sum(_gains(w, t.taught) for w, t in zip(words, forth)), n),
            "generality": Proportion(sum(_gains(w, t.tested) for w, t in zip(words, forth)), n),
            "other_topic": Proportion(sum(_gains(r.item.words, r.control.tested) for r in done if r.control), n),
            "losing_a_topic": Proportion(sum(t.lost > 0 for t in forth), n),
            "wrong_gains": Proportion(sum(one.wrongly_gained for one in others), sum(one.without for one in others)),
            "unchanged": Proportion(sum(one.unchanged for one in others), sum(one.judged for one in others)),
        }
        return {
            **{name: proportion.to_json() for name, proportion in edits.items()},
            "enhanced": len(done),
            "not_enhanced": len(self.results) - len(done),
            "second_halves_gained": sum(_gains(w, t.tested) for w, t in zip(words, forth)),
            "first_halves_gained": sum(_gains(w, t.taught) for w, t in zip(words, forth)),
            "second_halves_by_both_measures": sum(_rises(t.tested) for t in forth if t.tested),
            "back_taught": len(back),
            "back_gained": sum(_gains(w, t.tested) for w, t in back),
            "control_gained": sum(_gains(r.item.words, r.control.tested) for r in done if r.control),
            "together_gained": None
            if self.together is None
            else sum(_gains(w, self.together.tested[r.item.video_id]) for w, r in zip(words, done)),
            "seconds": _mean(t.seconds for t in forth),
            "topic_score": _pair(t.tested.scores for t in forth if t.tested),
            "expected_words": _pair(t.tested.expected for t in forth if t.tested),
            "control_expected_words": _pair(r.control.tested.expected for r in done if r.control and r.control.tested),
            "taken_in": _mean(1 - t.left / t.asked for t in forth if t.asked),
            "unreachable": _mean(t.least / t.asked for t in forth if t.asked),
        }

    def to_json(self) -> dict:
        rule = [{"stage": stage, "left": count} for stage, count in self.counts]
        fields = {name: value for name, value in vars(self).items() if name not in ("counts", "baseline")}
        baseline = None if self.baseline is None else self.baseline.to_json()
        return {"figures": self.figures(), "rule": rule, **to_plain(fields), "baseline": baseline}

    def to_markdown(self) -> str:
        """The experiment as a person reads it."""
        lines = ["# Corrections: one half corrects, the other tests", "", f"What is halved: {self.parts}."]
        lines += [f"The captions of two halves have {self.alike:.0%} of their words in common.", ""]
        lines += [*self._findings(), *self._edits(), "", "## Videos with an inaccurate caption, by rule", ""]
        tried = ("tried in this order", len(self.results))
        brought = ("of which a strength brings the topic into the first half", len(self.enhanced))
        lines += [markdown_table(("stage", "left"), [*self.counts, tried, brought])]
        lines += ["", "## Metrics after each", "", f"Of {self.videos}.", "", self._metrics()]
        lines += ["", "## Each video", "", self._videos()]
        if len(self.enhanced) < len(self.results):
            lines += ["", "## Topics that no strength brings in", ""]
            lines += [f"- {result.item.video_id}: {result.forth.why}" for result in self.results if not result.enhanced]
        lines += ["", "## Settings", "", *(f"- `{name}` = {value}" for name, value in self.settings.items())]
        return "\n".join(lines) + "\n"

    def _findings(self) -> Iterator[str]:
        found = self.figures()
        n = found["enhanced"]
        if not n:
            yield "No video could be enhanced, so nothing was taught."
            return
        yield f"- **{found['second_halves_gained']} of {n} second halves gain a word that names the topic** ({PAPER})."
        yield f"- Of the first halves, which corrected, {found['first_halves_gained']} of {n} say it."
        yield f"- The other way round, {found['back_gained']} of {found['back_taught']} first halves gain a word."
        if found["together_gained"] is not None:
            yield f"- All taught at once, {found['together_gained']} of {n} second halves gain a word."
        yield (
            f"- Control: with another topic taught in its place, {found['control_gained']} of {n} second halves gain a "
            "word of the right one."
        )
        before, after = found["expected_words"]
        _, other = found["control_expected_words"] or (None, float("nan"))
        yield (
            f"- Words of the topic that the model expects on its way along a second half's caption: {before:.3f} "
            f"before, {after:.3f} after, {other:.3f} after the control."
        )
        before, after = found["topic_score"]
        yield f"- The topic's score in the second halves: {before:.3f} before, {after:.3f} after."
        yield f"- {found['second_halves_by_both_measures']} of {n} second halves rise by both of these measures."
        yield (
            f"- The encoder takes in {found['taken_in']:.0%} of what is asked for; {found['unreachable']:.0%} lies "
            "beyond what its neurons can say."
        )
        yield f"- {found['seconds']:.1f} s a correction, on average."

    def _edits(self) -> Iterator[str]:
        """The table of reliability, generality and locality, as benchmarks of editing report them."""
        models = {"this model": self} | ({} if self.baseline is None else {"without topics": self.baseline})
        figures = {name: one.figures() for name, one in models.items()}
        rows = []
        for key, words in _EDITS.items():
            cells = (Proportion(found[key]["count"], found[key]["of"]) for found in figures.values())
            rows.append((words, *map(str, cells)))
        yield from ("", "With intervals of 95 % (Wilson):", "", markdown_table(("", *figures), rows))

    def _metrics(self) -> str:
        names = list(self.metrics)
        refined = [result.metrics for result in self.enhanced if result.metrics]
        rows: list[tuple[str, Mapping[str, float]]] = [("before", self.metrics)]
        if refined:
            for word, of in (("mean", np.mean), ("worst", np.min), ("best", np.max)):
                values = {name: float(of([metrics.get(name, np.nan) for metrics in refined])) for name in names}
                rows.append((f"after one correction, the {word}", values))
        if self.together is not None:
            rows.append(("after all at once", self.together.metrics))
        cells = [(label, *(f"{values.get(name, np.nan):.4f}" for name in names)) for label, values in rows]
        return markdown_table(("captions", *names), cells)

    def _videos(self) -> str:
        names = list(self.metrics)
        heads = ["video", "missing topic", "said by", "corrects → tests", "the half that corrects",
                  "the half that tests", "gains", "strength", "mu", "s", "control gains", *names]  # fmt: skip
        rows = []
        for result in self.enhanced:
            item = result.item
            for trial in (result.forth, result.back):
                if trial is None or trial.taught is None or trial.tested is None:
                    continue
                only_forth = [""] * (1 + len(names))
                if trial is result.forth and result.control and result.control.tested and result.metrics:
                    controlled = f"{_words(item.words, result.control.tested)} ({result.control_topic})"
                    only_forth = [controlled, *(f"{result.metrics.get(name, np.nan):.4f}" for name in names)]
                who = (item.video_id, item.name, f"{item.references} of {item.of}", trial.direction)
                said = (_change(trial.taught), _change(trial.tested), _words(item.words, trial.tested))
                numbers = (f"{trial.strength:g}", f"{trial.mu:g}", f"{trial.seconds:.1f}")
                rows.append((*who, *said, *numbers, *only_forth))
        return markdown_table(heads, rows)


_EDITS = {
    "reliability": "reliability: the half that corrects names the topic",
    "generality": "generality: the other half names it too",
    "other_topic": "control: it does when another topic is taught",
    "losing_a_topic": "the other half loses a topic that it rightly named",
    "wrong_gains": "locality: other videos without the topic wrongly name it",
    "unchanged": "locality: captions of other videos that stay word by word",
}


def _gains(words: Sequence[str], half: Half | None) -> bool:
    return half is not None and bool(gained(words, *half.captions))


def _rises(half: Half) -> bool:
    return half.scores[1] > half.scores[0] and half.expected[1] > half.expected[0]


def _words(words: Sequence[str], half: Half) -> str:
    return ", ".join(gained(words, *half.captions)) or "–"


def _change(half: Half) -> str:
    before, after = half.captions
    return f"{before} → {after}" if after != before else f"{before} (stays)"


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return float(np.mean(values)) if values else None


def _pair(pairs: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    pairs = list(pairs)
    return tuple(np.mean(pairs, axis=0).tolist()) if pairs else None
