"""The SavedModel: what it answers, what it is made of, and the way back into Keras."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import toy_clips
from topiclens.components.features.backbones.base import Backbone
from topiclens.trainer import decoding
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.endpoints import build_extract, what_if
from topiclens.trainer.export import ExportError, assert_core_ops, export, export_again, load_captioner
from topiclens.trainer.exported import read_config, read_enhancement, read_meta

FEATURES = {"backbone": "tiny", "n_frames": 3, "dim": toy_clips.DIM}
BEAM, MAX_WORDS = 3, 5


@pytest.fixture(scope="module")
def backbone():
    """A network of one convolution, whose features tell pictures apart."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(toy_clips.DIM, 3, activation="relu")(keras.layers.Rescaling(1 / 64)(pixels))
    network = keras.Model(pixels, {"features": keras.layers.GlobalAveragePooling2D()(x)})
    return Backbone("tiny", network, image_size=8, dim=toy_clips.DIM)


@pytest.fixture(scope="module")
def captioner():
    keras.utils.set_random_seed(2)
    return Captioner(toy_clips.model(), name="captioner")


@pytest.fixture(scope="module")
def exported(captioner, backbone, tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "1"
    export(
        captioner, toy_clips.vocabulary(), directory, features=FEATURES, backbone=backbone, beam=BEAM,
        max_words=MAX_WORDS, extra={"training": {"best_epoch": 3}},
    )  # fmt: skip
    return directory


@pytest.fixture(scope="module")
def served(exported):
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def enhancement(captioner):
    shape = captioner.config.n_topics, captioner.encoder.n_neurons
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def named(exported, backbone, enhancement):
    """The export once more, when its neurons have names."""
    directory = exported.parent.parent / "named" / "1"
    export_again(exported, directory, backbone=backbone, enhancement=enhancement)
    return directory


def frames(seed=0):
    """(4, 3, DIM): one clip of 3 frames, one of 2, one of 1, and one without any."""
    clips = np.random.default_rng(seed).normal(size=(4, 3, toy_clips.DIM)).astype(np.float32)
    for row, length in enumerate((3, 2, 1, 0)):
        clips[row, length:] = 0
    return clips


def test_the_default_signature_answers_as_beam_search_in_keras(served, captioner):
    answer = served.signatures["serving_default"](frames=tf.constant(frames()))
    words, log_prob = decoding.beam_search(captioner, frames(), beam=BEAM, max_words=MAX_WORDS)
    expected = [toy_clips.vocabulary().decode(row.tolist()) for row in np.asarray(words)]
    assert [caption.decode() for caption in answer["caption"].numpy()] == expected
    assert any(expected)
    np.testing.assert_allclose(answer["log_prob"], log_prob, rtol=1e-5)


def test_padding_changes_no_answer(served):
    answer = served.signatures["serving_default"]
    padded = np.concatenate([frames(), np.zeros((4, 2, toy_clips.DIM), np.float32)], axis=1)
    for name, value in answer(frames=tf.constant(frames())).items():
        if name == "caption":
            assert answer(frames=tf.constant(padded))[name].numpy().tolist() == value.numpy().tolist()
        else:
            np.testing.assert_allclose(answer(frames=tf.constant(padded))[name], value, rtol=1e-4)


def test_pictures_are_answered_as_their_features(served, backbone):
    rng = np.random.default_rng(3)

    def jpeg(height, width):
        picture = rng.integers(0, 255, (height // 4, width // 4, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
        return tf.io.encode_jpeg(picture).numpy()

    batch = [[jpeg(24, 32), jpeg(48, 20), b""], [b"", jpeg(16, 16), b""], [b"", b"", b""]]
    features = np.zeros((3, 3, toy_clips.DIM), np.float32)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        picture = tf.io.decode_jpeg(batch[i][j], channels=3, dct_method="INTEGER_ACCURATE")
        features[i, j] = backbone(picture[None])[0]
    assert (features[0, 0] != features[0, 1]).any()
    got = served.signatures["caption_frames"](frames_jpeg=tf.constant(batch))
    expected = served.signatures["serving_default"](frames=tf.constant(features))
    assert got["caption"].numpy().tolist() == expected["caption"].numpy().tolist()
    np.testing.assert_allclose(got["log_prob"], expected["log_prob"], rtol=1e-4)


@pytest.mark.parametrize("question", ["explain", "relevance"])
def test_explained_pictures_are_explained_features_and_captioned_alike(question, served, backbone):
    picture = np.random.default_rng(4).integers(0, 255, (16, 24, 3), np.uint8)
    batch = tf.constant([[tf.io.encode_jpeg(picture).numpy(), b""]])
    features = build_extract(backbone)(batch)
    from_pictures = served.signatures[f"{question}_frames"](frames_jpeg=batch)
    from_features = served.signatures[question](frames=features)
    for name, value in from_features.items():
        if value.dtype == tf.string:
            assert from_pictures[name].numpy().tolist() == value.numpy().tolist()
        else:
            np.testing.assert_allclose(from_pictures[name], value, rtol=1e-4, atol=1e-6)
    for name, value in served.signatures["serving_default"](frames=features).items():
        assert value.numpy().tolist() == from_features[name].numpy().tolist()


def test_a_what_if_answers_as_the_enhanced_beam_search_of_features_and_of_pictures(named, captioner, enhancement):
    signatures = tf.saved_model.load(str(named)).signatures
    deltas = np.random.default_rng(6).uniform(-4, 4, (4, captioner.config.n_topics)).astype(np.float32)
    got = signatures["what_if"](frames=tf.constant(frames()), topic_deltas=tf.constant(deltas))
    expected = what_if(captioner, frames(), deltas, enhancement, beam=BEAM, max_words=MAX_WORDS)
    captions = [toy_clips.vocabulary().decode(row.tolist()) for row in np.asarray(expected["words"])]
    assert [caption.decode() for caption in got["caption"].numpy()] == captions
    for name in ("log_prob", "topic_scores"):
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-5, atol=1e-5)
    plain = signatures["serving_default"](frames=tf.constant(frames()))
    same = signatures["what_if"](frames=tf.constant(frames()), topic_deltas=tf.zeros_like(deltas))
    for name, value in plain.items():
        assert same[name].numpy().tolist() == value.numpy().tolist()


def test_a_what_if_of_pictures_is_that_of_their_features(named, backbone):
    signatures = tf.saved_model.load(str(named)).signatures
    picture = np.random.default_rng(4).integers(0, 255, (16, 24, 3), np.uint8)
    jpegs, deltas = tf.constant([[tf.io.encode_jpeg(picture).numpy(), b""]]), tf.constant([[2.0, -1, 0, 0, 0, 3]])
    from_pictures = signatures["what_if_frames"](frames_jpeg=jpegs, topic_deltas=deltas)
    for name, value in signatures["what_if"](frames=build_extract(backbone)(jpegs), topic_deltas=deltas).items():
        if value.dtype == tf.string:
            assert from_pictures[name].numpy().tolist() == value.numpy().tolist()
        else:
            np.testing.assert_allclose(from_pictures[name], value, rtol=1e-4, atol=1e-5)


def test_an_export_written_again_changes_in_what_was_named_alone(exported, named, served, enhancement, tmp_path):
    meta, same = ((folder / "assets.extra" / "captioner.json").read_bytes() for folder in (exported, named))
    assert same == meta
    assert read_enhancement(exported) is None
    np.testing.assert_array_equal(read_enhancement(named), enhancement)
    again = tf.saved_model.load(str(named)).signatures
    assert set(again) == {
        *served.signatures,
        *(f"what_if{what}" for what in ("", "_frames", "_over_time", "_over_time_frames")),
    }
    for name, value in served.signatures["serving_default"](frames=tf.constant(frames())).items():
        assert again["serving_default"](frames=tf.constant(frames()))[name].numpy().tolist() == value.numpy().tolist()
    export_again(named, tmp_path / "greedy", beam=1)
    np.testing.assert_array_equal(read_enhancement(tmp_path / "greedy"), enhancement)
    assert load_captioner(tmp_path / "greedy")[2]["decoding"]["beam"] == 1


def test_an_enhancement_that_is_not_the_models_is_refused(exported, enhancement, captioner, tmp_path):
    with pytest.raises(ExportError, match=r"shape \(6, 22\), \(topics, neurons\), all finite, got \(5, 22\)"):
        export_again(exported, tmp_path / "1", enhancement=enhancement[:5])
    with pytest.raises(ExportError, match="NaN or infinity"):
        export_again(exported, tmp_path / "1", enhancement=enhancement * np.nan)
    unaware = Captioner(toy_clips.model(interpretive_weight=0.0))
    with pytest.raises(ExportError, match="never learnt topics"):
        export(unaware, toy_clips.vocabulary(), tmp_path / "1", features=FEATURES, enhancement=enhancement)
    assert not list(tmp_path.iterdir())


def test_a_model_tells_its_topics_and_its_sampling_and_no_path(exported, tmp_path):
    topics = [{"id": 0, "name": "dance, ü", "words": ["dance"]}]
    features = FEATURES | {"weights": "/a/path", "sampling": "centred"}
    meta = read_meta(exported)
    model, vocabulary, _ = load_captioner(exported)
    words = list(vocabulary)
    naming = np.zeros((len(words), model.config.n_topics), np.float32)
    naming[[7, 5, 6], 0] = 1, 0.5, 0.2  # the last one says too little
    model.decoder.naming.assign(naming)
    export(model, vocabulary, tmp_path / "1", features=features, topics=topics, **meta["decoding"])
    topics[0]["naming"] = [words[7], words[5]]
    export_again(tmp_path / "1", tmp_path / "2")
    for version in ("1", "2"):
        about = tf.saved_model.load(str(tmp_path / version)).signatures["about"]
        (told, again) = about(question=tf.constant(["", "x"]))["about"].numpy()
        assert told == again and json.loads(told) == {"features": FEATURES | {"sampling": "centred"}, "topics": topics}


def test_every_input_and_output_leads_with_the_batch(served):
    caption = {"caption": (tf.string, 1), "log_prob": (tf.float32, 1)}
    explained = caption | {
        "words": (tf.string, 2), "attention": (tf.float32, 3), "activations": (tf.float32, 3),
        "topic_scores": (tf.float32, 2), "topic_timeline": (tf.float32, 3),
    }  # fmt: skip
    relevance = explained | {
        "logits": (tf.float32, 2), "frame_relevance": (tf.float32, 3), "neuron_relevance": (tf.float32, 3),
        "word_relevance": (tf.float32, 3),
    }  # fmt: skip
    of_features = {"serving_default": caption, "explain": explained, "relevance": relevance}
    of_features["about"] = {"about": (tf.string, 1)}
    outputs = of_features | {"caption_frames": caption, "explain_frames": explained, "relevance_frames": relevance}
    assert set(served.signatures) == set(outputs)
    for name, signature in served.signatures.items():
        (spec,) = signature.structured_input_signature[1].values()
        assert spec.shape[0] is None
        got = signature.structured_outputs
        assert {key: (out.dtype, out.shape.rank) for key, out in got.items()} == outputs[name]
        assert all(out.shape[0] is None for out in got.values())


def test_the_keras_model_comes_back_with_its_words_and_its_description(exported, captioner):
    loaded, vocabulary, meta = load_captioner(exported)
    assert vocabulary == toy_clips.vocabulary()
    assert (meta["features"], meta["training"]) == (FEATURES, {"best_epoch": 3})
    assert meta["decoding"] == {"beam": BEAM, "max_words": MAX_WORDS, "length_penalty": 0.0}
    assert loaded.config == captioner.config
    for got, expected in zip(loaded.trainable_variables, captioner.trainable_variables, strict=True):
        np.testing.assert_array_equal(got, expected)


def save(function, path):
    module = tf.Module()
    module.answer = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(path), signatures=module.answer)


def test_an_op_that_needs_python_is_named(tmp_path):
    save(lambda x: tf.cond(tf.size(x) > 1, lambda: tf.numpy_function(lambda v: v, [x], tf.string), lambda: x), tmp_path)
    with pytest.raises(ExportError, match="does not know: (Eager)?PyFunc"):
        assert_core_ops(tmp_path)


def test_an_op_of_a_custom_library_is_named(tmp_path):
    text = pytest.importorskip("tensorflow_text")
    save(lambda x: text.WhitespaceTokenizer().tokenize(x).to_tensor(), tmp_path)
    with pytest.raises(ExportError, match="TFText>"):
        assert_core_ops(tmp_path)


def test_a_version_is_never_overwritten_and_leftovers_do_not_matter(exported, captioner):
    with pytest.raises(ExportError, match="never overwritten"):
        export(captioner, toy_clips.vocabulary(), exported, features=FEATURES)
    assert [path.name for path in exported.parent.iterdir()] == ["1"]


def test_parts_that_do_not_fit_are_refused(captioner, backbone, tmp_path):
    wide = Backbone("wide", backbone.network, image_size=8, dim=toy_clips.DIM + 1)
    with pytest.raises(ExportError, match="Backbone wide gives 7 floats a frame, the model reads 6"):
        export(captioner, toy_clips.vocabulary(), tmp_path / "1", features=FEATURES, backbone=wide)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_export_is_an_error_that_says_what_was_expected(exported, tmp_path):
    with pytest.raises(ExportError, match="expected a folder that `topiclens run` exported"):
        load_captioner(tmp_path)
    (tmp_path / "assets.extra").mkdir()
    meta = json.loads((exported / "assets.extra" / "captioner.json").read_text())
    (tmp_path / "assets.extra" / "captioner.json").write_text(json.dumps(meta | {"format": 99}))
    with pytest.raises(ExportError, match="format 99; this program reads 1"):
        load_captioner(tmp_path)


def test_what_an_export_of_another_version_is_made_of_is_said_or_refused(exported, tmp_path):
    (tmp_path / "assets.extra").mkdir()
    meta = json.loads((exported / "assets.extra" / "captioner.json").read_text())

    def config(**changes):
        model = {name: value for name, value in (meta["model"] | changes).items() if value is not None}
        (tmp_path / "assets.extra" / "captioner.json").write_text(json.dumps(meta | {"model": model}))
        return read_config(tmp_path)

    assert config(topics=None).topics == "mlp"  # from before there were topic neurons
    with pytest.raises(ExportError, match="another version of TopicLens: it has the setting colour"):
        config(colour="red")
