"""The expected gain, by a topic model of eight words whose probabilities can be seen."""

import dataclasses
import math

import numpy as np
import pytest

from topiclens.components.refinement.acquisition import PredictedCaption, TopicWords, acquisition_score, missing_topics
from topiclens.components.topics.labels import OccurrenceRule
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.table import Fate, Topic

WORDS = ("dances", "dog", "man", "puddle", "runs", "stage", "swims", "water")
# Rows: dance, dog, water. Every other word is of one topic; a man dances in 1 of 4 cases.
COUNTS = np.array([[10, 0, 1, 0, 0, 10, 0, 0], [0, 20, 3, 0, 10, 0, 0, 0], [0, 0, 0, 5, 0, 0, 5, 20]])
DANCE, DOG, WATER = range(3)


OWN = (("dances", "stage", "man"), ("dog", "runs"), ("water", "swims"))
TABLE = tuple(Topic(i, words[0], words, None, 0.1) for i, words in enumerate(OWN))
MODEL = TopicModel(WORDS, COUNTS, 1, 0.1, 0.01, OccurrenceRule(), 0, TABLE)


@pytest.fixture
def topics():
    return TopicWords.of(MODEL)


def said(caption="a man runs", scores=(0.0, 0.0, 0.0), likely=0.5):
    """A caption whose words and end have one and the same probability."""
    return PredictedCaption(caption, (len(caption.split()) + 1) * math.log(likely), np.array(scores))


def test_a_topic_that_the_model_sees_and_the_caption_lacks_is_missing(topics):
    (found,) = missing_topics(said(scores=(0.1, 0.9, 0.71)), topics)
    assert (found.topic, found.name) == (WATER, "water")
    assert found.doubt == pytest.approx(0.71)
    assert found.reasons == ("the frames say “water” (0.71), the caption does not",)


def test_a_word_that_says_little_of_a_topic_names_it_little(topics):
    (found,) = missing_topics(said("a man", scores=(0.8, 0.0, 0.0)), topics)
    assert found.doubt == pytest.approx(0.8 * (1 - 1 / 4))  # p(dance | man) = 1 / (1 + 3)
    assert not missing_topics(said("a man on a stage", scores=(0.2, 0.0, 0.0)), topics)


def test_people_are_counted_by_the_words_that_the_caption_lacks(topics):
    references = ("a man runs through water", "a puddle", "he swims in water", "a man", "a man runs")
    (found,) = missing_topics(said(), topics, references)
    assert found.topic == WATER and found.doubt == pytest.approx(3 / 5)
    assert found.reasons == ("3 of 5 people mention “water”, “puddle”, “swims”, the caption does not",)


def test_similar_clips_speak_for_their_topics(topics):
    neighbours = np.array([[0, 1, 1], [0, 1, 1], [0, 1, 0], [0, 1, 1]])
    (found,) = missing_topics(said(), topics, neighbours=neighbours)
    assert found.topic == WATER and found.reasons == ("3 of 4 similar clips are about “water”",)


def test_witnesses_together_are_wrong_only_if_each_is(topics):
    neighbours = np.array([[0, 0, 1], [0, 0, 0]])
    (found,) = missing_topics(said(scores=(0, 0, 0.4)), topics, ("water", "mud", "a man", "a man"), neighbours)
    assert found.doubt == pytest.approx(1 - 0.6 * 0.75 * 0.5)
    assert [reason.split()[0] for reason in found.reasons] == ["1", "the"]  # half of the clips; then the frames


@pytest.mark.parametrize("seed", range(5))
def test_more_evidence_never_makes_a_topic_less_missing(topics, seed):
    rng = np.random.default_rng(seed)
    scores, more = rng.uniform(0.3, 0.6, 3), rng.uniform(0, 0.4, 3)
    before = {found.topic: found.doubt for found in missing_topics(said("a clip", scores), topics)}
    for told in ((), ("a dog in water", "a man dances")):
        after = {found.topic: found.doubt for found in missing_topics(said("a clip", scores + more), topics, told)}
        assert all(after[topic] >= doubt for topic, doubt in before.items())
        assert all(0 <= doubt <= 1 for doubt in after.values())


def test_no_caption_misses_a_banned_topic_whoever_speaks_for_it():
    table = tuple(dataclasses.replace(topic, fate=Fate.BANNED if topic.id == WATER else None) for topic in TABLE)
    banned = TopicWords.of(dataclasses.replace(MODEL, topics=table))  # since the run, whose model knows nothing of it
    evidence = said(scores=(0.0, 0.0, 0.9)), ("a man runs through water",), np.array([[0, 1, 1]])
    assert [found.topic for found in missing_topics(evidence[0], TopicWords.of(MODEL), *evidence[1:])] == [WATER]
    assert missing_topics(evidence[0], banned, *evidence[1:]) == ()


def test_words_speak_of_the_topics_that_sampled_ones_count_as():
    """Of four ids, 1 was lost; what was sampled first is banned, the others are of one topic now, the last."""
    fates = (Fate.BANNED, Fate.LOST, Fate.MERGED, None)
    table = tuple(Topic(i, str(i), ("puddle",), None, 0.1, fate) for i, fate in enumerate(fates))
    model = dataclasses.replace(MODEL, topics=table, own_ids=np.array([0, 2, 3]), label_of=np.array([-1, 3, 3]))
    topics = TopicWords.of(model)
    assert topics.possible.tolist() == [False, False, False, True]
    assert topics.told_by(["man"]).tolist() == [0, 0, 0, 3 / 4] and topics.told_by(["dances"]).tolist() == [0] * 4
    assert [
        found.topic for found in missing_topics(PredictedCaption("a cat", -1.0, np.zeros(4)), topics, ("a dog",))
    ] == [3]


def test_the_gain_is_the_quadratic_mean_of_the_doubts_that_are_known(topics):
    caption = said(scores=(0.0, 0.0, 0.6), likely=0.9)
    missing = missing_topics(caption, topics)
    alone = acquisition_score(caption, missing)
    assert alone.value == pytest.approx(math.sqrt((0.1**2 + 0.6**2) / 2)) and alone.disagreement is None
    judged = acquisition_score(caption, missing, cider=0.2)
    assert judged.value == pytest.approx(math.sqrt((0.1**2 + 0.6**2 + 0.8**2) / 3))
    assert judged.reasons == ("people describe it otherwise (CIDEr 0.20)", missing[0].reasons[0])


def test_what_nobody_doubts_gains_nothing_and_has_no_reasons(topics):
    gain = acquisition_score(said(likely=1.0), missing_topics(said(), topics), cider=1.7)
    assert gain.value == 0 and gain.reasons == ()


def test_a_captioner_that_never_learnt_topics_is_judged_by_the_rest(topics):
    plain = PredictedCaption("a man", 3 * math.log(0.5))
    (found,) = missing_topics(plain, topics, ("a dog",))
    gain = acquisition_score(plain, (found,))
    assert found.topic == DOG and gain.value == pytest.approx(math.sqrt((0.5**2 + 1) / 2))


def test_an_empty_caption_is_unsure_by_its_end_alone(topics):
    assert acquisition_score(PredictedCaption("", math.log(0.25)), ()).uncertainty == pytest.approx(0.75)
