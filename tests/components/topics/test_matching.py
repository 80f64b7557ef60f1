"""Which topic of one model is which of another, and what an old topic is now."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from topiclens.components.topics.matching import (
    Distributions,
    MatchKind,
    divergences,
    match_topics,
    overlap,
    resolve_topic,
)
from topiclens.components.topics.table import Fate, Topic
from topiclens.schemas.corrections import CorrectedTopic


def _of(counts, words=None, ids=None):
    counts = np.array(counts)
    return Distributions(
        np.arange(len(counts)) if ids is None else np.array(ids), words or tuple("abcdefgh"[: counts.shape[1]]), counts
    )


def test_divergence_by_hand():
    """H(3/4, 1/4) - (H(1/2, 1/2) + H(1, 0)) / 2 = 0.8113 - 0.5 bits; 0 of equals, 1 of topics that share no word."""
    apart = divergences(_of([[2, 2, 0], [7, 7, 0]]), _of([[5, 0, 0], [0, 0, 3], [1, 1, 0]]))
    np.testing.assert_allclose(apart, [[0.3113, 1, 0], [0.3113, 1, 0]], atol=5e-5)


def test_divergence_is_scipys_over_the_union_of_the_vocabularies():
    random = np.random.default_rng(0)
    p, q = random.integers(0, 9, (3, 4)), random.integers(1, 9, (2, 3))
    apart = divergences(_of(p, ("a", "b", "c", "d")), _of(q, ("b", "d", "e")))
    wide_p = np.concatenate([p, np.zeros((3, 1))], 1)
    wide_q = np.stack([0 * q[:, 0], q[:, 0], 0 * q[:, 0], q[:, 1], q[:, 2]], 1)
    expected = [[jensenshannon(x, y, base=2) ** 2 for y in wide_q] for x in wide_p]
    np.testing.assert_allclose(apart, expected, atol=1e-12)


def test_a_topic_without_tokens_is_like_another_and_like_no_other():
    np.testing.assert_array_equal(divergences(_of([[0, 0], [1, 0]]), _of([[0, 0], [1, 0]])), [[0, 1], [1, 0]])


def test_topics_found_in_another_order_keep_their_ids():
    counts = np.diag([9, 8, 7, 6]) + 1
    matching = match_topics(_of(counts[[2, 0, 3, 1]]), _of(counts), next_id=4)
    assert matching.ids.tolist() == [2, 0, 3, 1] and matching.new == matching.lost == ()
    assert list(matching.kept) == [0, 1, 2, 3]
    assert all(apart == pytest.approx(0, abs=1e-12) for apart in matching.kept.values())


def test_a_new_topic_gets_an_id_that_none_had_and_a_lost_one_leaves_its_own():
    before = _of([[9, 0, 0, 0], [0, 9, 0, 0]], ids=[0, 5])
    matching = match_topics(_of([[0, 0, 9, 0], [8, 1, 0, 0], [0, 0, 0, 9]]), before, next_id=7)
    assert matching.ids.tolist() == [7, 0, 8] and matching.new == (7, 8) and matching.lost == (5,)


def test_a_pair_that_is_none_does_not_break_up_one_that_is():
    """The sum of divergences is least crosswise, 0.31 + 0.61 < 0.11 + 1; but the second topic is like neither."""
    before, after = _of([[1, 0, 0], [0, 1, 0]]), _of([[8, 2, 0], [5, 0, 5]])
    np.testing.assert_allclose(divergences(before, after), [[0.11, 0.31], [0.61, 1.0]], atol=5e-3)
    matching = match_topics(after, before, next_id=2)
    assert matching.ids.tolist() == [0, 2] and matching.lost == (1,)


def test_a_pinned_topic_is_known_without_looking():
    before = _of([[9, 0, 0], [0, 9, 0]])
    matching = match_topics(_of([[0, 0, 9], [9, 0, 0]]), before, next_id=2, pinned={0: 0})
    assert matching.ids.tolist() == [0, 2] and matching.lost == (1,)


def _topics(*rows):
    return [Topic(i, f"name {i}", tuple(words.split()), None, 0.1, **more) for i, (words, more) in enumerate(rows)]


DOG = CorrectedTopic(1, "dog, running", ("dog", "running", "grass", "ball"))


def test_an_id_is_believed_where_the_words_agree_though_others_agree_more():
    now = _topics(("dog running grass stick", {}), ("dog grass park stick", {}))
    found = resolve_topic(DOG, now)
    assert (found.how, found.topic.id) == (MatchKind.SAME, 1) and found.overlap == pytest.approx(2 / 6)


@pytest.mark.parametrize("at_its_id", ["guitar song stage man", "dog grass park stick"])
def test_an_id_that_means_something_else_now_is_not_believed(at_its_id):
    found = resolve_topic(DOG, _topics((" ".join(DOG.words), {}), (at_its_id, {})))
    assert (found.how, found.topic.id) == (
        MatchKind.BY_WORDS,
        0,
    ) and "topic 1 (dog, running) is topic 0" in found.reason


@pytest.mark.parametrize("then", [DOG, CorrectedTopic(99, "dog", DOG.words)])
def test_a_topic_of_which_no_word_is_left_is_gone(then):
    found = resolve_topic(then, _topics(("guitar song", {}), ("surfing wave sea", {})))
    assert (found.how, found.topic) == (MatchKind.GONE, None) and "is gone" in found.reason
    assert resolve_topic(then, []).how is MatchKind.GONE


def test_a_merged_topic_is_the_one_that_it_was_merged_into():
    now = _topics(("cat cats sofa kitten", {}), (" ".join(DOG.words), {"fate": Fate.MERGED, "into": 0}))
    found = resolve_topic(DOG, now)
    assert (found.how, found.topic.id) == (MatchKind.MERGED, 0)


def test_a_topic_that_others_joined_is_still_itself_whatever_words_they_brought():
    now = _topics(("guitar song", {}), ("cat cats sofa kitten", {"found_words": DOG.words}))
    assert resolve_topic(DOG, now).how is MatchKind.SAME


def test_banned_and_lost_topics_are_no_answer():
    banned = _topics(("guitar song", {}), (" ".join(DOG.words), {"fate": Fate.BANNED}))
    assert (resolve_topic(DOG, banned).how, resolve_topic(DOG, banned).topic) == (MatchKind.BANNED, None)
    lost = _topics(("guitar song", {}), (" ".join(DOG.words), {"fate": Fate.LOST}))
    assert resolve_topic(DOG, lost).how is MatchKind.GONE


def test_a_name_that_changed_changes_nothing():
    now = _topics(("x y", {}), (" ".join(DOG.words), {"found_name": "dog, running"}))
    assert resolve_topic(DOG, now).how is MatchKind.SAME


def test_overlap_counts_words_that_both_have():
    assert overlap("abcd", "cdef") == 2 / 6 and overlap("", "a") == overlap("", "") == 0
