"""What a person may decide about topics, and what is refused with a hint."""

import pytest

from topiclens.components.topics import decisions as deciding
from topiclens.components.topics.governance import Governance, GovernanceError
from topiclens.components.topics.table import Fate, Topic

TOPICS = [
    Topic(0, "dog, running", ("dog", "running"), 0.1, 0.2),
    Topic(1, "surfing", ("wave", "surfer"), 0.1, 0.2, found_name="wave, surfer"),
    Topic(2, "guitar, playing", ("guitar", "playing"), 0.1, 0.1),
    Topic(3, "unused topic 3", (), None, 0.0),
    Topic(4, "dogs, grass", ("dogs", "grass"), None, 0.0, fate=Fate.MERGED, into=0),
    Topic(5, "snow, hill", ("snow", "hill"), None, 0.0, fate=Fate.LOST),
]
WORDS = ("dog", "dogs", "guitar", "wave", "dance", "dancing")


def test_decisions_remember_what_the_topic_was_about():
    decided = deciding.rename(Governance(), TOPICS[1], "at sea", TOPICS)
    assert decided.rename == {1: "at sea"}
    assert (decided.topics[1].name, decided.topics[1].words) == ("wave, surfer", ("wave", "surfer"))


def test_a_name_that_another_topic_has_is_refused():
    with pytest.raises(GovernanceError, match="topic 1 is called 'surfing' already.*--merge 1 2"):
        deciding.rename(Governance(), TOPICS[2], "Surfing", TOPICS)


def test_a_group_that_is_joined_joins_as_a_whole_and_keeps_its_first():
    decided = deciding.merge(Governance(), [TOPICS[0], TOPICS[4]])
    decided = deciding.merge(decided, [TOPICS[4], TOPICS[2]])
    assert decided.merge == ((0, 4, 2),)


@pytest.mark.parametrize(
    "decision, said",
    [
        (lambda: deciding.merge(Governance(), [TOPICS[0], TOPICS[0]]), "at least two"),
        (lambda: deciding.ban(Governance(), TOPICS[4]), "merged into 0"),
        (lambda: deciding.ban(Governance(), TOPICS[5]), "lost"),
        (lambda: deciding.ban(Governance(), TOPICS[3]), "has no words"),
        (lambda: deciding.pin(Governance(), "dance", ["danced"], TOPICS, WORDS), "'danced'.*Did you mean dance"),
        (lambda: deciding.undo(Governance(), "surfing", TOPICS), "Nothing was decided about the topic 'surfing'"),
    ],
)
def test_what_cannot_be_decided_says_why(decision, said):
    with pytest.raises(GovernanceError, match=said):
        decision()


def test_an_id_that_meant_another_topic_when_it_was_decided_upon_is_not_decided_upon_again():
    decided = deciding.ban(Governance(), Topic(2, "snow, hill", ("snow", "hill"), None, 0.1))
    with pytest.raises(GovernanceError, match="when it was 'snow, hill', but now it is .*--undo 2"):
        deciding.rename(decided, TOPICS[2], "music", TOPICS)
    assert not deciding.undo(decided, "2", TOPICS)


def test_an_id_that_meant_another_topic_can_be_decided_upon_once_that_is_undone():
    decided = deciding.ban(Governance(), Topic(2, "snow, hill", ("snow", "hill"), None, 0.1))
    decided = deciding.rename(deciding.ban(decided, TOPICS[0]), TOPICS[1], "at sea", TOPICS)
    undone = deciding.undo(decided, "2", TOPICS)
    assert set(undone.topics) == {0, 1}, "what other decisions are about is remembered"
    renamed = deciding.rename(undone, TOPICS[2], "music", TOPICS)
    assert renamed.rename[2] == "music" and renamed.topics[2].words == ("guitar", "playing")


def test_undo_forgets_the_topics_of_a_group_that_is_none_any_more():
    merged = deciding.merge(Governance(), [TOPICS[0], TOPICS[1]])
    assert deciding.undo(merged, "1", TOPICS) == Governance()


def test_a_memory_of_no_decision_is_nothing_to_undo():
    remembered = Governance(topics=deciding.ban(Governance(), TOPICS[2]).topics)
    with pytest.raises(GovernanceError, match="nothing to undo"):
        deciding.undo(remembered, "2", TOPICS)


def test_a_word_of_a_topics_name_can_be_pinned_as_a_topic_of_its_own():
    (seed,) = deciding.pin(Governance(), "guitar", ["guitar"], TOPICS, WORDS).seeds
    assert (seed.name, seed.topic) == ("guitar", None)


def test_undoing_a_seed_leaves_the_topic_alone_whose_name_holds_the_same_word():
    decided = deciding.pin(deciding.ban(Governance(), TOPICS[2]), "guitar", ["guitar"], TOPICS, WORDS)
    undone = deciding.undo(decided, "guitar", TOPICS)
    assert (undone.ban, undone.seeds) == ((2,), ())
    assert not deciding.undo(undone, "guitar", TOPICS)


def test_words_are_pinned_to_a_topic_that_has_the_name_or_else_to_a_new_one():
    decided = deciding.pin(Governance(), "surfing", ["Wave"], TOPICS, WORDS)
    decided = deciding.pin(decided, "dance", ["dance", "dancing", "dance"], TOPICS, WORDS)
    surfing, dance = decided.seeds
    assert (surfing.name, surfing.topic, surfing.words) == ("wave, surfer", 1, ("wave",))
    assert (dance.name, dance.topic, dance.words) == ("dance", None, ("dance", "dancing"))
    again = deciding.pin(decided, "dance", ["dance"], TOPICS, WORDS)
    assert [seed.words for seed in again.seeds] == [("wave",), ("dance",)], "the last word counts"


def test_undo_takes_back_all_that_was_decided_about_a_topic_and_nothing_else():
    decided = deciding.rename(Governance(), TOPICS[0], "dogs", TOPICS)
    decided = deciding.merge(decided, [TOPICS[0], TOPICS[4], TOPICS[1]])
    decided = deciding.pin(deciding.ban(decided, TOPICS[2]), "dance", ["dance"], TOPICS, WORDS)
    assert deciding.undo(decided, "4", TOPICS).merge == ((0, 1),)
    whole = deciding.undo(decided, "dog, running", TOPICS)
    assert (dict(whole.rename), whole.merge, whole.ban) == ({}, ((4, 1),), (2,))
    assert deciding.undo(decided, "dance", TOPICS).seeds == () and deciding.undo(decided, "2", TOPICS).ban == ()
