"""Whether a model's neurons are good enough to publish, and which of them changed their meaning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from topiclens.components import atlas
from topiclens.components.common.blessing import verdict_of
from topiclens.components.neurons.detection import DETECTION, METRICS, Detection
from topiclens.components.neurons.effects import CaptionEffects
from topiclens.components.neurons.figures import FEW_VIDEOS, NeuronFigures
from topiclens.components.neurons.links import TopicLinks, remarks
from topiclens.components.neurons.settings import NeuronSettings
from topiclens.schemas.files import write_json, write_text
from topiclens.schemas.tables import markdown_table
from topiclens.schemas.verdicts import Reason

FIGURES_FILE, SUMMARY_FILE = "figures.json", "summary.md"
_SHOWN = 12
_PREFACE = (
    "How well the neurons that topics name tell their topics in held-out videos, on average over the topics, and other "
    "detectors of the same topics. Signs and thresholds are of the training videos. A topic without a neuron counts as "
    "chance."
)


def check_thresholds(
    figures: NeuronFigures, thresholds: NeuronSettings, *, split: str, previous: Mapping | None = None
) -> tuple[Reason, ...]:
    """Holds a model's figures against the thresholds; `previous` are the figures of the last blessed model, as JSON."""
    enough = figures.detectors >= thresholds.min_detectors
    few = f", {figures.few_videos} of them in fewer than {FEW_VIDEOS} videos" if figures.few_videos else ""
    words = (
        f"{figures.detectors} of {figures.topics} topics have a detecting neuron on {split}{few}; at least "
        f"{thresholds.min_detectors} are asked: {verdict_of(enough)}."
    )
    reasons = (Reason("min_detectors", enough, words),)
    if thresholds.max_auc_drop is None:
        return reasons
    return (*reasons, _drop(figures.auc, thresholds.max_auc_drop, split, previous))


def _drop(auc: float | None, allowed: float, split: str, previous: Mapping | None) -> Reason:
    if auc is None:
        return Reason("max_auc_drop", True, f"No topic is to be detected on {split}; AUC was not measured.")
    if previous is None or previous["auc"] is None:
        return Reason(
            "max_auc_drop", True, "No blessed model's neurons were measured before; AUC has nothing to fall below."
        )
    before = previous["auc"]
    passed = before - auc <= allowed
    words = (
        f"The neurons' AUC on {split} is {auc:.4f}, {'down' if auc < before else 'up'} {abs(auc - before):.4f} from "
        f"the last blessed model's {before:.4f}; a fall of {allowed:g} is allowed: {verdict_of(passed)}."
    )
    return Reason("max_auc_drop", passed, words)


@dataclass(frozen=True)
class ChangedMeaning:
    """A neuron whose topic is not what it was; None is no topic."""

    neuron: int
    before: str | None
    after: str | None


def find_changes(links: TopicLinks, previous: TopicLinks) -> list[ChangedMeaning]:
    """The neurons that changed meaning since the previous model.

    Topics are compared by name and words, not by number: a new topic model numbers them anew.
    """
    before, after = _meanings(previous), _meanings(links)
    neurons = range(max(links.n_neurons, previous.n_neurons))
    named = [(neuron, before.get(neuron), after.get(neuron)) for neuron in neurons]
    return [
        ChangedMeaning(neuron, old and old[0], new and new[0])
        for neuron, old, new in named
        if (old and old[1]) != (new and new[1])
    ]


def _meanings(links: TopicLinks) -> dict[int, tuple[str, tuple[str, ...]]]:
    topics = {topic.id: topic for topic in links.topics}
    return {neuron: topics[topic].meaning for neuron, topic in links.topic_of().items()}


def write_report(
    folder: str | os.PathLike,
    figures: NeuronFigures,
    links: TopicLinks,
    changed: list[ChangedMeaning] | None,
    effects: CaptionEffects | None = None,
) -> None:
    """Writes `figures.json` and `summary.md`; `changed` is since the previous model, None where there was none."""
    write_json(os.path.join(folder, FIGURES_FILE), _values(figures, effects))
    write_text(os.path.join(folder, SUMMARY_FILE), format_summary(figures, links, changed, effects))


def format_summary(
    figures: NeuronFigures,
    links: TopicLinks,
    changed: list[ChangedMeaning] | None,
    effects: CaptionEffects | None = None,
) -> str:
    """The figures beside their controls, the best and worst detected topics and what changed, as Markdown."""
    detectors = {"its neurons": figures, "its neuron with most votes": figures.top}
    detectors |= {name.replace("_", " "): one for name, one in figures.controls.items()}
    heads = ("detector of a topic", *DETECTION.values())
    lines = ["# Neurons", "", _PREFACE, ""]
    lines += [markdown_table(heads, [(label, *_shown(one)) for label, one in detectors.items()])]
    lines += ["", remarks(links)[0]]
    if figures.own_topics is not None:
        lines += [f"{figures.own_topics} of {figures.topics} topics name their own neuron with most votes."]
    apart = {"by_topic", "steering_by_topic", "top", "controls", *METRICS}
    others = [(name, _cell(value)) for name, value in _values(figures, effects).items() if name not in apart]
    lines += ["", "## Other figures", "", markdown_table(("figure", "value"), others)]
    names = {topic.id: topic.name for topic in links.topics}
    rows = sorted((row for row in figures.by_topic if row.neurons), key=lambda row: -(row.top.average_precision or 0))
    heads = ("topic", "videos", "neurons", *DETECTION.values())
    for title, chosen in (("Detected best", rows[:_SHOWN]), ("Detected worst", rows[_SHOWN:][-_SHOWN:])):
        few = ["*" if row.videos < FEW_VIDEOS else "" for row in chosen]
        cells = [
            (names[row.id], f"{row.videos}{mark}", row.neurons, *_shown(row.top)) for row, mark in zip(chosen, few)
        ]
        lines += ["", f"## {title}", "", "By the neuron with most votes.", "", markdown_table(heads, cells)]
        lines += ["", f"\\* Fewer than {FEW_VIDEOS} videos: it may be chance."] if any(few) else []
    if changed is not None:
        lines += ["", "## Since the last blessed model", "", f"{len(changed)} neurons changed meaning."]
        lines += [f"- {one.neuron}: {one.before or 'no topic'} → {one.after or 'no topic'}" for one in changed]
    lines += ["", f"[A page for each topic and each neuron]({atlas.INDEX})"]
    return "\n".join(lines) + "\n"


def _values(figures: NeuronFigures, effects: CaptionEffects | None) -> dict:
    return asdict(figures) | (asdict(effects) if effects else {})


def _shown(found: Detection) -> list[str]:
    return [str(_cell(getattr(found, name))) for name in METRICS]


def _cell(value: object) -> object:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else value
