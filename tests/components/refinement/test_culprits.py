"""Whom bisection accuses."""

import itertools

import pytest

from topiclens.components.refinement.gate import culprits


class Trials:
    """A batch passes unless it holds a bad item, or all of a bad combination; who asks is counted."""

    def __init__(self, *bad):
        self.bad = [set(one) for one in bad]
        self.asked = []

    def __call__(self, part):
        assert part and list(part) == sorted(part)  # never about nothing, always in the batch's order
        self.asked.append(list(part))
        return not any(one <= set(part) for one in self.bad)


@pytest.mark.parametrize("guilty", [one for count in (1, 2, 3) for one in itertools.combinations(range(7), count)])
def test_those_are_found_that_fail_a_batch_by_themselves(guilty):
    trials = Trials(*([item] for item in guilty))
    found, rest = culprits(range(7), trials)
    assert set(found) == set(guilty) and rest == [item for item in range(7) if item not in guilty]


def test_one_of_two_that_do_not_go_together_is_taken_out():
    found, rest = culprits(range(5), Trials({1, 3}))
    assert found == [3] and rest == [0, 1, 2, 4]


def test_a_batch_of_nothing_good_is_all_culprits():
    found, rest = culprits(range(3), Trials({0}, {1}, {2}))
    assert sorted(found) == [0, 1, 2] and rest == []


def test_one_culprit_costs_about_log_n_trials():
    trials = Trials({37})
    assert culprits(range(64), trials)[0] == [37]
    assert len(trials.asked) <= 7  # log2(64), and whether the rest passes


def test_whom_a_check_names_is_left_out_first():
    trials = Trials({2}, {5})
    assert culprits(range(8), trials, suspects=[5, 2]) == ([2, 5], [0, 1, 3, 4, 6, 7])
    assert len(trials.asked) == 1


def test_a_wrong_suspicion_does_not_mislead():
    found, rest = culprits(range(8), Trials({6}), suspects=[1])
    assert found == [6] and 1 in rest
