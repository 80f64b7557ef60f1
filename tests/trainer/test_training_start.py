"""What one captioner can take over from another."""

import numpy as np
import pytest

from tests.trainer import toy_clips
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.training import warm_start
from topiclens.trainer.vocabulary import Vocabulary


def weights(captioner):
    return {variable.path.split("/", 1)[1]: np.array(variable) for variable in captioner.trainable_variables}


@pytest.fixture(scope="module")
def source():
    return Captioner(toy_clips.model()), toy_clips.vocabulary()


def start(source, words, same_topics=False, **sizes):
    """(report, weights before, weights after) of a new captioner with these words and sizes."""
    vocabulary = Vocabulary(words)
    captioner = Captioner(toy_clips.model(vocabulary_size=len(vocabulary), **sizes))
    before = weights(captioner)
    report = warm_start(captioner, vocabulary, *source, same_topics=same_topics)
    return report, before, weights(captioner)


def test_everything_is_copied_into_an_equal_model(source):
    report, _, after = start(source, source[1].words[4:], same_topics=True)
    for name, value in weights(source[0]).items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert set(report) == set(after) and "new" not in report.values()


def test_words_are_matched_by_the_word_and_strangers_keep_their_initial_rows(source):
    words = ["cat", *reversed(source[1].words[4:-1])]
    report, before, after = start(source, words)
    new, old = Vocabulary(words), source[1]
    old_weights = weights(source[0])
    embedding, kernel, bias = "decoder/embedding/embeddings", "decoder/readout/kernel", "decoder/readout/bias"
    for word in new:
        i = new.id(word)
        if word == "cat":
            expected = before[embedding][i], before[kernel][:, i], before[bias][i]
        else:
            j = old.id(word)
            expected = old_weights[embedding][j], old_weights[kernel][:, j], old_weights[bias][j]
        for got, value in zip((after[embedding][i], after[kernel][:, i], after[bias][i]), expected):
            np.testing.assert_array_equal(got, value, err_msg=word)
    assert report[embedding] == f"{len(new) - 1} of {len(new)} words"


def test_topics_start_anew_unless_they_are_the_same(source):
    _, before, after = start(source, source[1].words[4:])
    topics = [name for name in after if name.startswith("topics/")]
    assert topics
    for name in topics:
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_layers_of_another_size_start_anew_and_the_rest_is_copied(source):
    report, before, after = start(source, source[1].words[4:], decoder_units=12)
    topics = "encoder/topics/"
    assert {report[name] for name in after if name.startswith("encoder/") and topics not in name} == {"copied"}
    assert {report[name] for name in after if topics in name} == {"new"}, "other topics may be meant"
    assert report["decoder/readout/kernel"] == "new"
    np.testing.assert_array_equal(after["decoder/readout/kernel"], before["decoder/readout/kernel"])
