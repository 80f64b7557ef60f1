"""BLEU, ROUGE-L and CIDEr equal coco-caption's, and do what their papers say."""

import math
import random
import time

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from topiclens.components.captions.cider import CiderScorer
from topiclens.components.captions.evaluator import evaluate_captions, score_captions

SEEDS = range(4)
TOLERANCE = 1e-9
BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")


def coco(scorer, references, captions, **arguments):
    """The corpus' score and each video's, by the wheel; a caption is a list of one there."""
    return scorer.compute_score(references, {video_id: [text] for video_id, text in captions.items()}, **arguments)


@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_of_a_corpus_and_of_each_caption_equal_coco_captions(corpus, seed):
    references, captions = corpus(seed)
    expected, expected_each = coco(Bleu(4), references, captions, verbose=0)
    found = evaluate_captions(references, captions, BLEU)
    assert list(found.metrics.values()) == pytest.approx(expected, abs=TOLERANCE)
    each = np.array([list(values.values()) for values in found.by_video.values()]).T
    np.testing.assert_allclose(each, expected_each, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_rouge_l_of_each_caption_equals_coco_captions(corpus, seed):
    references, captions = corpus(seed)
    _, expected = coco(Rouge(), references, captions)
    found = evaluate_captions(references, captions, ("ROUGE-L",)).by_video.values()
    np.testing.assert_allclose([one["ROUGE-L"] for one in found], expected, atol=TOLERANCE)


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
    references = {"mat": ["the cat is on the mat", "there is a cat on the mat"]}
    found = score_captions(references, {"mat": "the the the the the the the"}, BLEU)
    assert found["BLEU-1"] == pytest.approx(2 / 7, abs=1e-6)


@pytest.mark.parametrize(("lengths", "closest"), [((4, 8), 4), ((5, 7), 5), ((9, 7), 7), ((6,), 6)])
def test_bleu_measures_length_by_the_closest_reference_the_shorter_of_two(lengths, closest):
    references = [" ".join("abcdefghi"[:length]) for length in lengths]
    found = score_captions({"v": references}, {"v": "a b c d e f"}, BLEU)
    expected = min(6, max(lengths)) / 6 * math.exp(min(0, 1 - closest / 6))
    assert found["BLEU-1"] == pytest.approx(expected, abs=1e-6)


def test_a_perfect_corpus_scores_one_and_ten(corpus):
    references, _ = corpus(0)
    captions = {video_id: f"{video_id} {texts[0]} here now" for video_id, texts in references.items()}
    references = {video_id: [caption] for video_id, caption in captions.items()}
    found = evaluate_captions(references, captions, ("BLEU-4", "ROUGE-L"))
    assert found.metrics["BLEU-4"] == pytest.approx(1.0, abs=1e-6)
    assert [one["ROUGE-L"] for one in found.by_video.values()] == pytest.approx([1.0] * len(references))
    assert CiderScorer(references).score(captions) == pytest.approx(dict.fromkeys(references, 10.0))


def test_rouge_l_of_one_reference_follows_from_the_longest_common_subsequence():
    rng = random.Random(0)

    def is_subsequence(chosen, words):
        remaining = iter(words)
        return all(word in remaining for word in chosen)

    for _ in range(50):
        left, right = ([rng.choice("bcd") for _ in range(rng.randint(1, 7))] for _ in range(2))
        masks = ([word for bit, word in enumerate(left) if mask >> bit & 1] for mask in range(2 ** len(left)))
        common = max(len(chosen) for chosen in masks if is_subsequence(chosen, right))
        precision, recall = common / len(left), common / len(right)
        expected = 2.44 * precision * recall / (recall + 1.44 * precision) if common else 0  # eq. 2-4, beta 1.2
        found = score_captions({"v": [" ".join(right)]}, {"v": " ".join(left)}, ("ROUGE-L",))
        assert found["ROUGE-L"] == pytest.approx(expected)


def test_an_empty_caption_scores_zero_by_every_metric():
    references = {"a": ["a man runs"], "b": ["two dogs", ""]}
    found = evaluate_captions(references, {"a": "", "b": ""}, ("BLEU-1", "ROUGE-L")).by_video.values()
    assert [one["BLEU-1"] for one in found] == pytest.approx([0, 0], abs=1e-9)
    assert [one["ROUGE-L"] for one in found] == [0, 0]
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
