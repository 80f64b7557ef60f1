"""Evidence is weak where frames do not differ, whatever its size and sign; its parts are what they are said to be."""

import numpy as np
import pytest

from topiclens.components.relevance.evidence import STRONG_FROM, WEAK_BELOW, above_others, frame_evidence, level_of
from topiclens.schemas.timelines import EvidenceLevel


@pytest.mark.parametrize("time", [1, 2, 28])
def test_even_frames_are_no_evidence_and_one_frame_with_all_of_it_is_the_most(time):
    alone = np.eye(time)[0]
    even, all_in_one = frame_evidence(np.stack([np.full(time, -0.3), 7 * alone]))
    assert even.uneven == 0 and even.level is EvidenceLevel.WEAK
    assert all_in_one.uneven == pytest.approx(1 - 1 / time, abs=1e-6)


@pytest.mark.parametrize(
    "better_half, level", [(0.64, "weak"), (0.66, "moderate"), (0.84, "moderate"), (0.86, "strong")]
)
def test_the_levels_are_what_the_better_half_of_the_frames_holds(better_half, level):
    row = np.repeat([better_half / 4, (1 - better_half) / 4], 4)
    (found,) = frame_evidence(row[None])
    assert found.level == level and found.uneven == pytest.approx(better_half - 0.5, abs=1e-6)
    assert found.particular == () and found.apart is None and found.most_particular is None, "there is no other word"


def test_it_has_no_unit():
    rows = np.random.default_rng(0).normal(size=(4, 9))
    for one, other in zip(frame_evidence(rows), frame_evidence(rows * np.array([[1.0], [-1.0], [50.0], [0.01]]))):
        assert one.uneven == pytest.approx(other.uneven, abs=1e-6)


def test_what_would_have_to_move_is_what_the_better_frames_have_too_much():
    row = np.random.default_rng(1).dirichlet(np.ones(12))
    (found,) = frame_evidence(row[None])
    assert found.uneven == pytest.approx(np.maximum(row - 1 / 12, 0).sum(), abs=1e-6)


def test_what_is_particular_is_over_the_mean_of_the_other_words():
    shares = np.random.default_rng(2).dirichlet(np.ones(6), size=3)
    for place, found in enumerate(frame_evidence(shares)):
        others = np.mean([shares[other] for other in range(3) if other != place], axis=0)
        assert found.particular == pytest.approx(shares[place] - others, abs=1e-6)
        assert found.apart == pytest.approx(1 - np.minimum(shares[place], others).sum(), abs=1e-5)
        assert found.most_particular == np.argmax(shares[place] - others)
    same = frame_evidence(np.stack([shares[0], 3 * shares[0]]))
    assert [one.apart for one in same] == [0, 0]


def test_silence_is_no_evidence():
    found = frame_evidence(np.zeros((2, 5)))
    assert [one.level for one in found] == [EvidenceLevel.WEAK] * 2
    assert frame_evidence(np.zeros((0, 5))) == [] and above_others(np.zeros((1, 5))) is None


def test_the_levels_are_in_order():
    assert [level_of(value) for value in (0, WEAK_BELOW, STRONG_FROM)] == list(EvidenceLevel)
