"""A real export, tiny and untrained, through the captioner, the stand-in and another beam."""

import dataclasses

import keras
import numpy as np
import pytest

from topiclens.serving.captioner import LocalCaptioner
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import WrongSignature
from topiclens.serving.saved_model import resolve_version
from topiclens.trainer.captioner import Captioner, CaptionerConfig
from topiclens.trainer.decoding import beam_search
from topiclens.trainer.endpoints import explained_beam_search
from topiclens.trainer.export import export, export_again
from topiclens.trainer.relevance import with_relevance
from topiclens.trainer.vocabulary import Vocabulary

DIM = 6


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(base folder, the Keras captioner, its vocabulary) of an export with beam 4."""
    base = tmp_path_factory.mktemp("exported")
    vocabulary = Vocabulary(["a", "dog", "cat", "runs", "sits"])
    keras.utils.set_random_seed(3)
    captioner = Captioner(
        CaptionerConfig(
            vocabulary_size=len(vocabulary),
            feature_dim=DIM,
            n_topics=3,
            encoder_units=5,
            attention_units=5,
            decoder_units=7,
            embedding_units=4,
            topic_units=4,
        )
    )
    features = {"backbone": None, "n_frames": 8, "dim": DIM}
    export(captioner, vocabulary, base / "1", features=features, beam=4, max_words=6)
    return base, captioner, vocabulary


def clips():
    random = np.random.default_rng(0)
    return [random.normal(size=(length, DIM)).astype(np.float32) for length in (8, 3, 5)]


def padded():
    batch = np.zeros((3, 8, DIM), np.float32)
    for row, clip in zip(batch, clips()):
        row[: len(clip)] = clip
    return batch


def test_an_export_captions_in_process_and_served_as_the_model_does(exported, start):
    base, model, vocabulary = exported
    words, log_probs = beam_search(model, padded(), beam=4, max_words=6)
    expected = [vocabulary.decode(row) for row in np.asarray(words)]
    server = start(base)
    with (
        LocalCaptioner(base) as local,
        CaptionClient(server.grpc_address) as grpc,
        CaptionClient(server.rest_address) as rest,
    ):
        for captioner in (local, grpc, rest):
            captions = captioner.caption_all(clips())
            assert [caption.text for caption in captions] == expected
            np.testing.assert_allclose([c.log_prob for c in captions], np.asarray(log_probs), rtol=1e-4)


def test_another_beam_is_exported_from_the_export(exported, tmp_path):
    base, model, vocabulary = exported
    words, log_probs = beam_search(model, padded(), beam=1, max_words=6)
    export_again(resolve_version(base), tmp_path / "greedy", beam=1)
    with LocalCaptioner(tmp_path / "greedy") as greedy:
        captions = greedy.caption_all(clips())
    assert [caption.text for caption in captions] == [vocabulary.decode(row) for row in np.asarray(words)]
    np.testing.assert_allclose([c.log_prob for c in captions], np.asarray(log_probs), rtol=1e-4)


def test_an_explanation_is_the_same_in_keras_in_process_and_served(exported, start):
    base, model, vocabulary = exported
    expected = with_relevance(model, padded(), explained_beam_search(model, padded(), beam=4, max_words=6))
    expected = {name: np.asarray(value) for name, value in expected.items()}
    server = start(base)
    with (
        LocalCaptioner(base) as local,
        CaptionClient(server.grpc_address) as grpc,
        CaptionClient(server.rest_address) as rest,
    ):
        for captioner in (local, grpc, rest):
            captions = [caption.text for caption in captioner.caption_all(clips())]
            for i, (clip, explained) in enumerate(
                zip(clips(), captioner.explain_all(clips(), relevance=True), strict=True)
            ):
                count, length = len(explained.words), len(clip)
                assert explained.text == captions[i] == " ".join(explained.words)
                assert explained.text == vocabulary.decode(expected["words"][i])
                for got, name, shown in (
                    (explained.attention, "attention", np.s_[i, :count, :length]),
                    (explained.activations, "activations", np.s_[i, :length]),
                    (explained.topic_scores, "topic_scores", i),
                    (explained.topic_timeline, "topic_timeline", np.s_[i, :length]),
                    (explained.log_prob, "log_prob", i),
                    (explained.logits, "logits", np.s_[i, :count]),
                    (explained.frame_relevance, "frame_relevance", np.s_[i, :count, :length]),
                    (explained.neuron_relevance, "neuron_relevance", np.s_[i, :count]),
                    (explained.word_relevance, "word_relevance", np.s_[i, :count, :count]),
                ):
                    np.testing.assert_allclose(got, expected[name][shown], rtol=1e-4, atol=1e-6, err_msg=name)
            assert captioner.explain_all(clips()[:1])[0].frame_relevance is None, "it was not asked for"


def test_an_export_from_before_there_was_relevance_is_explained_without(exported, monkeypatch):
    with LocalCaptioner(exported[0]) as local:
        assert local.explain(clips()[0]).frame_relevance is not None
        older = {name: one for name, one in local.signatures.items() if not name.startswith("relevance")}
        monkeypatch.setattr(LocalCaptioner, "signatures", older)
        explained = local.explain(clips()[0])
    assert explained.words and explained.frame_relevance is None and explained.logits is None


def test_a_model_that_learnt_no_topics_serves_no_scores_of_them(exported, tmp_path):
    _, model, vocabulary = exported
    unaware = Captioner(dataclasses.replace(model.config, interpretive_weight=0.0))
    features = {"backbone": None, "n_frames": 8, "dim": DIM}
    export(unaware, vocabulary, tmp_path / "1", features=features, beam=2, max_words=3)
    with LocalCaptioner(tmp_path) as local:
        (explained,) = local.explain_all(clips()[:1])
    assert explained.topic_scores is None and explained.activations.shape == (8, 10)


def test_a_model_without_the_signature_says_what_to_do(toy_versions):
    with LocalCaptioner(toy_versions[1]) as local, pytest.raises(WrongSignature, match="'explain'.*export it again"):
        local.explain_all([np.ones((2, 4), np.float32)])
