"""An explanation tells what the model did: the numbers of its parts, named by its own links, with nothing made up."""

import dataclasses
import json

import numpy as np
import pytest

from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.relevance.evidence import frame_evidence
from topiclens.components.relevance.explanation import explanation
from topiclens.components.relevance.reading import Reading, explain, read

WORDS = ("<pad>", "<bos>", "<eos>", "<unk>", "a", "dog", "runs", "on", "grass")
DECODING = {"beam": 3, "max_words": 6, "length_penalty": 0.0}
SECONDS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
N_NEURONS = 2 * TINY["encoder_units"]


def clip(seed=1):
    return np.random.default_rng(seed).normal(size=(6, TINY["feature_dim"])).astype(np.float32)


def make_links(neurons_of=((0, 3), (1,), (), (2,)), n_neurons=N_NEURONS):
    """Topics of which some have neurons; the neurons of the rest of the encoder have no name."""
    topics = (
        TopicLink(i, f"name {i}", (f"word{i}",), None, 7, tuple(LinkedNeuron(n, 5, 0.1, 0.2) for n in neurons))
        for i, neurons in enumerate(neurons_of)
    )
    return TopicLinks(tuple(topics), n_neurons)


@pytest.fixture(scope="module")
def model():
    return tiny_captioner(3)


@pytest.fixture(scope="module")
def reading(model):
    reading = read(model, WORDS, clip(), decoding=DECODING)
    assert len(reading.words) >= 2, "a model that writes nothing tests nothing"
    return reading


def test_relevance_and_attention_are_those_of_the_propagation(model, reading):
    explained = explanation("clip", reading, SECONDS, make_links())
    relevance = explain(model, clip(), [WORDS.index(word) for word in reading.words])
    np.testing.assert_allclose([word.relevance for word in explained.words], relevance.frames, atol=1e-5)
    np.testing.assert_allclose([word.attention for word in explained.words], relevance.alpha, atol=1e-4)
    for word, neurons in zip(explained.words, relevance.neurons.sum(axis=1)):
        for share in word.neurons:
            assert share.value == pytest.approx(neurons[share.neuron], abs=1e-5)
        assert abs(word.neurons[0].value) == pytest.approx(np.abs(neurons).max(), abs=1e-5)


def test_the_parts_of_a_word_add_up_to_its_score(reading):
    for word in explanation("clip", reading, SECONDS).words:
        assert word.score == pytest.approx(word.from_frames + word.from_words + word.from_biases, abs=1e-5)
        assert word.from_frames == pytest.approx(sum(word.relevance), abs=1e-5)


def test_neurons_bear_the_name_of_the_topic_that_links_to_them(reading):
    links = make_links()
    named = links.topic_of()
    shares = [share for word in explanation("clip", reading, SECONDS, links).words for share in word.neurons]
    assert {share.topic for share in shares} - {None}
    for share in shares:
        assert share.topic == named.get(share.neuron)
        assert share.name == (None if share.topic is None else f"name {share.topic}")


def test_the_relevance_of_a_topic_is_that_of_all_its_neurons(reading):
    explained = explanation("clip", reading, SECONDS, make_links())
    for word, neurons in zip(explained.words, reading.neurons):
        of_topics = {share.topic: (share.neurons, share.value) for share in word.topics}
        assert of_topics == {
            0: (2, pytest.approx(neurons[0] + neurons[3], abs=1e-5)),
            1: (1, pytest.approx(neurons[1], abs=1e-5)),
            3: (1, pytest.approx(neurons[2], abs=1e-5)),
            None: (2, pytest.approx(neurons[4] + neurons[5], abs=1e-5)),
        }
        assert sum(share.value for share in word.topics) == pytest.approx(neurons.sum(), abs=1e-4)


def test_with_topic_neurons_a_words_topics_are_ranked_by_their_exact_account_which_adds_up():
    frames, model = clip(), tiny_captioner(4, topics="neurons")
    reading = read(model, WORDS, frames, decoding=DECODING)
    links = make_links(((0,), (1,), (), (3,)), n_neurons=4 + N_NEURONS)
    links = dataclasses.replace(
        links, topics=tuple(dataclasses.replace(t, words=(WORDS[4 + t.id],)) for t in links.topics)
    )
    words = explanation("clip", reading, SECONDS, links).words
    assert len(words) > 1
    logits = np.asarray(model.run(frames[None], np.array([[WORDS.index(word.text) for word in words]]),
                                  record=("decoder.logits",))["decoder.logits"])[0]  # fmt: skip
    for word, row, direct in zip(words, logits, reading.accounts["neurons"]):
        account, number = word.account, WORDS.index(word.text)
        assert account.score == pytest.approx(row[number] - row[[5, 6, 8]].mean(), abs=1e-4)  # "a" and "on" are not
        parts = account.own, account.other_topics, account.free, account.state, account.word_before, account.bias
        assert account.score == pytest.approx(sum(parts), abs=1e-4) and account.features == 0
        own = direct[number - 4] if number < 8 else 0  # topic 0 has the word 4, and so on
        assert account.own == pytest.approx(own, abs=1e-5)
        *topics, free = [(share.topic, share.value) for share in word.topics]
        assert [share.topic for share in word.topics if share.own] == ([number - 4] if number < 8 else [])
        place = words.index(word)
        others = np.delete(reading.accounts["neurons"], place, axis=0).mean(axis=0)
        for share in word.topics[:-1]:
            assert share.above_others == pytest.approx(direct[share.topic] - others[share.topic], abs=1e-5)
        assert [topic for topic, _ in topics] == np.argsort(-direct[:4]).tolist()
        assert [value for _, value in topics] == pytest.approx(sorted(direct[:4], reverse=True), abs=1e-5)
        assert free == (None, pytest.approx(direct[4:].sum(), abs=1e-5))


def test_evidence_is_of_relevance_where_it_is_known_and_of_attention_otherwise(reading):
    bare = dataclasses.replace(reading, frames=None, neurons=None, scores=None, previous=None)
    for told, rows in ((reading, reading.frames), (bare, reading.attention)):
        words = explanation("clip", told, SECONDS, make_links()).words
        assert [word.evidence for word in words] == frame_evidence(rows)


def test_timelines_show_the_topics_seen_most_and_the_one_seen_least(reading):
    scored = dataclasses.replace(reading, topic_scores=np.array([0.2, 0.9, 2.0, -0.3], np.float32))
    explained = explanation("clip", scored, SECONDS, make_links())
    assert [topic.id for topic in explained.topics] == [2, 1, 0, 3]
    # Topic 2 has no neuron, so nothing to show over time.
    assert [(line.topic_id, line.relevant) for line in explained.timelines] == [(1, True), (0, True), (3, False)]
    for line in explained.timelines:
        for neuron in line.neurons:
            np.testing.assert_allclose(neuron.activations, reading.activations[:, neuron.neuron], atol=1e-6)


def test_timelines_tell_how_much_of_a_topic_each_frame_shows(reading, model):
    explained = explanation("clip", reading, SECONDS, make_links())
    assert reading.topic_timeline.shape == (6, 4)
    for line in explained.timelines:
        np.testing.assert_allclose(line.scores, reading.topic_timeline[:, line.topic_id], atol=1e-6)
        assert line.peak == np.argmax(reading.topic_timeline[:, line.topic_id])
    older = explanation("clip", dataclasses.replace(reading, topic_timeline=None), SECONDS, make_links())
    assert all(line.scores == () and line.peak is None for line in older.timelines)


def test_without_links_neurons_have_no_names_and_the_strongest_are_shown(reading):
    explained = explanation("clip", dataclasses.replace(reading, topic_scores=None), SECONDS)
    assert explained.topics == ()
    assert all(share.name is None for word in explained.words for share in word.neurons)
    (line,) = explained.timelines
    total = np.abs(reading.neurons).sum(axis=0)
    assert line.topic_id is None and line.neurons[0].neuron == np.argmax(total)


def test_without_relevance_neurons_are_valued_by_what_the_word_attends_to(reading):
    bare = dataclasses.replace(reading, frames=None, neurons=None, scores=None, previous=None)
    explained = explanation("clip", bare, SECONDS, make_links())
    assert not explained.has_relevance and explained.neurons_by == "attended activation"
    for word, alpha in zip(explained.words, reading.attention):
        assert word.relevance is None and word.score is None
        for share in word.neurons:
            attended = sum(a * v for a, v in zip(alpha, reading.activations[:, share.neuron]))
            assert share.value == pytest.approx(attended, abs=1e-5)


def test_a_caption_without_a_word_is_explained_all_the_same():
    silent = Reading((), -0.1, np.zeros((0, 6)), np.ones((6, N_NEURONS)), np.zeros(4))
    explained = explanation("clip", silent, SECONDS, make_links())
    assert (explained.caption, explained.words) == ("", ())


def test_json_holds_all_of_it(reading):
    explained = explanation("clip", reading, SECONDS, make_links(), notes=["by hand"])
    data = json.loads(explained.to_json())
    assert data["caption"] == " ".join(reading.words) and data["notes"] == ["by hand"]
    assert data["words"][0]["attention"] == list(explained.words[0].attention)
    assert set(data) == {field.name for field in dataclasses.fields(explained)}


@pytest.mark.parametrize("links", [make_links(n_neurons=N_NEURONS + 2), make_links(neurons_of=((0,),))])
def test_links_of_another_model_are_refused(reading, links):
    with pytest.raises(ValueError, match="another model's"):
        explanation("clip", reading, SECONDS, links)


def test_times_of_another_clip_are_refused(reading):
    with pytest.raises(ValueError, match="5 times for 6 frames"):
        explanation("clip", reading, SECONDS[:5])
