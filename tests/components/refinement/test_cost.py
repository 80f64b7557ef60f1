"""What a refinement costs the captions of other videos, and how far it may go for that."""

import numpy as np
import pytest

from components.refinement.bench import Candidate
from components.refinement.cost import CaptionCost, furthest
from schemas.records import VideoRecord

BETTER, SAME, WORSE = "a dog runs on the grass", "a dog runs on grass there", "a cat"
VIDEOS = [
    VideoRecord(f"v{i}", "train", np.ones((1, 2)), (BETTER.replace("grass", word),), np.zeros(1))
    for i, word in enumerate(("grass", "sand", "snow"))
]


class PlantedBench:
    """Whose candidates say what their encoder is."""

    untouched = Candidate(SAME)

    def captions(self, candidate, videos):
        return {video.video_id: candidate.encoder for video in videos}


@pytest.fixture(scope="module")
def cost():
    return CaptionCost(PlantedBench(), VIDEOS)


def test_better_captions_cost_less_than_nothing_and_worse_ones_at_most_all(cost):
    assert cost(PlantedBench.untouched) == 0
    assert cost(Candidate(BETTER)) < 0 < cost(Candidate("a dog runs there")) < cost(Candidate(WORSE)) <= 1


def test_where_the_parent_scores_nothing_there_is_nothing_to_lose():
    bench = PlantedBench()
    bench.untouched = Candidate("nothing of it")
    assert CaptionCost(bench, VIDEOS)(Candidate("nothing of this")) == 0


@pytest.mark.parametrize(
    "said, costs, taught, chosen",
    [
        ({100: 0, 30: 1, 10: 1, 3: 1}, {100: 0.0, 30: 0.01, 10: 0.04, 3: 0.2}, [100, 30, 10, 3], 10),
        ({100: 1, 30: 1, 10: 1, 3: 1}, {100: 0.3, 30: 0.4, 10: 0.5, 3: 0.6}, [100, 30], 100),  # the least is too much
        ({100: 0, 30: 0, 10: 1, 3: 1}, {100: 0.0, 30: 0.02, 10: 0.3, 3: 0.4}, [100, 30, 10, 3], 10),  # else all is vain
        ({100: 1, 30: 3, 10: 2, 3: 5}, {100: 0.0, 30: 0.3, 10: 0.4, 3: 0.5}, [100, 30, 10], 30),
        ({100: 0, 30: 0, 10: 0, 3: 0}, {100: 0.3, 30: 0.4, 10: 0.5, 3: 0.6}, [100, 30], 100),
        ({100: 1, 30: 1, 10: 1, 3: 1}, {100: -0.1, 30: 0.0, 10: 0.0, 3: 0.05}, [100, 30, 10, 3], 3),
    ],
)
def test_all_is_taken_that_may_be(said, costs, taught, chosen):
    tried = []

    def teach(mu):
        tried.append(mu)
        return f"taught with {mu}"

    found = furthest((3, 30, 100, 10, 30), teach, lambda _: said[tried[-1]], lambda _: costs[tried[-1]], max_cost=0.05)
    assert tried == taught and found == (f"taught with {chosen}", chosen)


def test_a_single_mu_is_fixed():
    assert furthest((7.0,), str, lambda _: 0, lambda _: 1.0, max_cost=0.0) == ("7.0", 7.0)
