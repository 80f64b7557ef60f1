"""The DAG, readable top to bottom: from a folder of clips and captions to a pushed captioner."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from tfx import v1 as tfx
from tfx.types import Channel
from tfx.types.standard_artifacts import Model

from topiclens.components.captions.component import CaptionEvaluator
from topiclens.components.common.config import to_json
from topiclens.components.examples.component import ExamplesJoin
from topiclens.components.features.component import FeatureExtraction
from topiclens.components.neurons.component import NeuronEvaluator, NeuronNaming
from topiclens.components.pushing.component import Pusher
from topiclens.components.refinement.component import Refine
from topiclens.components.relevance.component import ExplanationReport
from topiclens.components.topics.component import TopicModelling, TopicNaming
from topiclens.components.topics.governance import Governance
from topiclens.components.validation.component import ExamplesCheck
from topiclens.components.videos.component import VideoIngest
from topiclens.components.vocabulary.component import Vocabulary
from topiclens.pipeline import steps
from topiclens.pipeline.paths import NAME, Paths
from topiclens.pipeline.settings import Settings


def create_pipeline(
    settings: Settings,
    paths: Paths,
    *,
    governance: Governance | None = None,
    corrections: Sequence[Mapping] = (),
    **pipeline_arguments,
) -> tfx.dsl.Pipeline:
    """Builds the whole DAG.

    Args:
        settings: every setting.
        paths: where the data, the artifacts and the served versions are.
        governance: what people decided about topics.
        corrections: what people corrected and the model is to be taught, as
            `repair.corrections.list_live_corrections` gives them; a new one re-runs the refinement and what follows
            alone.
        pipeline_arguments: what the runner adds (metadata, Beam's arguments).
    """
    dag = _Dag(settings, paths)
    rows = dag.ingest()
    features = dag.extract_features(rows)
    topics, table = dag.find_topics(rows, governance or Governance())
    vocabulary = dag.count_words(rows)
    examples = dag.write_records(rows, features, topics)
    schema, passed = dag.check(examples)
    model, links = dag.train(examples, vocabulary, schema, after=passed), None
    if settings.model.interpretive_weight:  # LSTM-B never learns f, and without f no neuron has a name
        model, links = dag.name_neurons(model, examples, table)
    metrics, blessing = dag.evaluate_captions(model, examples, table)
    refined = model
    if links is not None:
        blessing = dag.evaluate_neurons(model, examples, links, blessing)
        refined, blessing = dag.refine(model, rows, examples, table, links, blessing, corrections)
    dag.push(refined, blessing)
    if settings.explanations.videos > 0:
        dag.explain(model, rows, examples, metrics, links)
    return tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=os.path.join(paths.root, "artifacts"),
        components=dag.steps,
        enable_cache=True,
        **pipeline_arguments,
    )


class _Dag:
    """The steps, each put behind those that it reads from; a method returns what later ones read.

    Args:
        settings, paths: see `create_pipeline`.
    Attributes:
        steps: so far.
    """

    def __init__(self, settings: Settings, paths: Paths):
        self._settings, self._paths = settings, paths
        self.steps: list[tfx.dsl.components.BaseNode] = []

    def _add(self, step):
        self.steps.append(step)
        return step

    def ingest(self) -> Channel:
        """The dataset's rows; bad videos are set aside."""
        config = to_json(steps.ingest(self._settings))
        step = VideoIngest(data=self._paths.data, content=self._paths.content, config_json=config)
        return self._add(step).outputs["dataset"]

    def extract_features(self, rows: Channel) -> Channel:
        """The features of frames."""
        step = FeatureExtraction(
            dataset=rows,
            store_dir=self._paths.feature_store,
            config_json=to_json(steps.feature_extraction(self._settings, self._paths.cache)),
        )
        return self._add(step).outputs["features"]

    def find_topics(self, rows: Channel, governance: Governance) -> tuple[Channel, Channel]:
        """The topics that label videos; and the same with the names that people gave, which change no label."""
        told = steps.topic_modelling(self._settings, governance.sampling.to_json(), self._paths.previous_topics)
        found = self._add(TopicModelling(dataset=rows, config_json=to_json(told))).outputs["topic_model"]
        if not governance.names:
            return found, found
        names = json.dumps(governance.names.to_json(), sort_keys=True)
        return found, self._add(TopicNaming(topic_model=found, governance_json=names)).outputs["named_topics"]

    def count_words(self, rows: Channel) -> Channel:
        """The words that the captioner may say."""
        step = Vocabulary(dataset=rows, config_json=to_json(self._settings.vocabulary))
        return self._add(step).outputs["vocabulary"]

    def write_records(self, rows: Channel, features: Channel, topics: Channel) -> Channel:
        """A SequenceExample a video: its frames, captions and topics."""
        join = ExamplesJoin(dataset=rows, features=features, topic_model=topics)
        return self._add(join).outputs["examples"]

    def check(self, examples: Channel) -> tuple[Channel, ExamplesCheck]:
        """The curated schema; and the step that stops the run where the records do not follow it."""
        statistics = self._add(tfx.components.StatisticsGen(examples=examples))
        imported = self._add(tfx.components.ImportSchemaGen(schema_file=self._paths.schema))
        schema = imported.outputs["schema"]
        validator = tfx.components.ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema)
        anomalies = self._add(validator).outputs["anomalies"]
        config = to_json(self._settings.sampling())
        return schema, self._add(ExamplesCheck(examples=examples, anomalies=anomalies, config_json=config))

    def train(self, examples: Channel, vocabulary: Channel, schema: Channel, after: ExamplesCheck) -> Channel:
        """The captioner, exported; it starts from another model where one was named."""
        base_model = None
        if self._paths.base_model:
            importer = tfx.dsl.Importer(source_uri=self._paths.base_model, artifact_type=Model).with_id("BaseModel")
            base_model = self._add(importer).outputs["result"]
        config = to_json(steps.trainer(self._settings, self._paths.training, self._paths.cache))
        trainer = tfx.components.Trainer(
            run_fn="topiclens.components.training.run_fn.run_fn",
            examples=examples,
            transform_graph=vocabulary,
            schema=schema,
            base_model=base_model,
            train_args=tfx.proto.TrainArgs(splits=["train"]),
            eval_args=tfx.proto.EvalArgs(splits=["val"]),
            custom_config={"config_json": config},
        )
        trainer.add_upstream_node(after)
        return self._add(trainer).outputs["model"]

    def name_neurons(self, model: Channel, examples: Channel, table: Channel) -> tuple[Channel, Channel]:
        """The model with what each topic adds to its neurons; and the links of topics and neurons."""
        naming = NeuronNaming(
            model=model,
            examples=examples,
            topic_model=table,
            config_json=to_json(steps.naming(self._settings, self._paths.cache)),
        )
        return self._add(naming).outputs["named_model"], naming.outputs["links"]

    def evaluate_captions(self, model: Channel, examples: Channel, table: Channel) -> tuple[Channel, Channel]:
        """The metrics of its captions; and whether these suffice."""
        evaluator = CaptionEvaluator(
            model=model,
            examples=examples,
            topic_model=table,
            baseline_dir=self._paths.baseline,
            config_json=to_json(self._settings.evaluation),
        )
        return self._add(evaluator).outputs["metrics"], evaluator.outputs["blessing"]

    def evaluate_neurons(self, model: Channel, examples: Channel, links: Channel, blessing: Channel) -> Channel:
        """Whether its neurons suffice too."""
        evaluator = NeuronEvaluator(
            model=model,
            examples=examples,
            links=links,
            caption_blessing=blessing,
            baseline_dir=self._paths.baseline,
            logs_dir=os.path.join(self._paths.training, "neurons"),
            config_json=to_json(steps.neuron_evaluation(self._settings)),
        )
        return self._add(evaluator).outputs["blessing"]

    def refine(
        self,
        model: Channel,
        rows: Channel,
        examples: Channel,
        table: Channel,
        links: Channel,
        blessing: Channel,
        corrections: Sequence[Mapping],
    ) -> tuple[Channel, Channel]:
        """The model that learnt what people corrected; and whether it lost nothing by that."""
        step = Refine(
            model=model,
            dataset=rows,
            examples=examples,
            topic_model=table,
            links=links,
            model_blessing=blessing,
            config_json=to_json(steps.refinement(self._settings, corrections, self._paths.cache)),
        )
        return self._add(step).outputs["refined_model"], step.outputs["blessing"]

    def push(self, model: Channel, blessing: Channel) -> None:
        """To the folder of served versions, where the model is blessed."""
        folder = tfx.proto.PushDestination.Filesystem(base_directory=self._paths.serving)
        destination = tfx.proto.PushDestination(filesystem=folder)
        self._add(Pusher(model=model, model_blessing=blessing, push_destination=destination))

    def explain(
        self, model: Channel, rows: Channel, examples: Channel, metrics: Channel, links: Channel | None
    ) -> None:
        """A page for each of some held-out videos; with its neurons' names, where they have any."""
        step = ExplanationReport(
            model=model,
            dataset=rows,
            examples=examples,
            metrics=metrics,
            config_json=to_json(steps.explanations(self._settings)),
            **({} if links is None else {"links": links}),
        )
        self._add(step)
