"""The numbers of the atlas, worked out once more: neuron by neuron, clip by clip."""

import dataclasses

import numpy as np
import pytest

from tests.components.atlas.conftest import study
from topiclens.components.atlas.entries import FEW_CLIPS
from topiclens.components.atlas.survey import BINS, histograms
from topiclens.components.neurons.detection import roc_auc
from topiclens.components.topics.documents import stop_words
from topiclens.schemas.plain import to_plain


def test_every_neuron_shows_the_clips_in_which_it_is_most_active_with_their_moment(studied):
    for one in studied.atlas.neurons:
        found = []
        for video in studied.val:
            v = studied.captioner.encode(video.frames[None])["v"][0].numpy()[:, one.neuron]
            found.append((video.video_id, v.mean(), int(np.argmax(v)) + 1, v.max()))
        found.sort(key=lambda row: -row[1])
        assert [shown.clip for shown in one.clips] == [row[0] for row in found]
        for shown, (_, mean, frame, greatest) in zip(one.clips, found, strict=True):
            assert shown.activation == pytest.approx(mean, abs=1e-4) and shown.frame == frame
            assert shown.greatest == pytest.approx(greatest, abs=1e-4)


def test_a_topic_shows_its_clips_alone_and_says_how_many_there_are(studied):
    records = {video.video_id: video for video in studied.val}
    for topic in studied.atlas.topics:
        having = {name for name, video in records.items() if video.topics[topic.id]}
        assert topic.held_out == len(having) and topic.few == (len(having) < FEW_CLIPS)
        assert {shown.clip for shown in topic.clips} == having
        activations = [shown.activation for shown in topic.clips]
        assert activations == sorted(activations, reverse=True)
    for name, clip in studied.atlas.clips.items():
        assert clip.topics == tuple(np.flatnonzero(records[name].topics)) and clip.caption == records[name].captions[0]


def test_histograms_are_those_of_numpy(studied):
    present = studied.held_out.topics > 0
    for one in studied.atlas.neurons:
        values = studied.held_out.mean[:, one.neuron].astype(np.float64)
        having = np.zeros(len(values), bool) if one.subject is None else present[:, one.subject]
        edges = np.linspace(min(values.min(), 0), values.max(), BINS + 1)
        histogram = one.histogram
        assert (histogram.low, histogram.high) == pytest.approx((edges[0], edges[-1]), abs=1e-4)
        for counts, mean, rows in (
            (histogram.with_topic, histogram.mean_with, having),
            (histogram.without, histogram.mean_without, ~having),
        ):
            np.testing.assert_array_equal(counts, np.histogram(values[rows], edges)[0])
            assert mean == (pytest.approx(values[rows].mean(), abs=1e-4) if rows.any() else None)


def test_a_neuron_that_never_moves_has_a_histogram():
    (histogram,) = histograms(np.zeros((3, 1), np.float32), np.zeros((3, 1), bool), [None])
    assert histogram.low == 0 < histogram.high and sum(histogram.without) == 3 and histogram.mean_with is None


def test_words_are_weighed_by_what_an_activation_adds_to_their_logits(studied):
    decoder, vocabulary = studied.captioner.decoder, studied.model.vocabulary
    content = [i for i, word in enumerate(vocabulary) if i >= 4 and word not in stop_words()]
    size = decoder.readout.kernel.shape[0]
    for one in studied.atlas.neurons:
        states = np.zeros((2, size), np.float32)
        states[1, decoder.units + one.neuron] = 1
        without, with_it = decoder.readout(states).numpy()
        added = with_it - without
        added -= added[content].mean()
        best = sorted(content, key=lambda word: -added[word])
        assert [said.word for said in one.words_for] == [vocabulary.words[word] for word in best]
        assert [said.weight for said in one.words_for] == pytest.approx(added[best], abs=1e-4)
        assert [said.word for said in one.words_against] == [said.word for said in one.words_for[::-1]]
    for topic in studied.atlas.topics:
        kernel = np.array(decoder.readout.kernel)[decoder.units + topic.neuron]
        for shown in topic.words[:2]:
            expected = kernel[vocabulary.id(shown.word)] - kernel[content].mean()
            assert shown.weight == pytest.approx(expected, abs=1e-4)


def test_words_have_their_share_of_the_topic_and_those_unknown_have_no_number(studied):
    for topic in studied.atlas.topics:
        counts = dict(zip(studied.words, studied.counts[topic.id]))
        for shown in topic.words[:2]:
            assert shown.share == pytest.approx(counts[shown.word] / sum(counts.values()), abs=1e-4)
        assert (topic.words[2].share, topic.words[2].weight) == (None, None)


def test_confidence_is_the_share_of_the_name_among_all_votes(studied):
    votes, named = studied.tally.votes, studied.links.topic_of()
    assert any(one.topic is None for one in studied.atlas.neurons) and named
    for one in studied.atlas.neurons:
        column = votes[:, one.neuron]
        assert one.topic == named.get(one.neuron) and one.all_votes == column.sum()
        assert {vote.topic: vote.votes for vote in one.votes} == {t: n for t, n in enumerate(column) if n}
        expected = None if one.topic is None else pytest.approx(column.max() / column.sum())
        assert one.confidence == expected


def test_topics_that_go_with_a_neuron_are_those_of_greatest_correlation(studied):
    for one in studied.atlas.neurons:
        found = [
            0 if np.ptp(topic) == 0 else np.corrcoef(studied.seen.mean[:, one.neuron], topic)[0, 1]
            for topic in studied.seen.topics.T
        ]
        for topic, value in one.related:
            assert value == pytest.approx(found[topic], abs=1e-3)
        assert abs(one.related[0][1]) == pytest.approx(np.abs(found).max(), abs=1e-3)


def test_topics_are_told_by_the_neuron_with_most_votes_and_none_is_told_that_never_occurs(studied):
    present = studied.held_out.topics > 0
    for topic in studied.atlas.topics:
        if topic.detection is None:
            assert not topic.neurons or not topic.held_out
            continue
        neuron = studied.links.topics[topic.id].neurons[0].neuron
        auc = roc_auc(studied.held_out.mean[:, [neuron]], present[:, [topic.id]])[0, 0]
        assert topic.neuron == neuron and topic.detection.auc == pytest.approx(auc)
    assert studied.atlas.topics[-1].detection is None and studied.atlas.topics[-1].neuron == 4


def test_an_earlier_model_is_compared_by_what_topics_mean_not_by_their_numbers():
    def previous(links, figures):
        moved = {topic.id: (topic.id + 1) % len(links.topics) for topic in links.topics}
        topics = [dataclasses.replace(topic, id=moved[topic.id]) for topic in links.topics]
        told = to_plain(figures)
        for place, row in enumerate(told["by_topic"]):
            row["id"] = moved[row["id"]]
            row["top"]["average_precision"] += 0.1 * place  # each lies further above what is measured now
        return dataclasses.replace(links, topics=tuple(sorted(topics, key=lambda topic: topic.id))), told

    atlas = study(previous=previous).atlas
    measured = [topic for topic in atlas.topics if topic.detection]
    assert len(measured) > 1 and atlas.changed == ()
    assert [topic.id for topic in atlas.compared] == [topic.id for topic in measured[::-1]]
    rises = [topic.rise for topic in atlas.compared]
    assert rises == sorted(rises) and rises[-1] == pytest.approx(0) and rises[-2] == pytest.approx(-0.1)
    assert [topic.fell for topic in atlas.compared] == [True] * (len(rises) - 1) + [False]


@pytest.mark.parametrize("told", [{"auc": 0.5}, {"auc": 0.5, "by_topic": [{"id": 0, "neurons": 1, "top_auc": 0.5}]}])
def test_figures_of_an_older_version_are_not_compared(told):
    atlas = study(previous=lambda links, figures: (links, told)).atlas
    assert atlas.compared == [] and atlas.changed == ()


def test_without_an_earlier_model_nothing_is_compared(studied):
    assert studied.atlas.changed is None and studied.atlas.compared == []
