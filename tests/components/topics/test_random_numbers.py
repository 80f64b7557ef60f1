"""The generator against its published outputs."""

import numpy as np

from topiclens.components.topics import sampling_steps
from topiclens.components.topics.sampling_steps import begin_stream, below, seed_of, uniform


def test_outputs_are_those_of_splitmix64():
    state = np.array([1234567], np.uint64)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]  # of Vigna's splitmix64.c
    assert [int(sampling_steps._next(state)) for _ in published] == published


def test_draws_are_uniform():
    state = np.array([1], np.uint64)
    draws = np.array([below(state, 7) for _ in range(14_000)])
    assert draws.min() == 0 and draws.max() == 6
    expected = len(draws) / 7
    assert np.sum((np.bincount(draws) - expected) ** 2 / expected) < 22.5  # chi-square, 6 degrees, p = 0.001
    reals = np.array([uniform(state) for _ in range(10_000)])
    assert reals.min() >= 0 and reals.max() < 1 and abs(reals.mean() - 0.5) < 0.01


def test_streams_differ_by_seed_visit_and_row():
    first = set()
    for seed in range(4):
        for visit in range(4):
            for row in range(4):
                state = np.empty(1, np.uint64)
                begin_stream(state, seed, visit, row)
                first.add(uniform(state))
    assert len(first) == 4**3


def test_a_names_seed_depends_on_name_and_seed_alone():
    assert seed_of("video1", 0) == seed_of("video1", 0)
    assert len({seed_of("video1", 0), seed_of("video2", 0), seed_of("video1", 1)}) == 3
