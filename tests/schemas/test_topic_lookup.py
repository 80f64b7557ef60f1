"""A topic goes by its id, its name, or a word of it, and by nothing that could mean another one."""

import subprocess
import sys

import pytest

from topiclens.components.topics.table import Topic
from topiclens.schemas.topic_lookup import UnknownTopic, exact_topic, find_topic, search_topics

TOPICS = [
    Topic(0, "dog, running", ("dog", "running", "field"), 0.1, 0.2),
    Topic(1, "at sea", ("wave", "surfer"), 0.1, 0.2, found_name="wave, surfer"),
    Topic(2, "man, suit", ("man", "suit", "field"), 0.1, 0.1),
    Topic(3, "man, roof", ("roof", "dog"), None, 0.0),
    Topic(4, "wave", ("hand", "2"), None, 0.0),
]


@pytest.mark.parametrize(
    "text, topic",
    [
        ("1", 1), (1, 1), ("At Sea", 1), (" wave, surfer ", 1), ("wave", 4), ("suit", 2), ("sea", 1), ("HAND", 4),
        ("dog", 0), ("2", 2),
    ],
)  # fmt: skip
def test_an_id_goes_before_a_name_a_name_before_its_words_and_these_before_the_top_words(text, topic):
    assert find_topic(text, TOPICS).id == topic


@pytest.mark.parametrize("text", ["man", "field"])
def test_a_word_of_several_topics_is_refused_with_those_topics(text):
    holders = [topic for topic in TOPICS if text in topic.words or text in topic.name]
    with pytest.raises(UnknownTopic, match="Give its id") as caught:
        find_topic(text, TOPICS)
    assert all((f"{topic.id} ({topic.name})" in str(caught.value)) == (topic in holders) for topic in TOPICS)


@pytest.mark.parametrize(
    "text, said",
    [("surfr", r"no topic 'surfr'. Did you mean 1 \(at sea\)\?"), ("rooof", r"3 \(man, roof\)"),
     ("zebra", "topiclens topics"), ("99", "from 0 to 4"), (-1, "no topic -1"), ("", "no topic ''")],
)  # fmt: skip
def test_an_unknown_topic_is_refused_with_what_is_spelt_like_it_or_where_the_topics_are_listed(text, said):
    with pytest.raises(UnknownTopic, match=said):
        find_topic(text, TOPICS)
    assert exact_topic(text, TOPICS) is None


def test_every_topic_is_found_by_its_id_and_by_its_name():
    for topic in TOPICS:
        assert find_topic(topic.id, TOPICS) is find_topic(topic.name, TOPICS) is topic


def test_a_search_lists_names_before_words_and_all_topics_by_name_where_it_is_empty():
    assert [topic.id for topic in search_topics("man", TOPICS)] == [3, 2]
    assert [topic.id for topic in search_topics("wav", TOPICS)] == [4, 1]
    assert [topic.name for topic in search_topics(" ", TOPICS)] == sorted(topic.name for topic in TOPICS)
    assert search_topics("cat", TOPICS) == []


def test_a_lookup_needs_neither_numpy_nor_tensorflow():
    code = "import sys, topiclens.schemas.topic_lookup; sys.exit(bool({'numpy', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
