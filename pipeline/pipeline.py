"""The DAG, readable top to bottom: from a folder of clips and captions to a pushed captioner."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from tfx import v1 as tfx
from tfx.types.standard_artifacts import Model

from topiclens.components.captions.component import CaptionEvaluator
from topiclens.components.examples.component import ExamplesJoin
from topiclens.components.features.component import FeatureExtraction
from topiclens.components.neurons.component import NeuronEvaluator, NeuronNaming
from topiclens.components.pushing.component import Pusher
from topiclens.components.refinement.component import Refine
from topiclens.components.relevance.component import ExplanationReport
from topiclens.components.topics.component import TopicModelling, TopicNaming
from topiclens.components.topics.governance import Governance
from topiclens.components.validation.component import ExamplesCheck
from topiclens.components.videos.component import CaptionsJoin, VideoIngest
from topiclens.components.vocabulary.component import Vocabulary
from topiclens.pipeline import steps
from topiclens.pipeline.run_metadata import NAME, serving_folder
from topiclens.pipeline.settings import Settings
from topiclens.schemas.plain import to_json


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where a pipeline reads its dataset, `data`, and writes, `root`: local folders or an object store's.

    Args:
        content: a fingerprint of the dataset's content; a new one ingests anew.
        schema: the curated schema, as the machine that runs the steps sees it.
        base_model: an exported model to start training from, or None.
        cache: where downloaded weights are kept, as the machine that runs the steps sees it.
        previous_topics: the folder of the earlier topic model whose ids are kept, or None.
    """

    data: str
    root: str
    content: str
    schema: str = str(resources.files("topiclens.schemas") / "curated.pbtxt")
    base_model: str | None = None
    cache: str | None = None
    previous_topics: str | None = None

    def within(self, *names: str) -> str:
        """A path in the root."""
        return os.path.join(self.root, *names)


def create_pipeline(
    settings: Settings,
    paths: Paths,
    *,
    governance: Governance | None = None,
    corrections: Sequence[Mapping] = (),
    written: Sequence[Mapping] = (),
    **pipeline_arguments: Any,
) -> tfx.dsl.Pipeline:
    """Builds the whole DAG.

    Args:
        governance: what people decided about topics.
        corrections: what people corrected and the model is to be taught, as `list_live_corrections` in
            `repair.corrections` gives them; a new one re-runs the refinement and what follows alone.
        written: captions that people wrote, as `list_written_captions` there gives them; a new one trains anew.
        pipeline_arguments: what the runner adds (metadata, Beam's arguments).
    """
    dag: list[tfx.dsl.components.BaseNode] = []

    def add(step: Any) -> Any:
        """Puts a step behind those that it reads from; returns what later ones read."""
        dag.append(step)
        return step.outputs

    # The dataset's rows; bad videos are set aside.
    config = to_json(steps.ingest(settings))
    rows = add(VideoIngest(data=paths.data, content=paths.content, config_json=config))["dataset"]

    # Finished shards of features outlive runs.
    config = to_json(steps.feature_extraction(settings, paths.cache))
    store = paths.within("feature_store")
    features = add(FeatureExtraction(dataset=rows, store_dir=store, config_json=config))["features"]

    # What people wrote on the review page joins the captions of training videos.
    if written:
        rows = add(CaptionsJoin(dataset=rows, written_json=json.dumps(written, sort_keys=True)))["described"]

    # The topics that label videos; and the same with the names that people gave, which change no label.
    governance = governance or Governance()
    config = to_json(steps.topic_modelling(settings, governance.sampling.to_json(), paths.previous_topics))
    topics = named_topics = add(TopicModelling(dataset=rows, config_json=config))["topic_model"]
    if governance.names:
        names = json.dumps(governance.names.to_json(), sort_keys=True)
        named_topics = add(TopicNaming(topic_model=topics, governance_json=names))["named_topics"]

    # A SequenceExample a video: its frames, captions and topics; and the words that the captioner may say, and those
    # of each topic.
    config = to_json(settings.vocabulary)
    vocabulary = add(Vocabulary(dataset=rows, topic_model=topics, config_json=config))["vocabulary"]
    examples = add(ExamplesJoin(dataset=rows, features=features, topic_model=topics))["examples"]

    # The run stops where the records do not follow the curated schema.
    statistics = add(tfx.components.StatisticsGen(examples=examples))["statistics"]
    schema = add(tfx.components.ImportSchemaGen(schema_file=paths.schema))["schema"]
    anomalies = add(tfx.components.ExampleValidator(statistics=statistics, schema=schema))["anomalies"]
    check = ExamplesCheck(examples=examples, anomalies=anomalies, config_json=to_json(settings.sampling()))
    add(check)

    # The captioner, exported. A killed training goes on from its checkpoints.
    base_model = None
    if paths.base_model:
        importer = tfx.dsl.Importer(source_uri=paths.base_model, artifact_type=Model).with_id("BaseModel")
        base_model = add(importer)["result"]
    trainer = tfx.components.Trainer(
        run_fn="topiclens.components.training.run_fn.run_fn",
        examples=examples,
        transform_graph=vocabulary,
        schema=schema,
        base_model=base_model,
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["val"]),
        custom_config={"config_json": to_json(steps.trainer(settings, paths.within("training"), paths.cache))},
    )
    trainer.add_upstream_node(check)
    model, links = add(trainer)["model"], None

    # Links of topics and neurons. LSTM-B never learns f, and without f no neuron has a name.
    judged = {"examples": examples, "topic_model": named_topics}
    if settings.model.interpretive_weight:
        config = to_json(steps.naming(settings, paths.cache))
        named = add(NeuronNaming(model=model, **judged, config_json=config))
        model, links = named["named_model"], named["links"]

    # Whether captions and neurons suffice, measured against the last blessed model.
    baseline, config = paths.within("baseline"), to_json(settings.evaluation)
    evaluated = add(CaptionEvaluator(model=model, **judged, baseline_dir=baseline, config_json=config))
    refined, blessing, named_neurons = model, evaluated["blessing"], {}
    if links is not None:
        evaluator = NeuronEvaluator(
            model=model,
            **judged,
            links=links,
            caption_blessing=blessing,
            baseline_dir=baseline,
            logs_dir=paths.within("training", "neurons"),
            config_json=to_json(steps.neuron_evaluation(settings)),
        )
        measured = add(evaluator)
        blessing, named_neurons = measured["blessing"], {"links": links, "figures": measured["figures"]}

        # The model that learnt what people corrected; and whether it lost nothing by that.
        config = to_json(steps.refinement(settings, corrections, paths.cache))
        read = {"model": model, "dataset": rows, **judged, "links": links, "model_blessing": blessing}
        taught = add(Refine(**read, config_json=config))
        refined, blessing = taught["refined_model"], taught["blessing"]

    # To the folder of served versions, where the model is blessed.
    folder = tfx.proto.PushDestination.Filesystem(base_directory=serving_folder(paths.root))
    destination = tfx.proto.PushDestination(filesystem=folder)
    add(Pusher(model=refined, model_blessing=blessing, push_destination=destination))

    # A page for each of some held-out videos; with its neurons' names, where they have any.
    if settings.explanations.videos > 0:
        report = ExplanationReport(
            model=model,
            dataset=rows,
            examples=examples,
            metrics=evaluated["metrics"],
            config_json=to_json(steps.explanations(settings)),
            **named_neurons,
        )
        add(report)
    return tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=paths.within("artifacts"),
        components=dag,
        enable_cache=True,
        **pipeline_arguments,
    )
