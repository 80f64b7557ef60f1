"""Words and numbers."""

import random
from collections import Counter

import pytest

from topiclens.trainer.vocabulary import BOS, EOS, PAD, SPECIAL_WORDS, UNK, Vocabulary, tokenize


@pytest.mark.parametrize(
    "caption, words",
    [
        ("A man is singing.", "a man is singing"),
        ("The dog's T-shirt isn't red!", "the dog 's t-shirt is n't red"),
        ("The dog 's tail", "the dog 's tail"),
        ("they\u2019re 3,000 -- or 2.5 --metres away", "they 're 3,000 or 2.5 metres away"),
        ('"Hello" ( said ) a boy_scout ...', "hello said a boy scout"),
        ("Un caf\u00e9 \u6c34", "un caf\u00e9 \u6c34"),
        ("cafe\u0301", "caf\u00e9"),
        (" .,!? ", ""),
    ],
)
def test_tokenize_cuts_as_the_caption_metrics_do(caption, words):
    assert tokenize(caption) == words.split()


def test_tokenizing_the_joined_words_changes_nothing():
    text = "The dog's T-shirt isn't red; they've 2.5 'quoted' words - can't he?"
    once = tokenize(text)
    assert tokenize(" ".join(once)) == once


def test_words_are_ordered_by_count_then_alphabet_whatever_the_order_of_counting():
    counts = {"b": 3, "a": 3, "c": 9, "rare": 1}
    expected = (*SPECIAL_WORDS, "c", "a", "b")
    for seed in range(5):
        items = list(counts.items())
        random.Random(seed).shuffle(items)
        assert Vocabulary.from_counts(dict(items), min_count=2).words == expected


def test_from_captions_equals_counting_by_hand():
    captions = ["A dog.", "a DOG runs", "the dog"]
    counts = Counter(word for caption in captions for word in tokenize(caption))
    assert Vocabulary.from_captions(captions, min_count=2) == Vocabulary.from_counts(counts, min_count=2)


def test_encode_then_decode_gives_the_words_back_and_unk_for_strangers():
    vocabulary = Vocabulary(["a", "dog", "runs"])
    assert vocabulary.encode("A dog flies") == [4, 5, UNK]
    assert vocabulary.decode([BOS, *vocabulary.encode("a dog runs"), EOS, PAD, 4]) == "a dog runs"


def test_the_file_has_one_word_a_line_in_order(tmp_path):
    vocabulary = Vocabulary(["caf\u00e9", "dog", "'s"])
    vocabulary.save(tmp_path / "vocabulary.txt")
    assert (tmp_path / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[vocabulary.id("dog")] == "dog"
    assert Vocabulary.load(tmp_path / "vocabulary.txt") == vocabulary
    assert [path.name for path in tmp_path.iterdir()] == ["vocabulary.txt"]


@pytest.mark.parametrize("words", [["dog", "dog"], ["<unk>"], [""], ["two words"]])
def test_a_vocabulary_that_cannot_be_read_back_is_refused(words):
    with pytest.raises(ValueError):
        Vocabulary(words)


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "vocabulary.txt").write_text("a\ndog\n")
    with pytest.raises(ValueError, match="vocabulary.txt does not begin with"):
        Vocabulary.load(tmp_path / "vocabulary.txt")


def test_no_frequent_word_is_an_error_that_names_the_setting():
    with pytest.raises(ValueError, match="min_count"):
        Vocabulary.from_captions(["a dog"], min_count=5)
