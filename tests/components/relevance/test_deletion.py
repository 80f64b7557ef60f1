"""Deletion curves, on scores worked by hand and on a captioner of which it is known what it looks at."""

import numpy as np
import pytest

from tests.trainer.numpy_captioner import NumpyCaptioner, tiny_captioner
from topiclens.components.relevance.reading import ModelReader, deletion_curve, deletion_curves, explain, mean_drop
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.export import export
from topiclens.trainer.relevance import propagate_relevance
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import BOS, Vocabulary

WORD = 5


def captioner_that_looks_at_feature_0(seed):
    """Its neuron 0 shows feature 0 of its frame, and WORD is read off that neuron; all else is random."""
    model = Captioner(
        CaptionerConfig(vocabulary_size=8, feature_dim=4, n_topics=2, encoder_units=5, attention_units=3,
                        decoder_units=6, embedding_units=4, topics="mlp", topic_units=3)
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.2, size=variable.shape))
    kernel, recurrent_kernel, bias = model.encoder.forward.get_weights()
    units = np.arange(4) * 5  # neuron 0 in the gates i, f, g, o
    kernel[:, units], recurrent_kernel[:, units], bias[units] = 0, 0, [9, -9, 0, 9]
    kernel[0, units[2]] = 2
    model.encoder.forward.set_weights([kernel, recurrent_kernel, bias])
    readout, readout_bias = model.decoder.readout.get_weights()
    readout[6, WORD] = 6  # after h_t, the context begins with neuron 0
    model.decoder.readout.set_weights([readout, readout_bias])
    return model


@pytest.mark.parametrize("seed", range(4))
def test_frames_known_to_matter_are_found_and_deleting_them_hurts_more_than_chance(seed):
    model, rng = captioner_that_looks_at_feature_0(seed), np.random.default_rng(seed)
    frames = rng.normal(size=(10, 4))
    shown = rng.choice(10, size=3, replace=False)
    frames[:, 0] = 0
    frames[shown, 0] = 1.5
    caption = [4, WORD]
    relevance = explain(model, frames, caption).frames[1]
    assert set(np.argsort(-relevance)[:3]) == set(shown)

    def logits(clips):
        return propagate_relevance(model, clips.astype(np.float32), np.tile(np.int32(caption), (len(clips), 1)))[
            "scores"
        ]

    by_relevance, random = deletion_curves(lambda clips: logits(clips)[:, 1], frames, relevance, rng, orders=8)
    assert mean_drop(by_relevance) > max(mean_drop(curve) for curve in random)
    assert mean_drop(by_relevance) > 2 * mean_drop(random)


def test_a_curve_is_the_score_of_the_clip_with_ever_fewer_frames():
    frames = np.array([[1.0], [10.0], [100.0], [0.0]])
    curve = deletion_curve(lambda clips: clips.sum(axis=(1, 2)), frames, [2, 0])
    np.testing.assert_array_equal(curve, [111, 11, 10])
    assert mean_drop(curve) == pytest.approx((0 + 100 + 101) / 3)
    np.testing.assert_array_equal(frames[:, 0], [1, 10, 100, 0])


def test_curves_leave_padding_alone_and_the_last_frame_in():
    frames = np.array([[1.0], [0.0], [10.0], [100.0]])
    by_relevance, random = deletion_curves(
        lambda clips: clips.sum(axis=(1, 2)), frames, np.array([1, 9, 10, 100]), np.random.default_rng(0), orders=6
    )
    np.testing.assert_array_equal(by_relevance, [111, 11, 1])
    assert random.shape == (6, 3) and np.all(random[:, -1] > 0)
    assert mean_drop(random) == pytest.approx(np.mean([mean_drop(curve) for curve in random]))


def test_the_relevance_of_another_clip_is_refused():
    with pytest.raises(ValueError, match="each of 4 rows"):
        deletion_curves(len, np.ones((4, 2)), np.ones(3), np.random.default_rng(0))


def test_a_captions_curve_begins_at_its_own_log_probability(tmp_path):
    model, vocabulary = tiny_captioner(3), Vocabulary(["a", "dog", "runs", "on", "grass"])
    export(model, vocabulary, tmp_path / "1", features={"backbone": None}, beam=3, max_words=6)
    reader, frames = ModelReader(tmp_path / "1"), np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    reading = reader(frames)
    by_relevance, random = reader.deletion_curves(frames, reading)
    words = [list(vocabulary).index(word) for word in reading.words]
    plain = NumpyCaptioner(model)
    expected = sum(
        np.log(plain.next_words(plain.encode(frames), [BOS, *words[:place]])[word]) for place, word in enumerate(words)
    )
    assert words and by_relevance[0] == pytest.approx(expected, rel=1e-4)
    assert by_relevance.shape == (6,) and random.shape[1] == 6
    without = np.delete(frames, np.argmax(reading.frames.sum(axis=0)), axis=0)
    expected = sum(
        np.log(plain.next_words(plain.encode(without), [BOS, *words[:place]])[word]) for place, word in enumerate(words)
    )
    assert by_relevance[1] == pytest.approx(expected, rel=1e-4)
