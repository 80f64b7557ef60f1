"""Each step of the DAG is told the settings that it reads."""

import pytest

from topiclens.components.captions.settings import EvaluationSettings
from topiclens.components.features.settings import ExtractionConfig
from topiclens.components.neurons.settings import NamingConfig, NeuronEvaluationConfig
from topiclens.components.refinement.settings import RefineConfig
from topiclens.components.relevance.settings import ExplanationConfig
from topiclens.components.topics.settings import SamplerSettings, TopicModellingConfig
from topiclens.components.training.settings import TrainerConfig
from topiclens.components.videos.sampling import Sampling
from topiclens.components.videos.settings import IngestConfig
from topiclens.pipeline import presets, steps
from topiclens.pipeline import settings as configs
from topiclens.schemas.plain import from_json, to_json
from topiclens.trainer.settings import VocabularySettings

# What each step is told, by the type that it reads it as.
TOLD = {
    IngestConfig: steps.ingest,
    ExtractionConfig: lambda settings: steps.feature_extraction(settings, "cache"),
    TopicModellingConfig: lambda settings: steps.topic_modelling(settings, {"ban": [2]}, "earlier"),
    VocabularySettings: lambda settings: settings.vocabulary,
    Sampling: lambda settings: settings.sampling(),
    TrainerConfig: lambda settings: steps.trainer(settings, "work", "cache"),
    EvaluationSettings: lambda settings: settings.evaluation,
    NamingConfig: lambda settings: steps.naming(settings, None),
    NeuronEvaluationConfig: steps.neuron_evaluation,
    RefineConfig: lambda settings: steps.refinement(settings, [{"topic": 1}], None),
    ExplanationConfig: steps.explanations,
}


def told(kind: type, settings: configs.Settings):
    return from_json(kind, to_json(TOLD[kind](settings)), "the test")


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
@pytest.mark.parametrize("kind", TOLD)
def test_every_step_reads_what_it_is_told_and_equal_settings_are_told_alike(name, kind):
    settings = presets.preset(name)
    again = configs.Settings(**{section: getattr(settings, section) for section in vars(settings)})
    assert to_json(TOLD[kind](settings)) == to_json(TOLD[kind](again)), "or no step would be found in the cache"
    assert told(kind, settings) == TOLD[kind](settings)


def test_a_change_reaches_the_step_and_leaves_the_preset_alone():
    changed = presets.preset("sample").changed(
        ["training.epochs=3", "run.seed=7", 'evaluation.minimum={"CIDEr": 0.4}', "evaluation.split=test"]
    )
    trainer = told(TrainerConfig, changed)
    assert (trainer.training.epochs, trainer.training.seed) == (3, 7)
    assert told(EvaluationSettings, changed).minimum == {"CIDEr": 0.4}
    splits = {told(kind, changed).split for kind in (EvaluationSettings, NeuronEvaluationConfig, ExplanationConfig)}
    assert splits == {"test"}
    assert presets.preset("sample").training.epochs != 3


def test_how_clips_are_sampled_reaches_the_features_step_and_the_exported_model():
    changed = configs.Settings().changed(
        ["features.sampling=random_clip", "features.step=3", "features.n_frames=8", "run.seed=5"]
    )
    sampling = Sampling("random_clip", n_frames=8, step=3, seed=5)
    assert told(ExtractionConfig, changed).sampling == told(TrainerConfig, changed).sampling == sampling
    assert told(TrainerConfig, changed).training.n_frames == 8


def test_a_seed_that_samples_nothing_leaves_the_features_as_they_are():
    before = configs.Settings()
    assert TOLD[ExtractionConfig](before.changed(["run.seed=5"])) == TOLD[ExtractionConfig](before)


def test_the_topics_step_is_told_the_content_of_files_and_not_where_they_are():
    changed = configs.Settings().changed(["topics.alpha=0.1", "topics.governance=g.json", "topics.previous=runs/old"])
    assert told(TopicModellingConfig, changed) == TopicModellingConfig(
        SamplerSettings(alpha=0.1), seed=0, governance={"ban": [2]}, previous="earlier"
    )


def test_the_address_of_the_ledger_is_told_to_nobody():
    changed = configs.Settings().changed(["refinement.ledger=postgresql://ann@host/ledger"])
    assert not any("ann@host" in to_json(tell(changed)) for tell in TOLD.values())
    assert told(RefineConfig, changed).corrections == ({"topic": 1},)
