"""BLEU, ROUGE-L and CIDEr equal coco-caption's, and do what their papers say."""

import math
import random
import time

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from topiclens.components.captions.bleu import bleu, statistics
from topiclens.components.captions.cider import CiderScorer
from topiclens.components.captions.rouge import common_subsequence_length, rouge_l

SEEDS = range(4)
TOLERANCE = 1e-9


def coco(scorer, references, captions, **arguments):
    """The corpus' score and each video's, by the wheel; a caption is a list of one there."""
    return scorer.compute_score(references, {video_id: [text] for video_id, text in captions.items()}, **arguments)


@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_of_a_corpus_and_of_each_caption_equal_coco_captions(corpus, seed):
    references, captions = corpus(seed)
    expected, expected_each = coco(Bleu(4), references, captions, verbose=0)
    counted = [statistics(references[video_id], captions[video_id]) for video_id in references]
    assert list(bleu(counted).values()) == pytest.approx(expected, abs=TOLERANCE)
    each = np.array([list(bleu([one]).values()) for one in counted]).T
    np.testing.assert_allclose(each, expected_each, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_rouge_l_of_each_caption_equals_coco_captions(corpus, seed):
    references, captions = corpus(seed)
    _, expected = coco(Rouge(), references, captions)
    scores = [rouge_l(references[video_id], captions[video_id]) for video_id in references]
    np.testing.assert_allclose(scores, expected, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_cider_of_each_caption_equals_coco_captions(corpus, seed):
    references, captions = corpus(seed)
    references["video0"].append("")  # a reference of punctuation alone
    _, expected = coco(Cider(), references, captions)
    scores = CiderScorer(references).score(captions)
    np.testing.assert_allclose(list(scores.values()), expected, atol=TOLERANCE)


def test_cider_of_a_single_video_is_zero_since_every_word_is_in_every_video(corpus):
    scores = CiderScorer({"only": ["a man runs", "a man"]}).score({"only": "a man runs"})
    assert scores == {"only": 0.0}


def test_bleu_ignores_a_word_said_more_often_than_by_any_reference():
    """The 'the the the' example of Papineni et al., §2.1: modified unigram precision 2/7."""
    counted = statistics(["the cat is on the mat", "there is a cat on the mat"], "the the the the the the the")
    assert counted.matches[0] == 2
    assert counted.length == 7


@pytest.mark.parametrize(("lengths", "closest"), [((4, 8), 4), ((5, 7), 5), ((9, 7), 7), ((6,), 6)])
def test_bleu_measures_length_by_the_closest_reference_the_shorter_of_two(lengths, closest):
    references = [" ".join("w" * length) for length in lengths]
    assert statistics(references, "a b c d e f").reference_length == closest


def test_a_perfect_corpus_scores_one_and_ten(corpus):
    references, _ = corpus(0)
    captions = {video_id: f"{video_id} {texts[0]} here now" for video_id, texts in references.items()}
    references = {video_id: [caption] for video_id, caption in captions.items()}
    counted = [statistics(references[video_id], captions[video_id]) for video_id in references]
    assert bleu(counted)["BLEU-4"] == pytest.approx(1.0, abs=1e-6)
    rouges = [rouge_l(references[video_id], captions[video_id]) for video_id in references]
    assert rouges == pytest.approx([1.0] * len(rouges))
    assert CiderScorer(references).score(captions) == pytest.approx(dict.fromkeys(references, 10.0))


def test_the_longest_common_subsequence_equals_a_search_through_all_subsequences():
    rng = random.Random(0)

    def is_subsequence(chosen, words):
        remaining = iter(words)
        return all(word in remaining for word in chosen)

    for _ in range(50):
        left, right = ([rng.choice("abc") for _ in range(rng.randint(0, 7))] for _ in range(2))
        masks = ([word for bit, word in enumerate(left) if mask >> bit & 1] for mask in range(2 ** len(left)))
        expected = max(len(chosen) for chosen in masks if is_subsequence(chosen, right))
        assert common_subsequence_length(left, right) == expected


def test_an_empty_caption_scores_zero_by_every_metric():
    references = {"a": ["a man runs"], "b": ["two dogs", ""]}
    assert bleu([statistics(references["a"], "")])["BLEU-1"] == pytest.approx(0, abs=1e-9)
    assert [rouge_l(texts, "") for texts in references.values()] == [0, 0]
    assert set(CiderScorer(references).score({"a": "", "b": ""}).values()) == {0.0}


def test_cider_weighs_a_word_by_its_rarity_among_the_videos():
    references = {"a": ["man walks"], "b": ["man sleeps"], "c": ["man jumps"], "d": ["dog eats"]}
    scorer = CiderScorer(references)
    assert scorer.score_one("a", "walks") > scorer.score_one("a", "man") > scorer.score_one("a", "eats") == 0


def test_scoring_a_second_epoch_costs_a_fraction_of_preparing_the_references(corpus):
    """The reference side is most of the work, and is done once."""
    references, captions = corpus(0, videos=300)
    references = {video_id: texts * 4 for video_id, texts in references.items()}
    start = time.perf_counter()
    scorer = CiderScorer(references)
    prepared = time.perf_counter()
    scores = scorer.score(captions)
    scored = time.perf_counter()
    assert scored - prepared < prepared - start
    assert math.isfinite(sum(scores.values()))
