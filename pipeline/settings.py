"""Every setting of the pipeline; and the only reader of those that come from the environment.

A setting is named `section.name` everywhere: here, in `--set`, in the reference. Each section is defined where it is
used, and is put together with the others here.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import itertools
import json
import os
import re
import typing
from collections.abc import Iterable, Iterator

from topiclens.components.captions.settings import EvaluationSettings
from topiclens.components.features.settings import FeatureSettings
from topiclens.components.neurons.settings import NeuronSettings
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.relevance.settings import ExplanationSettings
from topiclens.components.topics.settings import TopicSettings
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.sampling import Sampling
from topiclens.components.videos.settings import DataSettings
from topiclens.pipeline.retired import RETIRED
from topiclens.schemas.plain import from_plain
from topiclens.serving.review.limits import ReviewSettings
from topiclens.trainer.settings import (
    CaptionerSettings,
    DecodingSettings,
    TrainingConfig,
    TrainingSettings,
    VocabularySettings,
)


class SettingError(ValueError):
    """A setting that does not exist or cannot have that value."""


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """How a run uses the machine.

    Args:
        workers: Beam worker processes; 1 runs in the pipeline's own process.
        seed: of everything random: topics, initial weights, the order of the data, the frames of random clips, and
            which videos are drawn to measure neurons.
    """

    workers: int = 1
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings, by section."""

    data: DataSettings = DataSettings()
    limits: DecodingLimits = DecodingLimits()
    features: FeatureSettings = FeatureSettings()
    topics: TopicSettings = TopicSettings()
    vocabulary: VocabularySettings = VocabularySettings()
    model: CaptionerSettings = CaptionerSettings()
    training: TrainingSettings = TrainingSettings()
    decoding: DecodingSettings = DecodingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    neurons: NeuronSettings = NeuronSettings()
    explanations: ExplanationSettings = ExplanationSettings()
    refinement: RefinementSettings = RefinementSettings()
    review: ReviewSettings = ReviewSettings()
    run: RunSettings = RunSettings()

    def changed(self, changes: Iterable[str]) -> Settings:
        """These settings with some of them changed.

        Args:
            changes: `section.name=value` each; a value is a Python or JSON literal, or else text.
        Raises:
            SettingError: there is no such setting, or it cannot have that value.
        """
        settings = self
        for change in changes:
            name, equals, value = change.partition("=")
            section, dot, field = name.strip().partition(".")
            if not (equals and dot):
                raise SettingError(f"Expected section.name=value, got {name.strip()!r}; such as training.epochs=20.")
            settings = settings._with(section, field, _literal(value.strip()))
        return settings

    def _with(self, section: str, field: str, value: object) -> Settings:
        if became := RETIRED.get(f"{section}.{field}"):
            raise SettingError(f"The setting {section}.{field} was removed in 0.2: {became}.")
        sections = [entry.name for entry in dataclasses.fields(self)]
        if section not in sections:
            raise SettingError(f"There is no section {section!r} of settings. {did_you_mean(section, sections)}")
        current = getattr(self, section)
        kinds, names = typing.get_type_hints(type(current)), [entry.name for entry in dataclasses.fields(current)]
        if field not in names:
            raise SettingError(f"There is no setting {section}.{field}. {did_you_mean(field, names)}")
        try:
            changed = dataclasses.replace(current, **{field: from_plain(kinds[field], value, f"{section}.{field}")})
        except ValueError as error:
            raise SettingError(str(error)) from error
        return dataclasses.replace(self, **{section: changed})

    def sampling(self) -> Sampling:
        """Which frames the features step takes of a clip, and whoever shows a clip to the model that comes of it."""
        return self.features.sampled(self.run.seed)

    def training_config(self) -> TrainingConfig:
        """What the trainer is told: the settings of training and those that follow from other sections."""
        return TrainingConfig(**dataclasses.asdict(self.training), n_frames=self.features.n_frames, seed=self.run.seed)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence with the names that are spelt like one that does not exist, or with all where none is."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names)}."


def describe_settings(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Every setting: its name, its value as `--set` takes it, and what its class's docstring says of it."""
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        meanings: dict[str, str] = {}
        for kind in reversed(type(values).__mro__[:-1]):
            meanings.update(_meanings(kind))
        for field in dataclasses.fields(values):
            value = json.dumps(getattr(values, field.name), default=dict)
            yield f"{section.name}.{field.name}", value, meanings[field.name]


def ledger_url() -> str | None:
    """The ledger's URL in `TOPICLENS_LEDGER`, which may hold its password; None where nobody set it."""
    return os.environ.get("TOPICLENS_LEDGER") or None


def cache_folder() -> str:
    """Where downloads are kept: `TOPICLENS_CACHE`, or `.cache/downloads` in the current folder."""
    return os.environ.get("TOPICLENS_CACHE", os.path.join(".cache", "downloads"))


def _literal(text: str) -> typing.Any:
    """What a person wrote for a value: a Python or JSON literal, or else the text itself."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text


def _meanings(section: type) -> dict[str, str]:
    """What a settings class' docstring says of each field, under `Args`."""
    meanings: dict[str, str] = {}
    names: list[str] = []
    text = re.split(r"^(?:Args|Attributes):\n", inspect.cleandoc(section.__doc__ or ""), flags=re.MULTILINE)[1]
    for line in itertools.takewhile(lambda line: line.startswith(" ") or not line, text.splitlines()):
        if entry := re.match(r" {4}(\w+(?:, \w+)*): (.*)", line):
            names = entry[1].split(", ")
            meanings.update(dict.fromkeys(names, entry[2]))
        else:
            meanings.update({name: f"{meanings[name]} {line.strip()}".strip() for name in names})
    return meanings
