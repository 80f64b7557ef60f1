"""The DAG, readable top to bottom: from a folder of clips and captions to a pushed captioner."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfx import v1 as tfx

from components.captions.component import CaptionJudge
from components.examples.component import ExamplesJoin
from components.features.component import FeatureExtraction
from components.neurons.component import NeuronJudge, NeuronNaming
from components.pushing.component import Pusher
from components.refinement.component import Refine
from components.relevance.component import ExplanationReport
from components.topics.component import TopicModelling, TopicNaming
from components.topics.governance import Governance
from components.validation.component import ExamplesCheck
from components.videos.component import VideoIngest
from components.vocabulary.component import Vocabulary
from pipeline.configs import Settings
from pipeline.places import NAME, Places
from pipeline.steps import json_of


def create_pipeline(
    settings: Settings,
    places: Places,
    *,
    governance: Governance | None = None,
    corrections: Sequence[Mapping] = (),
    **pipeline_arguments,
) -> tfx.dsl.Pipeline:
    """Builds the whole DAG.

    Args:
        settings: every setting.
        places: where the data, the artifacts and the served versions are.
        governance: what people decided about topics.
        corrections: what people corrected and the model is to be taught, as `repair.corrections.to_teach` gives it; a
            new one re-runs the refinement and what follows it alone.
        pipeline_arguments: what the runner adds (metadata, Beam's arguments).
    """
    dataset = VideoIngest(data=places.data, content=places.content, config_json=json_of(settings, "ingest"))
    rows = dataset.outputs["dataset"]

    features = FeatureExtraction(
        dataset=rows,
        store_dir=places.feature_store,
        config_json=json_of(settings, "feature_extraction", cache_dir=places.cache),
    )
    governance = governance or Governance()
    decided = {"governance": governance.sampling.to_json()} if governance.sampling else {}
    if places.previous_topics:
        decided["previous"] = places.previous_topics
    topics = TopicModelling(dataset=rows, config_json=json_of(settings, "topic_modelling", **decided))
    if places.previous_topics:  # whose topics keep their ids: how many ids there are is known once topics are found
        settings = replace(settings, topics=replace(settings.topics, n_topics=None))
    named, table = [], topics.outputs["topic_model"]
    if governance.names:
        named = [TopicNaming(topic_model=table, governance_json=json.dumps(governance.names.to_json(), sort_keys=True))]
        table = named[0].outputs["named_topics"]
    vocabulary = Vocabulary(dataset=rows, min_count=settings.vocabulary.min_count)

    join = ExamplesJoin(
        dataset=rows,
        features=features.outputs["features"],
        topic_model=topics.outputs["topic_model"],
        n_topics=settings.topics.n_topics or 0,
    )
    examples = join.outputs["examples"]

    statistics = tfx.components.StatisticsGen(examples=examples)
    schema = tfx.components.ImportSchemaGen(schema_file=places.schema)
    anomalies = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    check = ExamplesCheck(
        examples=examples, anomalies=anomalies.outputs["anomalies"], config_json=json_of(settings, "examples_check")
    )

    base_model = []
    if places.base_model:
        base_model = [
            tfx.dsl.Importer(
                source_uri=places.base_model, artifact_type=tfx.types.standard_artifacts.Model
            ).with_id("BaseModel")
        ]
    trainer = tfx.components.Trainer(
        run_fn="trainer.run.run_fn",
        examples=examples,
        transform_graph=vocabulary.outputs["vocabulary"],
        schema=schema.outputs["schema"],
        base_model=base_model[0].outputs["result"] if base_model else None,
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["val"]),
        custom_config={"config_json": json_of(settings, "trainer", work_dir=places.training, cache_dir=places.cache)},
    )
    trainer.add_upstream_node(check)
    model = trainer.outputs["model"]

    naming, names = None, {}
    if settings.model.interpretive_weight:  # LSTM-B never learns f, and without f no neuron has a name
        naming = NeuronNaming(
            model=model,
            examples=examples,
            topic_model=table,
            config_json=json_of(settings, "naming", cache_dir=places.cache),
        )
        model, names = naming.outputs["named_model"], {"links": naming.outputs["links"]}

    judge = CaptionJudge(
        model=model,
        examples=examples,
        topic_model=table,
        baseline_dir=places.baseline,
        config_json=json_of(settings, "judge"),
    )
    blessing = judge.outputs["blessing"]

    neurons, pushed = [], model
    if naming:
        neuron_judge = NeuronJudge(
            model=model,
            examples=examples,
            caption_blessing=blessing,
            baseline_dir=places.baseline,
            logs_dir=os.path.join(places.training, "neurons"),
            config_json=json_of(settings, "neurons"),
            **names,
        )
        refine = Refine(
            model=model,
            examples=examples,
            topic_model=table,
            model_blessing=neuron_judge.outputs["blessing"],
            config_json=json_of(settings, "refinement", corrections=corrections, cache_dir=places.cache),
            **names,
        )
        neurons = [naming, neuron_judge, refine]
        blessing, pushed = refine.outputs["blessing"], refine.outputs["refined_model"]
    pusher = Pusher(
        model=pushed,
        model_blessing=blessing,
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=places.serving)
        ),
    )
    explanations = []
    if settings.explanations.videos > 0:
        explanations = [
            ExplanationReport(
                model=model,
                dataset=rows,
                examples=examples,
                metrics=judge.outputs["metrics"],
                config_json=json_of(settings, "explanations"),
                **names,
            )
        ]
    return tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=os.path.join(places.root, "artifacts"),
        components=[
            dataset, features, topics, *named, vocabulary, join, statistics, schema, anomalies, check,
            *base_model, trainer, judge, *neurons, pusher, *explanations,
        ],  # fmt: skip
        enable_cache=True,
        **pipeline_arguments,
    )
