"""The evaluation of neurons says why."""

import dataclasses
import json

import pytest

from topiclens.components.neurons.detection import Detection
from topiclens.components.neurons.effects import CaptionEffects
from topiclens.components.neurons.evaluator import check_thresholds, find_changes, write_report
from topiclens.components.neurons.figures import NeuronFigures, TopicFigures
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.neurons.settings import NeuronSettings
from topiclens.components.neurons.steering import TopicSteering


def detection(f1, auc):
    return Detection(f1=f1, iou=f1 / (2 - f1), pearson=0.5, cosine=0.6, average_precision=0.5, auc=auc)


def topic(id, videos, neurons, auc):
    shown = detection(0.4, auc)
    return TopicFigures(
        **vars(shown), id=id, videos=videos, neurons=neurons, top=shown, selectivity=0.1, gini=0.4, deletion=0.3
    )


FIGURES = NeuronFigures(
    **vars(detection(0.4, 0.8)), top=detection(0.45, 0.85), controls={"random_names": detection(0.1, 0.5)},
    topics=2, linked_topics=1, own_topics=None, detectors=1, selectivity=0.1, gini=0.4, purity=None,
    deletion=0.3, deletion_random=0.0, deletion_gradient=0.4, by_topic=(topic(0, 9, 2, 0.9), topic(1, 4, 0, 0.5)),
)  # fmt: skip


EFFECTS = CaptionEffects(
    deletion_questions=30, word_deletion=0.25, insertion_on_topic=0.4, account_own_first=0.9,
    steering_by_topic=(TopicSteering(1, raised=3, enters=2),),
)  # fmt: skip


def links(**neurons_of):
    """Topics by name with their neurons."""
    topics = [
        TopicLink(i, name, (name, "word"), None, 5, tuple(LinkedNeuron(n, 3, 0.1, 0.1) for n in neurons))
        for i, (name, neurons) in enumerate(neurons_of.items())
    ]
    return TopicLinks(tuple(topics), 4)


@pytest.mark.parametrize(("least", "passed"), [(1, True), (2, False)])
def test_enough_topics_must_have_a_detector(least, passed):
    (reason,) = check_thresholds(FIGURES, NeuronSettings(min_detectors=least), split="val")
    assert reason.met is passed and f"1 of 2 topics have a detecting neuron on val; at least {least}" in reason.words


def test_what_rests_on_few_videos_is_marked(tmp_path):
    rare = dataclasses.replace(FIGURES.by_topic[0], videos=2)
    few = dataclasses.replace(FIGURES, by_topic=(rare, *FIGURES.by_topic[1:]), few_videos=1)
    (reason,) = check_thresholds(few, NeuronSettings(), split="val")
    assert "1 of 2 topics have a detecting neuron on val, 1 of them in fewer than 5 videos; at least" in reason.words
    write_report(tmp_path, few, links(man=[0], road=[]), None)
    text = (tmp_path / "summary.md").read_text()
    assert "| man | 2* |" in text and "Fewer than 5 videos" in text


@pytest.mark.parametrize(("before", "passed"), [(0.84, True), (0.86, False), (0.7, True), (None, True)])
def test_the_auc_may_fall_no_further_than_allowed(before, passed):
    previous = None if before is None else {"auc": before}
    reason = check_thresholds(FIGURES, NeuronSettings(max_auc_drop=0.05), split="val", previous=previous)[1]
    assert reason.met is passed


def test_neurons_that_changed_meaning_are_told_whatever_the_topics_numbers():
    changed = find_changes(links(man=[0, 3], road=[1]), links(road=[1, 3], man=[0], sea=[2]))
    assert [(one.neuron, one.before, one.after) for one in changed] == [(2, "sea", None), (3, "road", "man")]


def test_the_report_is_json_and_words(tmp_path):
    now = links(man=[0], road=[])
    write_report(tmp_path, FIGURES, now, find_changes(now, links(road=[0])))
    assert json.loads((tmp_path / "figures.json").read_text())["auc"] == 0.8
    text = (tmp_path / "summary.md").read_text()
    assert "| detector of a topic | F1 | IoU | Pearson |" in text and "| its neurons | 0.400 | 0.250 |" in text
    assert "| its neuron with most votes | 0.450 |" in text and "| random names | 0.100 |" in text
    assert "| man | 9 | 2 | 0.400 | 0.250 | 0.500 | 0.600 | 0.500 | 0.900 |" in text and "| road | 4" not in text
    assert "1 of 4 neurons are named, 1 of them by at least 3 votes." in text and "their own neuron" not in text
    assert "1 neurons changed meaning" in text and "- 0: road → man" in text
    assert text.endswith("(atlas/index.html)\n")
    assert "| purity | – |" in text and "word_deletion" not in text


def test_the_report_says_how_many_topics_name_their_own_neuron(tmp_path):
    write_report(tmp_path, dataclasses.replace(FIGURES, own_topics=1), links(man=[0], road=[]), None)
    assert "1 of 2 topics name their own neuron with most votes." in (tmp_path / "summary.md").read_text()


def test_effects_on_captions_are_reported_where_they_were_measured(tmp_path):
    write_report(tmp_path, FIGURES, links(man=[0], road=[]), None, EFFECTS)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["auc"] == 0.8 and figures["word_deletion"] == 0.25 and figures["account_own_first"] == 0.9
    text = (tmp_path / "summary.md").read_text()
    assert figures["steering_by_topic"][0]["enters"] == 2 and "steering_by_topic" not in text
    assert "| word_deletion | 0.250 |" in text and "| insertion_on_topic | 0.400 |" in text
