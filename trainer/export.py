"""A captioner as a SavedModel that TensorFlow Serving answers from, and back from there into Keras.

An export is a folder of
- saved_model.pb and variables/: the signatures `serving_default` and `explain` and, with a backbone, `caption_frames`
  and `explain_frames`;
- assets.extra/captioner.json: what the model is made of, its vocabulary, its features, its decoding;
- assets.extra/captioner.weights.h5: the weights by layer.
"""

import contextlib
import dataclasses
import io
import json
import os
import shutil
from collections.abc import Mapping

import keras
import tensorflow as tf
from absl import logging as absl_logging
from tensorflow.core.protobuf import saved_model_pb2

from trainer.captioner import Captioner
from trainer.decoding import beam_search
from trainer.explaining import explained_beam_search
from trainer.exported import EXTRA, FORMAT, JSON_FILE, WEIGHTS_FILE, ExportError, read_meta, weights_path
from trainer.settings import CaptionerConfig
from trainer.vocabulary import BOS, EOS, PAD, SPECIAL_WORDS, Vocabulary

# In TensorFlow's own registry, yet nothing a server without this Python process can run.
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def export(
    captioner: Captioner,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    features: Mapping,
    backbone=None,
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
            `topic_scores` (b, n_topics); see `trainer.explaining`.
        caption_frames, explain_frames: `frames_jpeg` (b, t) string, JPEG bytes, "" where a clip is shorter -> the same
            outputs.

    Args:
        directory: must not hold anything yet; its parent is created.
        features: how frames became numbers, such as {"backbone": "googlenet", "n_frames": 28, "dim": 1024,
            "sampling": "equal"}.
        backbone: a `components.features` backbone of the same dim; without it no signature takes JPEG.
        beam, max_words, length_penalty: see `trainer.decoding.beam_search`.
        extra: further entries of captioner.json.
    Raises:
        ExportError: the parts do not fit each other, the place is taken, or an op is not one of TensorFlow's own.
    """
    directory = os.fspath(directory)
    _check(captioner, vocabulary, backbone, directory)
    aside = os.path.join(os.path.dirname(os.path.abspath(directory)), f".{os.path.basename(directory)}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    os.makedirs(aside)

    search = {"beam": beam, "max_words": max_words, "length_penalty": length_penalty}
    caption, explain = _captioning(captioner, vocabulary, search), _explaining(captioner, vocabulary, search)
    archive = keras.export.ExportArchive()
    archive.track(captioner)
    frames = tf.TensorSpec([None, None, captioner.config.feature_dim], tf.float32, name="frames")
    archive.add_endpoint("serving_default", caption, [frames])
    archive.add_endpoint("explain", explain, [frames])
    if backbone is not None:
        archive.track(backbone)
        extract = extraction(backbone)
        jpegs = tf.TensorSpec([None, None], tf.string, name="frames_jpeg")
        archive.add_endpoint("caption_frames", lambda frames_jpeg: caption(extract(frames_jpeg)), [jpegs])
        archive.add_endpoint("explain_frames", lambda frames_jpeg: explain(extract(frames_jpeg)), [jpegs])
    verbosity = absl_logging.get_verbosity()
    with contextlib.redirect_stdout(io.StringIO()):  # Keras announces the folder that is about to be renamed
        archive.write_out(aside, verbose=False)
    absl_logging.set_verbosity(verbosity)  # saving turns the log of the whole process down, for good
    assert_core_ops(aside)

    os.makedirs(os.path.join(aside, EXTRA))
    captioner.save_weights(os.path.join(aside, EXTRA, WEIGHTS_FILE))
    meta = {
        "format": FORMAT,
        "model": dataclasses.asdict(captioner.config),
        "vocabulary": list(vocabulary),
        "features": dict(features),
        "decoding": search,
        **(extra or {}),
    }
    with open(os.path.join(aside, EXTRA, JSON_FILE), "w", encoding="utf-8") as file:
        json.dump(meta, file, ensure_ascii=False, indent=1)
    os.replace(aside, directory)


def load_captioner(directory: str | os.PathLike) -> tuple[Captioner, Vocabulary, dict]:
    """Rebuilds the Keras model of an export: (captioner, vocabulary, the content of captioner.json).

    Raises:
        ExportError: `directory` is no export of a captioner, or one of another format.
    """
    meta = read_meta(directory)
    vocabulary = Vocabulary(meta["vocabulary"][len(SPECIAL_WORDS) :])
    captioner = Captioner(CaptionerConfig(**meta["model"]), name="captioner")
    captioner.load_weights(weights_path(directory))
    return captioner, vocabulary, meta


def assert_core_ops(directory: str | os.PathLike) -> None:
    """Checks that a SavedModel runs on a server that has TensorFlow's own ops and nothing else.

    Raises:
        ExportError: names the ops that are not.
    """
    saved_model = saved_model_pb2.SavedModel()
    with open(os.path.join(os.fspath(directory), "saved_model.pb"), "rb") as file:
        saved_model.ParseFromString(file.read())
    foreign = set()
    for meta_graph in saved_model.meta_graphs:
        library = meta_graph.graph_def.library.function
        functions = {function.signature.name for function in library}
        nodes = [*meta_graph.graph_def.node, *(node for function in library for node in function.node_def)]
        foreign |= {node.op for node in nodes if not _is_core(node.op) and node.op not in functions}
    if foreign:
        raise ExportError(
            f"The model holds ops that a stock TensorFlow server does not know: {', '.join(sorted(foreign))}. "
            "They come from a custom-op library, such as tensorflow-text, or run Python; express them in TensorFlow's "
            "own ops."
        )


def _is_core(op: str) -> bool:
    # raw_ops is generated from TensorFlow's own registry, so ops of libraries loaded later are not in it.
    return hasattr(tf.raw_ops, op) and op not in _PYTHON_OPS


def _check(captioner: Captioner, vocabulary: Vocabulary, backbone, directory: str) -> None:
    config = captioner.config
    if config.vocabulary_size != len(vocabulary):
        raise ExportError(f"The model writes {config.vocabulary_size} words, the vocabulary has {len(vocabulary)}.")
    if backbone is not None and backbone.dim != config.feature_dim:
        raise ExportError(
            f"Backbone {backbone.name} gives {backbone.dim} floats a frame, the model reads {config.feature_dim}; "
            "export with the backbone that made the training features."
        )
    if os.path.isdir(directory) and os.listdir(directory):
        raise ExportError(f"{directory} is not empty; a version is never overwritten. Choose another folder.")


def _captioning(captioner: Captioner, vocabulary: Vocabulary, search: Mapping):
    """frames (b, t, dim) -> {"caption": (b,) string, "log_prob": (b,) float32}."""
    texts = _texts(vocabulary)

    def answer(frames):
        words, log_prob = beam_search(captioner, frames, **search)
        return {"caption": _sentences(tf.gather(texts, words)), "log_prob": log_prob}

    return answer


def _explaining(captioner: Captioner, vocabulary: Vocabulary, search: Mapping):
    """frames (b, t, dim) -> what `explained_beam_search` returns, its words as strings, and the captions."""
    texts = _texts(vocabulary)

    def answer(frames):
        explained = explained_beam_search(captioner, frames, **search)
        words = tf.gather(texts, explained["words"])
        return {**explained, "words": words, "caption": _sentences(words)}

    return answer


def _texts(vocabulary: Vocabulary) -> list[str]:
    """The words by number; those that are never shown are empty."""
    silent = {PAD, BOS, EOS}
    return ["" if i in silent else word for i, word in enumerate(vocabulary)]


def _sentences(words: tf.Tensor) -> tf.Tensor:
    """(b, max_words) string, "" after the last one, to (b,)."""
    return tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))


def extraction(backbone):
    """How the signatures that take JPEG see it: a function of frames_jpeg (b, t) string.

    It gives (b, t, dim) float32, all-zero rows where the bytes are empty.

    A frame is decoded and cropped by itself, so sizes may differ; the network sees one video at a time, which bounds
    its memory whatever the batch.
    """
    size, dim = backbone.image_size, backbone.dim

    def prepare(jpeg):
        image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE")
        return backbone.prepare(image[None])[0]

    def of_video(jpegs):
        real = tf.where(tf.strings.length(jpegs) > 0)
        shape = [tf.size(jpegs, tf.int64), dim]

        def extract():
            pictures = tf.map_fn(
                prepare, tf.gather_nd(jpegs, real), fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8)
            )
            return tf.scatter_nd(real, backbone.features(pictures), shape)

        # TensorFlow's fused convolutions answer an empty batch with a wrong shape.
        return tf.cond(tf.shape(real)[0] > 0, extract, lambda: tf.zeros(shape))

    features = tf.TensorSpec([None, dim], tf.float32)
    return lambda frames_jpeg: tf.map_fn(of_video, frames_jpeg, fn_output_signature=features)
