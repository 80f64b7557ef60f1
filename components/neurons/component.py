"""PDM and the evaluation of neurons as TFX components."""

import os

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing
from tfx.utils import path_utils

from topiclens.components import atlas
from topiclens.components.atlas.pages import write_atlas
from topiclens.components.atlas.survey import survey
from topiclens.components.common.artifacts import NeuronFiguresArtifact, NeuronLinksArtifact, TopicModelArtifact
from topiclens.components.common.blessing import Blessing, mark, read_blessing, write_blessing
from topiclens.components.features.backbones import registry
from topiclens.components.neurons import activations, evaluator
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.effects import drawn, measure_effects, sampled
from topiclens.components.neurons.enhancement import enhancement_of, named_enhancement
from topiclens.components.neurons.figures import measure_neurons
from topiclens.components.neurons.links import LINKS_FILE, TopicLinks, link
from topiclens.components.neurons.pdm import Tally
from topiclens.components.neurons.settings import NamingConfig, NeuronEvaluationConfig
from topiclens.components.neurons.tensorboard import write_neurons
from topiclens.components.neurons.transform import TallyNeurons
from topiclens.components.topics.model import TopicModel
from topiclens.schemas import records
from topiclens.schemas.files import read_json, readable, writable, write_json
from topiclens.schemas.plain import from_json, to_plain
from topiclens.trainer.export import export_again
from topiclens.trainer.exported import EXTRA, read_config, read_meta

_dsl = tfx.dsl.components


@_dsl.component(use_beam=True)
def NeuronNaming(
    model: _dsl.InputArtifact[Model],
    examples: _dsl.InputArtifact[Examples],
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    links: _dsl.OutputArtifact[NeuronLinksArtifact],
    named_model: _dsl.OutputArtifact[Model],
    config_json: _dsl.Parameter[str],
    beam_pipeline: _dsl.BeamComponentParameter[beam.Pipeline] = None,
):
    """Names each neuron of the encoder by a topic, on the training videos.

    ``named_model`` is the model once more, with the signature what_if: what it would say if a topic were there.
    """
    config = from_json(NamingConfig, config_json, "NeuronNaming")
    files = records.files_of(artifact_utils.get_split_uri([examples], "train"))
    with beam_pipeline as p:
        (
            p
            | beam.Create(files)
            | beam.Reshuffle()
            | beam.io.ReadAllFromTFRecord()
            | TallyNeurons(path_utils.serving_model_path(model.uri), baseline=config.naming.baseline)
            | beam.Map(lambda tally, folder: tally.save(folder), links.uri)
        )
    with (
        readable(topic_model.uri) as of_topics,
        readable(path_utils.serving_model_path(model.uri)) as parent,
        writable(path_utils.serving_model_path(named_model.uri)) as folder,
    ):
        counted = Tally.load(links.uri)
        named = link(counted, TopicModel.load(of_topics).topics, config.naming, read_config(parent).topic_neurons)
        named.save(links.uri)
        backbone = registry.of_features(read_meta(parent)["features"], config.cache_dir)
        added = enhancement_of(named, counted, config.neurons)
        topics = [{"id": topic.id, "name": topic.name, "words": topic.words} for topic in named.topics]
        export_again(parent, folder, backbone=backbone, enhancement=added, topics=topics)
        named.save(os.path.join(folder, EXTRA))  # the names go where the model goes


@_dsl.component
def NeuronEvaluator(
    model: _dsl.InputArtifact[Model],
    examples: _dsl.InputArtifact[Examples],
    links: _dsl.InputArtifact[NeuronLinksArtifact],
    topic_model: _dsl.InputArtifact[TopicModelArtifact],
    caption_blessing: _dsl.InputArtifact[ModelBlessing],
    figures: _dsl.OutputArtifact[NeuronFiguresArtifact],
    blessing: _dsl.OutputArtifact[ModelBlessing],
    baseline_dir: _dsl.Parameter[str],
    logs_dir: _dsl.Parameter[str],
    config_json: _dsl.Parameter[str],
):
    """Measures the named neurons on held-out videos, and blesses the model if its captions are blessed too.

    Beside the figures it writes the atlas: a page for each topic and each neuron.
    ``baseline_dir`` keeps the figures and the links of the last blessed model; ``logs_dir`` gets TensorBoard's log.
    """
    config = from_json(NeuronEvaluationConfig, config_json, "NeuronEvaluator")
    split = config.split
    named = TopicLinks.load(links.uri)
    with readable(path_utils.serving_model_path(model.uri)) as folder:
        neurons, decoding = activations.load(folder), read_meta(folder)["decoding"]
    seen_files, files = (records.files_of(artifact_utils.get_split_uri([examples], one)) for one in ("train", split))
    seen = activations.mean_activations(records.read(seen_files), neurons.encode)
    held_out = activations.mean_activations(records.read(files), neurons.encode)
    found = measure_neurons(seen, held_out, named, neurons.f, rng=np.random.default_rng(config.seed))
    effects, counted = None, Tally.load(links.uri)
    if count := config.neurons.effect_videos:
        asked = sampled(held_out.ids, count, config.seed)
        effects = measure_effects(
            BatchedCaptioner(neurons.captioner, **decoding), neurons.vocabulary,
            [video for video in records.read(files) if video.video_id in asked], named,
            named_enhancement(named),
            drawn(records.read(seen_files), count, config.seed), seed=config.seed,
        )  # fmt: skip

    before, previous, changed = None, None, None
    if tf.io.gfile.exists(os.path.join(baseline_dir, LINKS_FILE)):
        before = read_json(os.path.join(baseline_dir, evaluator.FIGURES_FILE))
        previous = TopicLinks.load(baseline_dir), before
        changed = evaluator.find_changes(named, previous[0])
    evaluator.write_report(figures.uri, found, named, changed, effects)
    with readable(topic_model.uri) as folder:
        topics = TopicModel.load(folder)
    entries = survey(
        neurons,
        topics,
        named,
        counted,
        seen,
        held_out,
        found,
        records.read(files),
        split=split,
        previous=previous,
        effects=effects,
    )
    with writable(os.path.join(figures.uri, atlas.FOLDER)) as folder:
        write_atlas(folder, entries)
    write_neurons(logs_dir, counted, named, held_out, os.path.join(figures.uri, atlas.INDEX))

    with readable(caption_blessing.uri) as folder:
        of_captions = read_blessing(folder)
    verdict = Blessing(
        split, of_captions.reasons + evaluator.check_thresholds(found, config.neurons, split=split, previous=before)
    )
    with writable(blessing.uri) as folder:
        write_blessing(folder, verdict)
    if verdict.blessed:
        named.save(baseline_dir)
        write_json(os.path.join(baseline_dir, evaluator.FIGURES_FILE), to_plain(found))
    mark(blessing, verdict)
