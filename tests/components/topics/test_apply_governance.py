"""Models under decisions and beside earlier ones: who is who, and what keeps its meaning."""

import json
from dataclasses import replace

import numpy as np
import pytest

from topiclens.components.topics import fitting
from topiclens.components.topics.apply_governance import mark_banned, rename_topics, write_renamed
from topiclens.components.topics.governance import Governance, Remembered, SeedWords
from topiclens.components.topics.matching import MatchKind, resolve_topic
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.table import Fate, Topic

SETTINGS = {"n_topics": 4, "iterations": 150, "min_share": 0.05, "max_topics": 4}


def _fit(documents, **more):
    return fitting.fit(documents, **{**SETTINGS, **more})


def _planted(model):
    """{planted topic: id} of the topics that can occur."""
    return {int(topic.words[0][1]): topic.id for topic in model.topics if topic.fate is None and topic.words}


@pytest.fixture(scope="module")
def plain(documents):
    return _fit(documents)


@pytest.fixture(scope="module")
def ids(plain):
    return _planted(plain.model)


def test_nothing_decided_is_nothing_changed(documents, plain):
    assert _fit(documents, governance=Governance()).to_files() == plain.to_files()


def test_the_same_model_again_has_the_same_ids_names_and_labels(documents, plain):
    again = _fit(documents, previous=plain.model)
    assert again.model.topics == plain.model.topics and again.labels == plain.labels
    files = again.to_files()
    assert {name: files[name] for name in plain.to_files()} == plain.to_files()
    told = json.loads(files["matching.json"])
    assert len(told["kept"]) == 4 and told["new"] == told["lost"] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_topics_found_from_another_seed_keep_ids_and_names(documents, plain, ids, seed):
    again = _fit(documents, seed=seed, previous=plain.model)
    assert _planted(again.model) == ids and len(again.model.topics) == 4
    assert [topic.name for topic in again.model.topics] == [topic.name for topic in plain.model.topics]
    agree = [again.labels[name] == plain.labels[name] for name in documents]
    assert np.mean(agree) > 0.9


@pytest.fixture(scope="module")
def elsewhere(documents):
    """Captions of later: of planted topic 0 nothing, of topic 9 a lot."""
    return {name: [word.replace("t0w", "t9w") for word in words] for name, words in documents.items()}


def test_a_topic_that_is_not_found_again_leaves_a_gap_and_a_new_one_gets_a_new_id(documents, elsewhere, plain, ids):
    later = _fit(elsewhere, seed=4, previous=plain.model)
    assert _planted(later.model) == {**{t: ids[t] for t in (1, 2, 3)}, 9: 4}
    lost = later.model.topics[ids[0]]
    assert (lost.fate, lost.words, lost.share_of_videos) == (
        Fate.LOST, plain.model.topics[ids[0]].words, 0.0
    )  # fmt: skip
    assert all(ids[0] not in topics for topics in later.labels.values())
    assert any(4 in topics for topics in later.labels.values())
    model = TopicModel.from_files(later.to_files())
    assert model.n_topics == 5 and model.infer_words("x", ["t9w1", "t9w2"])[4] > 1.9

    third = _fit(documents, seed=5, previous=model)
    assert len(third.model.topics) == 6 and third.model.topics[4].fate is Fate.LOST, "no id is given twice"
    assert _planted(third.model)[0] == 5


def test_merged_topics_are_one_in_labels_words_and_inference(documents, plain, ids):
    into, other = ids[2], ids[0]
    fit = _fit(documents, governance=Governance(merge=((into, other),)))
    for name in documents:
        assert set(fit.labels[name]) == {into if topic == other else topic for topic in plain.labels[name]}
    whole, gone = fit.model.topics[into], fit.model.topics[other]
    assert {word[:2] for word in whole.words} == {"t2", "t0"} and whole.found_words == plain.model.topics[into].words
    assert (gone.fate, gone.into, gone.share_of_videos) == (Fate.MERGED, into, 0.0)
    assert gone.words == plain.model.topics[other].words and whole.npmi is not None
    assert whole.share_of_videos == pytest.approx(np.mean([into in topics for topics in fit.labels.values()]), abs=1e-4)
    model = TopicModel.from_files(fit.to_files())
    words = ["t0w1", "t2w1", "t1w1", "t0w2"]
    counts = model.infer_words("held out", words)
    assert counts[other] == 0 and counts[into] + counts[ids[1]] + counts[ids[3]] == pytest.approx(4)
    assert counts[ids[1]] == plain.model.infer_words("held out", words)[ids[1]]


def test_a_banned_topic_occurs_in_no_video_and_the_others_as_if_it_had_not_been_said(documents, plain, ids):
    fit = _fit(documents, governance=Governance(ban=(ids[1],)))
    for name, words in documents.items():
        assert set(fit.labels[name]) == {ids[int(word[1])] for word in words} - {ids[1]}
    assert fit.model.topics[ids[1]].fate is Fate.BANNED
    assert fit.model.infer_words("x", ["t1w1"]).sum() < 0.1


def test_decisions_hold_when_topics_are_found_anew(documents, plain, ids):
    decided = Governance(merge=((ids[2], ids[0]),), ban=(ids[1],))
    first = _fit(documents, governance=decided, previous=plain.model)
    again = _fit(documents, governance=decided, previous=first.model, seed=7)
    assert [(topic.id, topic.fate, topic.into) for topic in again.model.topics] == [
        (topic.id, topic.fate, topic.into) for topic in first.model.topics
    ]
    freed = _fit(documents, previous=again.model, seed=8)
    assert _planted(freed.model) == ids, "undone, all are themselves again"


def test_a_decision_follows_the_words_of_its_topic_where_ids_mean_others(documents, plain, ids):
    wrong = (ids[1] + 1) % 4
    remembered = {wrong: Remembered("one", plain.model.topics[ids[1]].words)}
    fit = _fit(documents, governance=Governance(ban=(wrong,), topics=remembered))
    assert [topic.id for topic in fit.model.topics if topic.fate is Fate.BANNED] == [ids[1]]


@pytest.mark.parametrize("decided", [{"ban": (2,)}, {"merge": ((2, 3),)}], ids=["ban", "merge"])
def test_a_decision_about_topics_that_are_gone_decides_nothing(documents, plain, caplog, decided):
    topics = {2: Remembered("sea", ("wave", "surfer")), 3: Remembered("sky", ("cloud", "blue"))}
    fit = _fit(documents, governance=Governance(**decided, topics=topics))
    assert fit.labels == plain.labels and "topic 2 (sea) is gone" in caplog.text


def test_a_name_is_another_and_nothing_else_is(plain, ids, tmp_path):
    plain_files = plain.to_files()
    for name, content in plain_files.items():
        (tmp_path / name).write_bytes(content)
    write_renamed(tmp_path, tmp_path / "named", Governance(rename={ids[2]: "two"}))
    files = {path.name: path.read_bytes() for path in (tmp_path / "named").iterdir()}
    assert {name for name in files if files[name] != plain_files[name]} == {"topics.json"}
    before, after = plain.model.topics, TopicModel.load(tmp_path / "named").topics
    assert [topic for topic in before if topic.id != ids[2]] == [topic for topic in after if topic.id != ids[2]]
    assert (after[ids[2]].name, after[ids[2]].found_name) == ("two", before[ids[2]].name)
    assert rename_topics(after, Governance()) == before


def test_a_found_name_that_another_topic_is_given_is_told_from_it(plain):
    first, second = plain.model.topics[:2]
    names = [topic.name for topic in rename_topics(plain.model.topics, Governance(rename={1: first.name}))]
    assert names[1] == first.name and names[0] == f"{first.name} (0)" and len(set(names)) == 4


def test_words_pinned_to_a_topic_stay_with_its_id(documents, plain, ids):
    seeds = (SeedWords("ones", ("t1w0", "t1w1")), SeedWords("threes", ("t3w2",), ids[3]))
    fit = _fit(documents, governance=Governance(seeds=seeds), previous=plain.model, seed=9)
    assert fit.model.topics[ids[3]].name == "threes" and _planted(fit.model)[3] == ids[3]
    again = _fit(documents, governance=Governance(seeds=seeds[::-1]), previous=fit.model, seed=10)
    assert _planted(again.model) == _planted(fit.model)


def test_what_was_corrected_last_month_still_means_the_same(documents, elsewhere, plain, ids):
    """With the earlier model at hand by its id, without it by its words."""
    then = [plain.model.topics[ids[t]] for t in (1, 2, 3)]
    later = _fit(elsewhere, seed=4, previous=plain.model).model.topics
    assert [(match.how, match.topic.id) for match in (resolve_topic(topic, later) for topic in then)] == [
        (MatchKind.SAME, topic.id) for topic in then
    ]
    apart = _fit(elsewhere, seed=4).model
    assert [resolve_topic(topic, apart.topics).topic.id for topic in then] == [_planted(apart)[t] for t in (1, 2, 3)]
    assert resolve_topic(plain.model.topics[ids[0]], later).how is MatchKind.GONE


def test_people_are_asked_no_more_about_what_was_banned_since_the_run():
    words = ("dog", "runs"), ("snow", "white"), ("shirt", "purple"), ("sea", "wave")
    table = tuple(Topic(i, pair[0], pair, None, 0.5) for i, pair in enumerate(words))
    banned_before = replace(table[3], fate=Fate.BANNED)
    decided = Governance(rename={0: "hound"}, merge=((0, 1),), ban=(2,))  # the ban of 3 was taken back since
    asked = mark_banned((*table[:3], banned_before), decided)
    assert asked == (*table[:2], replace(table[2], fate=Fate.BANNED), banned_before)


def test_under_decisions_every_topic_keeps_its_neuron(documents, plain, ids):
    """A topic's neuron is its id. One that is merged away or banned says nothing from its neuron, and no video has it;
    what it said comes from the neuron of the topic that it counts as."""
    into, merged, banned, other = ids[2], ids[0], ids[1], ids[3]
    fit = _fit(documents, governance=Governance(merge=((into, merged),), ban=(banned,)))
    found = _fit(documents, governance=Governance(merge=((into, merged),), ban=(banned,)), previous=fit.model, seed=5)
    for model, labels in ((fit.model, fit.labels), (found.model, found.labels)):
        lifts = model.word_lifts()
        assert not lifts[merged] and not lifts[banned]
        assert {word[:2] for word in lifts[into]} == {"t0", "t2"}
        assert {word[:2] for word in lifts[other]} == {"t3"}
        assert not any({merged, banned} & set(topics) for topics in labels.values())
    assert fit.model.word_lifts()[other].keys() == plain.model.word_lifts()[other].keys()
