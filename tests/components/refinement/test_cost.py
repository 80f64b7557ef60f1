"""What a refinement costs the captions of other videos, and how far it may go for that."""

import numpy as np
import pytest

from topiclens.components.refinement.candidate_captioner import RefinedEncoder, Teacher, furthest
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.schemas.records import VideoRecord

BETTER, SAME, WORSE = "a dog runs on the grass", "a dog runs on grass there", "a cat"
VIDEOS = [
    VideoRecord(f"v{i}", "train", np.ones((1, 2)), (BETTER.replace("grass", word),), np.array([1, i == 2, 0]))
    for i, word in enumerate(("grass", "sand", "snow"))
]


class PlantedCandidates:
    """Whose candidates say what their encoder is."""

    untouched = RefinedEncoder(SAME)
    naming = (("dog",), ("cat", "kitten"), ("grass",))

    def captions(self, candidate, videos):
        return {video.video_id: candidate.encoder for video in videos}


@pytest.fixture(scope="module")
def cost():
    return Teacher(PlantedCandidates(), RefinementSettings(), VIDEOS).cost


def test_better_captions_cost_less_than_nothing_and_worse_ones_at_most_all(cost):
    assert cost(PlantedCandidates.untouched) == 0
    assert (
        cost(RefinedEncoder(BETTER)) < 0 < cost(RefinedEncoder("a dog runs there")) < cost(RefinedEncoder(WORSE)) <= 1
    )


def test_where_the_parent_scores_nothing_there_is_nothing_to_lose():
    candidates = PlantedCandidates()
    candidates.untouched = RefinedEncoder("nothing of it")
    assert Teacher(candidates, RefinementSettings(), VIDEOS).cost(RefinedEncoder("nothing of this")) == 0


def test_a_video_is_wrong_that_names_a_taught_topic_which_it_lacks_and_did_not_name():
    """The third video has a cat; all captions name the grass before."""
    teacher = Teacher(PlantedCandidates(), RefinementSettings(), VIDEOS)
    cat = RefinedEncoder("a cat and a kitten on the grass")
    assert teacher.wrong(cat, {1}) == 1 and teacher.wrong(PlantedCandidates.untouched, {1}) == 0
    assert teacher.wrong(cat, {2}) == 0, "there is no video of which it could be asked"
    assert teacher.wrong(RefinedEncoder("a dog"), {0, 1, 2}) == 0
    assert not teacher.affords(cat, {1}) and teacher.affords(PlantedCandidates.untouched, {1})


GRID = (3, 30, 100, 10, 30)


@pytest.mark.parametrize(
    "says, costs, chosen, taught",
    [
        ({100, 30, 10, 3}, {100: 0.0, 30: 0.01, 10: 0.04, 3: 0.2}, 10, {10, 3}),
        ({100, 30, 10, 3}, {100: -0.1, 30: 0.0, 10: 0.0, 3: 0.05}, 3, {10, 3}),
        ({100, 30, 10, 3}, {100: 0.3, 30: 0.4, 10: 0.5, 3: 0.6}, 100, {100, 30, 10}),  # the nearest, though too dear
        ({3}, {100: 0.0, 30: 0.02, 10: 0.3, 3: 0.4}, 3, {30, 10, 3}),  # else all is in vain
        ({100, 10}, {100: 0.0, 30: 0.02, 10: 0.3, 3: 0.4}, 10, {30, 10}),
        (set(), {100: 0.0, 30: 0.1, 10: 0.3, 3: 0.4}, 100, {100, 30, 10, 3}),
    ],
)
def test_all_is_taken_that_may_be(says, costs, chosen, taught):
    tried = set()

    def teach(mu):
        tried.add(mu)
        return mu

    assert furthest(GRID, teach, says.__contains__, lambda mu: costs[mu] <= 0.05) == (chosen, chosen)
    assert tried == taught


def test_a_single_mu_is_fixed_and_costs_nothing_to_find():
    assert furthest((7.0,), str, lambda _: False, None) == ("7.0", 7.0)
