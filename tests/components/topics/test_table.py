"""Names and the table that people read."""

import numpy as np
import pytest

from topiclens.components.topics.documents import Corpus
from topiclens.components.topics.table import Topic, describe_topics, mean_npmi, most_relevant, name_topics, table_rows
from topiclens.schemas.plain import from_plain, to_plain


def test_forms_of_one_word_make_one_part_of_a_name():
    assert name_topics([["cutting", "cut", "cuts", "onion", "knife"]]) == ["cutting, onion"]


def test_names_differ_though_topics_begin_alike():
    words = ["man", "guitar", "stage"], ["man", "guitar", "street"], ["man", "guitar", "stage"]
    names = name_topics(words)
    assert names[0] == "man, guitar" and names[1] == "man, guitar, street"
    assert len(set(names)) == 3


@pytest.mark.parametrize("same", [["dog"], [], ["dog", "dogs"]])
def test_names_differ_even_where_no_further_word_tells_topics_apart(same):
    names = name_topics([same] * 4)
    assert len(set(names)) == 4 and all(names)


def test_a_word_that_every_topic_has_does_not_lead_them():
    counts = np.array([[45, 40, 0], [45, 0, 40]])  # "man" in both, "guitar" in one, "horse" in the other
    phi = (counts + 0.01) / (counts + 0.01).sum(1, keepdims=True)
    assert most_relevant(phi, counts)[:, 0].tolist() == [1, 2]


@pytest.fixture
def topics():
    corpus = Corpus.from_documents(
        {"a": ["dog", "dog", "bark"], "b": ["guitar", "song"], "c": ["dog", "bark"], "d": ["song"]}, min_count=1
    )
    assert corpus.words == ("bark", "dog", "guitar", "song")
    counts = np.array([[2, 3, 0, 0], [0, 0, 0, 0], [0, 0, 1, 2]])
    phi = (counts + 0.1) / (counts + 0.1).sum(1, keepdims=True)
    return describe_topics(corpus, phi, counts, [[0], [2], [0, 2], []])


def test_a_topic_is_described_by_the_words_it_holds_and_the_videos_it_occurs_in(topics):
    assert [topic.id for topic in topics] == [0, 1, 2]
    assert topics[0].words == ("dog", "bark") and topics[2].words == ("song", "guitar")
    assert [topic.share_of_videos for topic in topics] == [0.5, 0.0, 0.5]
    assert topics[0].npmi == 1.0  # dog and bark are in the same two of four documents


def test_a_topic_that_no_token_has_is_called_so(topics):
    assert topics[1] == Topic(1, "unused topic 1", (), None, 0.0)
    assert mean_npmi(topics) == pytest.approx((topics[0].npmi + topics[2].npmi) / 2)


def test_the_table_lists_topics_by_how_often_they_occur():
    rows = [
        Topic(0, "dog, barking", ("dog", "barking"), 0.5, 0.1),
        Topic(1, "unused topic 1", (), None, 0.0),
        Topic(2, "guitar, playing", ("guitar", "playing", "man"), -0.25, 0.3),
    ]
    header, first, _, last = table_rows(rows)
    assert header == ("id", "videos", "NPMI", "name", "words")
    assert [row[0] for row in table_rows(rows)[1:]] == ["2", "0", "1"]
    assert first == ("2", "30.0%", "-0.25", "guitar, playing", "guitar playing man")
    assert last == ("1", "0.0%", "-", "unused topic 1", "")


def test_a_topic_survives_its_json():
    topic = Topic(3, "dog, barking", ("dog", "barking"), None, 0.25)
    assert from_plain(Topic, to_plain(topic, defaults=False)) == topic
