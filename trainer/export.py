"""A captioner as a SavedModel that TensorFlow Serving answers from, and back from there into Keras.

An export is a folder of
- saved_model.pb and variables/: the signatures, see `export`;
- assets.extra/captioner.json: what the model is made of, its vocabulary, its features, its decoding;
- assets.extra/captioner.weights.h5: the weights by layer;
- assets.extra/enhancement.npy, with `what_if` alone: what each topic adds to the neurons.
"""

import contextlib
import dataclasses
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging as absl_logging
from tensorflow.core.protobuf import saved_model_pb2

from topiclens.schemas.files import write_json
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.endpoints import build_extract, build_text, explained_beam_search, what_if
from topiclens.trainer.exported import (
    ENHANCEMENT_FILE,
    EXTRA,
    FORMAT,
    JSON_FILE,
    WEIGHTS_FILE,
    ExportError,
    read_config,
    read_enhancement,
    read_meta,
    weights_path,
)
from topiclens.trainer.relevance import with_relevance
from topiclens.trainer.topic_neurons import words_that_name
from topiclens.trainer.vocabulary import SPECIAL_WORDS, Vocabulary

# In TensorFlow's own registry, yet nothing a server without this Python process can run.
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def export(
    captioner: Captioner,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    features: Mapping,
    backbone: Any = None,
    enhancement: np.ndarray | None = None,
    topics: Sequence[Mapping] = (),
    beam: int = 5,
    max_words: int = 20,
    length_penalty: float = 0.0,
    extra: Mapping | None = None,
) -> None:
    """Writes a SavedModel: aside first, then renamed, so that `directory` is whole or absent.

    Signatures, every input and output with a leading batch dimension:
        serving_default: `frames` (b, t, dim) float32 -> `caption` (b,) string, `log_prob` (b,) float32.
        explain: `frames` -> `caption`, `log_prob`, `words` (b, max_words) string, "" after the last one, `attention`
            (b, max_words, t), `activations` (b, t, neurons) and, unless the model never learnt f (LSTM-B),
            `topic_scores` (b, n_topics) and `topic_timeline` (b, t, n_topics); see `topiclens.trainer.endpoints`.
        relevance: `frames` -> what `explain` gives, and `logits` (b, max_words), `frame_relevance` (b, max_words, t),
            `neuron_relevance` (b, max_words, neurons) and `word_relevance` (b, max_words, max_words), of the words
            read before; see `topiclens.trainer.relevance.with_relevance`.
        what_if: `frames` and `topic_deltas` (b, n_topics) float32, strengths, 0 leaving a topic as it is -> `caption`,
            `log_prob` and `topic_scores` of the changed video; see `topiclens.trainer.endpoints`.
        what_if_over_time: the same with `topic_deltas` (b, t, n_topics), strengths at each frame.
        about: `question` (b,) string, anything -> `about` (b,) string, what a client must know of the model, as JSON:
            `features` and `topics` of captioner.json, but no path.
        caption_frames, explain_frames, relevance_frames, what_if_frames, what_if_over_time_frames: `frames_jpeg` (b, t)
            string, JPEG bytes, "" where a clip is shorter, in place of `frames` -> the same outputs.

    Args:
        captioner, vocabulary: what is exported.
        directory: must not hold anything yet; its parent is created.
        features: how frames became numbers, such as {"backbone": "googlenet", "n_frames": 28, "dim": 1024,
            "sampling": "equal"}.
        backbone: a `topiclens.components.features` backbone of the same dim; without it no signature takes JPEG.
        enhancement: (n_topics, neurons) float32, what strength 1 of each topic adds to the neurons at every real frame
            (section 4), made of the links; without it there is no `what_if`.
        topics: in order of their ids, each with `id`, `name` and `words`; () where they have no names yet. Of a model
            with topic neurons, the words by which a caption names each are written beside them, as `naming`.
        beam, max_words, length_penalty: see `topiclens.trainer.decoding.beam_search`.
        extra: further entries of captioner.json.
    Raises:
        ExportError: the parts do not fit each other, the place is taken, or an op is not one of TensorFlow's own.
    """
    directory = os.fspath(directory)
    _check(captioner, vocabulary, backbone, enhancement, directory)
    aside = os.path.join(os.path.dirname(os.path.abspath(directory)), f".{os.path.basename(directory)}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    os.makedirs(aside)

    search = {"beam": beam, "max_words": max_words, "length_penalty": length_penalty}
    topics = _with_naming(topics, captioner, vocabulary)
    told = {"features": {name: value for name, value in features.items() if name != "weights"}, "topics": topics}
    archive = _archive(captioner, vocabulary, backbone, enhancement, search, json.dumps(told, ensure_ascii=False))
    verbosity = absl_logging.get_verbosity()
    with contextlib.redirect_stdout(io.StringIO()):  # Keras announces the folder that is about to be renamed
        archive.write_out(aside, verbose=False)
    absl_logging.set_verbosity(verbosity)  # saving turns the log of the whole process down, for good
    assert_core_ops(aside)

    os.makedirs(os.path.join(aside, EXTRA))
    captioner.save_weights(os.path.join(aside, EXTRA, WEIGHTS_FILE))
    if enhancement is not None:
        np.save(os.path.join(aside, EXTRA, ENHANCEMENT_FILE), np.asarray(enhancement, np.float32))
    meta = {
        "format": FORMAT,
        "model": dataclasses.asdict(captioner.config),
        "vocabulary": list(vocabulary),
        "features": dict(features),
        "topics": topics,
        "decoding": search,
        **(extra or {}),
    }
    write_json(os.path.join(aside, EXTRA, JSON_FILE), meta)
    os.replace(aside, directory)


def _with_naming(topics: Sequence[Mapping], captioner: Captioner, vocabulary: Vocabulary) -> list[dict]:
    if not captioner.config.topic_neurons:
        return [dict(topic) for topic in topics]
    naming = words_that_name(np.array(captioner.decoder.naming), tuple(vocabulary))
    return [dict(topic) | {"naming": list(naming[topic["id"]])} for topic in topics]


def export_again(
    parent: str | os.PathLike,
    directory: str | os.PathLike,
    *,
    captioner: Captioner | None = None,
    backbone: Any = None,
    enhancement: np.ndarray | None = None,
    topics: Sequence[Mapping] | None = None,
    extra: Mapping | None = None,
    **decoding: Any,
) -> None:
    """Writes an export once more with something changed; what is not given here stays as it is.

    Everything is traced anew. To load the parent's SavedModel and save its functions with one more would not need the
    backbone, but would tie every model to the graphs of the program that first wrote it.

    Args:
        captioner: of the parent's configuration, with other weights.
        backbone: the parent's own, loaded (captioner.json names it); without it the copy takes features alone.
        extra: entries of captioner.json that are new or changed.
        decoding: of beam, max_words and length_penalty those that change.
    Raises:
        ExportError: as `export` and `load_captioner` raise it.
    """
    loaded, vocabulary, meta = load_captioner(parent)
    known = {"format", "model", "vocabulary", "features", "topics", "decoding"}
    export(
        captioner or loaded,
        vocabulary,
        directory,
        features=meta["features"],
        backbone=backbone,
        enhancement=read_enhancement(parent) if enhancement is None else enhancement,
        topics=meta.get("topics", ()) if topics is None else topics,
        extra={**{name: value for name, value in meta.items() if name not in known}, **(extra or {})},
        **{**meta["decoding"], **decoding},
    )


def load_captioner(directory: str | os.PathLike) -> tuple[Captioner, Vocabulary, dict]:
    """Rebuilds the Keras model of an export: (captioner, vocabulary, the content of captioner.json)."""
    meta = read_meta(directory)
    vocabulary = Vocabulary(meta["vocabulary"][len(SPECIAL_WORDS) :])
    captioner = Captioner(read_config(directory), name="captioner")
    captioner.load_weights(weights_path(directory))
    return captioner, vocabulary, meta


def assert_core_ops(directory: str | os.PathLike) -> None:
    """Checks that a SavedModel has TensorFlow's own ops alone; the ExportError names the others."""
    saved_model = saved_model_pb2.SavedModel()
    with open(os.path.join(os.fspath(directory), "saved_model.pb"), "rb") as file:
        saved_model.ParseFromString(file.read())
    used: set[str] = set()
    for meta_graph in saved_model.meta_graphs:
        library = meta_graph.graph_def.library.function
        nodes = [*meta_graph.graph_def.node, *(node for function in library for node in function.node_def)]
        used |= {node.op for node in nodes} - {function.signature.name for function in library}
    # raw_ops is generated from TensorFlow's own registry, so ops of libraries loaded later are not in it.
    if foreign := sorted(op for op in used if op in _PYTHON_OPS or not hasattr(tf.raw_ops, op)):
        raise ExportError(
            f"The model holds ops that a stock TensorFlow server does not know: {', '.join(foreign)}. They come from a "
            "custom-op library, such as tensorflow-text, or run Python; express them in TensorFlow's own ops."
        )


def _archive(
    captioner: Captioner,
    vocabulary: Vocabulary,
    backbone: Any,
    enhancement: np.ndarray | None,
    search: Mapping,
    about: str,
) -> keras.export.ExportArchive:
    """The signatures that `export` lists, ready to be written."""
    archive, in_text = keras.export.ExportArchive(), build_text(vocabulary)
    archive.track(captioner)
    frames = tf.TensorSpec([None, None, captioner.config.feature_dim], tf.float32, name="frames")
    deltas = tf.TensorSpec([None, captioner.config.n_topics], tf.float32, name="topic_deltas")
    over_time = tf.TensorSpec([None, None, captioner.config.n_topics], tf.float32, name="topic_deltas")
    caption = _graph(lambda frames: in_text(captioner.run(frames, **search)), frames)
    found = _graph(lambda frames: explained_beam_search(captioner, frames, **search), frames)
    explain = _graph(lambda frames: in_text(found(frames), keep_words=True), frames)
    relevance = _graph(
        lambda frames: in_text(with_relevance(captioner, frames, found(frames)), keep_words=True), frames
    )
    archive.add_endpoint("serving_default", lambda frames: caption(frames), [frames])
    archive.add_endpoint("explain", lambda frames: explain(frames), [frames])
    archive.add_endpoint("relevance", lambda frames: relevance(frames), [frames])
    question = tf.TensorSpec([None], tf.string, name="question")
    archive.add_endpoint("about", lambda question: {"about": tf.fill(tf.shape(question), about)}, [question])
    suppose = None
    if enhancement is not None:
        added = np.asarray(enhancement, np.float32)
        suppose = _graph(
            lambda frames, deltas: in_text(what_if(captioner, frames, deltas, added, **search)), frames, over_time
        )
        archive.add_endpoint(
            "what_if", lambda frames, topic_deltas: suppose(frames, topic_deltas[:, None]), [frames, deltas]
        )
        archive.add_endpoint(
            "what_if_over_time", lambda frames, topic_deltas: suppose(frames, topic_deltas), [frames, over_time]
        )
    if backbone is not None:
        archive.track(backbone)
        jpegs = tf.TensorSpec([None, None], tf.string, name="frames_jpeg")
        extract = _graph(build_extract(backbone), jpegs)
        archive.add_endpoint("caption_frames", lambda frames_jpeg: caption(extract(frames_jpeg)), [jpegs])
        archive.add_endpoint("explain_frames", lambda frames_jpeg: explain(extract(frames_jpeg)), [jpegs])
        archive.add_endpoint("relevance_frames", lambda frames_jpeg: relevance(extract(frames_jpeg)), [jpegs])
        if suppose is not None:
            archive.add_endpoint(
                "what_if_frames",
                lambda frames_jpeg, topic_deltas: suppose(extract(frames_jpeg), topic_deltas[:, None]),
                [jpegs, deltas],
            )
            archive.add_endpoint(
                "what_if_over_time_frames",
                lambda frames_jpeg, topic_deltas: suppose(extract(frames_jpeg), topic_deltas),
                [jpegs, over_time],
            )
    return archive


def _graph(function: Callable[..., Any], *inputs: tf.TensorSpec) -> Callable[..., Any]:
    """A function as a graph, traced and stored once for all signatures that call it: tracing is what takes time."""
    return tf.function(function, input_signature=inputs, autograph=False).get_concrete_function()


def _check(
    captioner: Captioner, vocabulary: Vocabulary, backbone: Any, enhancement: np.ndarray | None, directory: str
) -> None:
    config = captioner.config
    if config.vocabulary_size != len(vocabulary):
        raise ExportError(f"The model writes {config.vocabulary_size} words, the vocabulary has {len(vocabulary)}.")
    if backbone is not None and backbone.dim != config.feature_dim:
        raise ExportError(
            f"Backbone {backbone.name} gives {backbone.dim} floats a frame, the model reads {config.feature_dim}; "
            "export with the backbone that made the training features."
        )
    if enhancement is not None:
        if not config.interpretive_weight:
            raise ExportError("The model never learnt topics (LSTM-B): there is none to enhance. Export it without.")
        expected, shape = (config.n_topics, captioner.encoder.n_neurons), np.shape(enhancement)
        if shape != expected or not np.isfinite(enhancement).all():
            raise ExportError(
                f"Expected an enhancement of shape {expected}, (topics, neurons), all finite, got "
                f"{shape if shape != expected else 'one with NaN or infinity'}. "
                "Make it of the links that were made for this model."
            )
    if os.path.isdir(directory) and os.listdir(directory):
        raise ExportError(f"{directory} is not empty; a version is never overwritten. Choose another folder.")
