"""Content words and their numbers."""

import numpy as np
import pytest

from topiclens.components.topics.documents import Corpus, content_words, index_of, number_words, stop_words


def test_stop_words_punctuation_numbers_and_single_letters_say_nothing():
    captions = ["A man isn't slicing 2 tomatoes; he's done.", "THE MAN'S COOKING!", "x x x"]
    assert content_words(captions) == ["man", "slicing", "tomatoes", "man", "cooking"]


def test_the_stop_words_leave_what_a_video_shows():
    shown = {"man", "woman", "two", "three", "red", "top", "front", "little", "side", "people", "running"}
    assert not shown & stop_words()
    assert not any("#" in word for word in stop_words()), "a comment was read as words"
    assert {"a", "the", "is", "'s", "n't", "with", "into"} <= stop_words()


def test_the_corpus_holds_the_words_seen_often_enough_in_the_order_of_each_document():
    corpus = Corpus.from_documents({"b": ["dog", "cat", "dog"], "a": ["fox", "cat", "owl"], "c": ["owl"]}, min_count=2)
    assert corpus.words == ("cat", "dog", "owl")
    assert corpus.ids == ("a", "b", "c")
    assert [[corpus.words[word] for word in corpus.document(d)] for d in range(3)] == [
        ["cat", "owl"],
        ["dog", "cat", "dog"],
        ["owl"],
    ]


def test_the_order_in_which_documents_arrive_is_forgotten(documents):
    one = Corpus.from_documents(documents)
    other = Corpus.from_documents(dict(reversed(documents.items())))
    assert one.words == other.words and one.ids == other.ids
    np.testing.assert_array_equal(one.tokens, other.tokens)


def test_a_document_without_a_known_word_is_kept_empty():
    corpus = Corpus.from_documents({"known": ["dog"] * 3, "rare": ["axolotl"], "silent": []}, min_count=3)
    assert [len(corpus.document(d)) for d in range(3)] == [3, 0, 0]


@pytest.mark.parametrize("documents", [{}, {"a": []}, {"a": ["dog", "cat"]}])
def test_no_word_often_enough_is_an_error_that_says_what_to_do(documents):
    with pytest.raises(ValueError, match="no word is seen 3 times.*Lower `min_count`"):
        Corpus.from_documents(documents, min_count=3)


def test_unknown_words_have_no_number():
    numbers = number_words(["fox", "dog", "emu", "cat"], index_of(("cat", "dog")))
    np.testing.assert_array_equal(numbers, [1, 0])
