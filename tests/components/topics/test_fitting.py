"""From documents to labels."""

import json

import pytest

from topiclens.components.topics import fitting


def _fit(documents, **settings):
    return fitting.fit(documents, **{"n_topics": 4, "iterations": 100, **settings})


def test_every_video_has_the_topics_it_was_made_of(documents):
    """Planted words say their topic; a video's labels must be the topics that its words say."""
    fit = _fit(documents, min_share=0.1)
    planted_of = [int(topic.words[0][1]) for topic in fit.model.topics]
    assert sorted(planted_of) == [0, 1, 2, 3]
    for name, words in documents.items():
        assert {planted_of[topic] for topic in fit.labels[name]} == {int(word[1]) for word in words}


def test_equal_input_gives_equal_bytes(documents):
    first = _fit(documents, iterations=12)
    again = _fit(dict(reversed(documents.items())), iterations=12)
    assert first.to_files() == again.to_files()
    assert first.to_files() != _fit(documents, iterations=12, seed=1).to_files()


def test_labels_and_counts_average_the_last_samples(documents):
    tokens = sum(map(len, documents.values()))
    for iterations, samples in ((1, 1), (12, 3), (100, 20), (130, 20)):
        model = _fit(documents, iterations=iterations).model
        assert model.samples == samples
        assert model.counts.sum() == samples * tokens


def test_a_training_video_without_a_known_word_has_no_topic_and_disturbs_none(documents):
    with_silent = {**documents, "silent": [], "unknown": ["axolotl"]}
    fit = _fit(with_silent, iterations=20)
    assert fit.labels["silent"] == fit.labels["unknown"] == []
    assert all(topics for name, topics in fit.labels.items() if name in documents)


def test_a_corpus_of_a_few_videos_can_have_more_topics_than_words():
    documents = {"a": ["dog", "dog", "run"], "b": ["guitar", "run", "dog"]}
    fit = _fit(documents, n_topics=300, min_count=1)
    assert len({topic.name for topic in fit.model.topics}) == 300
    assert all(fit.labels.values())
    assert any(topic.name.startswith("unused") for topic in fit.model.topics)


def test_the_files_hold_all_videos_and_every_iteration(documents):
    fit = _fit(documents, iterations=7)
    files = fit.to_files({"held out": [1, 2]})
    rows = [json.loads(line) for line in files["labels.jsonl"].splitlines()]
    assert [row["video_id"] for row in rows] == sorted([*documents, "held out"])
    assert {"video_id": "held out", "topics": [1, 2]} in rows
    history = [json.loads(line) for line in files["log_likelihood.jsonl"].splitlines()]
    assert [row["iteration"] for row in history] == list(range(1, 8))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"n_topics": 0}, "n_topics is 0"),
        ({"max_topics": 0}, "max_topics is 0"),
        ({"min_count": 10_000}, "no word is seen 10000 times"),
    ],
)
def test_settings_out_of_range_are_named(documents, settings, message):
    with pytest.raises(ValueError, match=message):
        _fit(documents, **settings)
