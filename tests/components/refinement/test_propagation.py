"""Eq. 10 against its definition, finite differences and its limits; and all that it must leave alone."""

import dataclasses

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from tests.components.neurons.planted import MAN, links
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.refinement.nearness import nearness_of
from topiclens.components.refinement.propagation import CorrectedVideo, Eq10, propagate
from topiclens.components.refinement.settings import NEARNESS
from topiclens.schemas.records import VideoRecord

NEURONS = 8
ENHANCEMENT = named_enhancement(links())
ADDED = 0.5 * (np.arange(NEURONS) == MAN)  # what topic 1 adds at strength 1


@pytest.fixture(scope="module")
def parent():
    return small_captioner()


@pytest.fixture(scope="module")
def videos():
    """Clips of one to four frames."""
    rng = np.random.default_rng(1)
    frames = [rng.normal(size=(1 + i % 4, 6)).astype(np.float32) for i in range(9)]
    return [VideoRecord(f"video{i}", "train", clip, (), np.zeros(3)) for i, clip in enumerate(frames)]


def corrections(videos, strength=0.2):
    """Clips of two, three and four frames; the last one misses both topics."""
    return [
        CorrectedVideo(videos[1], {1: strength}),
        CorrectedVideo(videos[2], {0: strength}),
        CorrectedVideo(videos[3], {0: strength, 1: -strength}),
    ]


def weights(part) -> list[np.ndarray]:
    return [np.array(variable) for variable in part.weights]


def v_of(captioner, video):
    """v of a video that is encoded alone."""
    return np.array(captioner.encode(video.frames[None])["v"])[0]


def refined(found):
    """A captioner with the refined encoder."""
    child = small_captioner()
    child.encoder.set_weights(found.encoder)
    return child


@pytest.mark.parametrize("name", NEARNESS)
def test_the_gradient_is_that_of_finite_differences(parent, videos, name):
    added = np.random.default_rng(0).normal(0, 0.3, (3, NEURONS))
    objective = Eq10(parent, videos[1:4], added, mu=0.7, nearness=nearness_of(name, parent, videos))
    rng = np.random.default_rng(1)
    here = rng.normal(0, 0.2, objective.start.shape).astype(np.float32)  # away from theta: the second term counts too
    _, gradient = objective(here)
    first = 0
    for size in [np.prod(values.shape) for values in objective.theta(here)]:
        along = np.zeros_like(here)
        along[first : first + size] = rng.normal(size=size)
        first += size
        up, down = (objective(here + np.float32(step) * along)[0] for step in (0.01, -0.01))
        assert gradient @ along == pytest.approx((up - down) / 0.02, rel=5e-3, abs=1e-3)
    assert first == len(here)


def test_the_value_is_eq_10_of_clips_encoded_one_by_one(parent, videos):
    child, clips = small_captioner(), videos[1:4]
    added, mu = np.random.default_rng(2).normal(0, 0.3, (3, NEURONS)), 0.7
    objective = Eq10(parent, clips, added, mu)
    here = objective.start + np.float32(0.1)
    moved = 0.01 * len(here)
    child.encoder.set_weights(objective.theta(here))
    distances = [
        np.mean(np.sum((v_of(child, clip) - (v_of(parent, clip) + more)) ** 2, axis=1))
        for clip, more in zip(clips, added)
    ]
    np.testing.assert_allclose(objective.distances(here), distances, rtol=1e-4)
    assert objective(here)[0] == pytest.approx(np.sum(distances) + mu * moved, rel=1e-4)
    assert objective.moved(here) == pytest.approx(np.sqrt(moved), rel=1e-4)


def test_what_a_correction_asks_for_is_the_enhancement(parent, videos):
    found = propagate(parent, ENHANCEMENT, corrections(videos, strength=3), steps=1)
    # v* - v is the same at every real frame: 1.5 at the man's neuron, at the dog's, at both.
    np.testing.assert_allclose(found.before, [1.5**2, 1.5**2, 2 * 1.5**2], rtol=1e-4)
    wanted = v_of(parent, videos[1]) + 3 * ADDED
    outside = np.maximum(np.abs(wanted) - 1, 0)
    assert found.least[0] == pytest.approx(np.mean(np.sum(outside**2, axis=1)), rel=1e-3) and found.least[0] > 0


@pytest.mark.parametrize("nearness", [None, "gates"])
def test_a_topic_neuron_comes_to_say_whatever_is_asked_and_no_other_neuron_moves(videos, nearness):
    parent, video = small_captioner(topics="neurons", n_topics=3, interpretive_weight=1.0), videos[3]
    enhancement = np.eye(3, 3 + NEURONS, dtype=np.float32)
    near = nearness and nearness_of(nearness, parent, videos)
    found = propagate(
        parent, enhancement, [CorrectedVideo(video, {0: 9.0})], nearness=near, mu=1e-5 if nearness else 0, steps=200
    )
    assert found.after[0] < 1e-3 * found.before[0] and found.least[0] == 0
    child = small_captioner(topics="neurons", n_topics=3, interpretive_weight=1.0)
    child.encoder.set_weights(found.encoder)
    before, after = v_of(parent, video), v_of(child, video)
    np.testing.assert_allclose(after[:, 0], before[:, 0] + 9, atol=0.3)
    if nearness:
        np.testing.assert_array_equal(after[:, 1:], before[:, 1:])


def test_a_topic_neuron_is_asked_for_nothing_below_absent(videos):
    parent, enhancement = small_captioner(topics="neurons", n_topics=3), np.eye(3, 3 + NEURONS, dtype=np.float32)
    v = v_of(parent, videos[3])[:, 0]
    found = propagate(parent, enhancement, [CorrectedVideo(videos[3], {0: -9.0})], steps=1)
    assert found.before[0] == pytest.approx(np.mean(v**2), rel=1e-4) and found.least[0] == 0


def test_padding_does_not_count(parent, videos):
    short = videos[1]
    padded = dataclasses.replace(short, frames=np.pad(short.frames, ((0, 3), (0, 0))))
    alone, longer = (
        propagate(parent, ENHANCEMENT, [CorrectedVideo(video, {1: 0.2})], steps=5) for video in (short, padded)
    )
    np.testing.assert_allclose(longer.losses, alone.losses, rtol=1e-4)
    for one, other in zip(longer.encoder, alone.encoder):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_without_a_price_one_clip_comes_to_say_what_was_asked(parent, videos):
    found = propagate(parent, ENHANCEMENT, corrections(videos, 0.1)[:1], mu=0, steps=200)
    assert found.after[0] < 1e-3 * found.before[0]
    wanted = v_of(parent, videos[1]) + 0.1 * ADDED
    np.testing.assert_allclose(v_of(refined(found), videos[1]), wanted, atol=2e-3)


def test_the_dearer_a_step_the_smaller_it_is(parent, videos):
    found = [propagate(parent, ENHANCEMENT, corrections(videos), mu=mu) for mu in (0.01, 1, 1e6)]
    cheap, dear, priceless = found
    assert cheap.moved > dear.moved > priceless.moved
    assert cheap.after.sum() < dear.after.sum() < priceless.after.sum()
    assert priceless.moved < 1e-4  # mu -> infinity: theta' = theta
    np.testing.assert_allclose(priceless.after, priceless.before, rtol=1e-3)


def test_the_loss_falls_and_is_told(parent, videos):
    told = []
    found = propagate(
        parent, ENHANCEMENT, corrections(videos), mu=0.01, steps=15,
        on_step=lambda step, loss: told.append((step, loss)),
    )  # fmt: skip
    assert told == list(enumerate(found.losses))[1:] and 1 < len(told) <= 15
    assert found.losses[0] == pytest.approx(found.before.sum(), rel=1e-4)
    assert found.losses[-1] == pytest.approx(found.after.sum() + 0.01 * found.moved**2, rel=1e-4)
    assert np.all(np.diff(found.losses) < 0) and found.losses[-1] < 0.7 * found.losses[0]


def test_only_the_refined_encoder_changes(parent, videos):
    before = weights(parent)
    found = propagate(parent, ENHANCEMENT, corrections(videos), steps=5)
    for now, then in zip(weights(parent), before):
        np.testing.assert_array_equal(now, then)
    for now, then in zip(found.encoder, weights(parent.encoder), strict=True):
        assert now.shape == then.shape and (now != then).any()


@pytest.mark.parametrize("asked", [{}, {2: 1.0}, {1: 0.0}], ids=["no correction", "no neuron", "no strength"])
def test_where_nothing_is_asked_for_every_weight_comes_back(parent, videos, asked):
    told = []
    found = propagate(
        parent,
        ENHANCEMENT,
        [CorrectedVideo(videos[3], asked)] if asked else [],
        on_step=lambda *step: told.append(step),
    )
    assert not found.losses and not told and found.moved == 0
    for now, then in zip(found.encoder, weights(parent.encoder), strict=True):
        assert now.tobytes() == then.tobytes()


def test_the_same_corrections_give_the_same_weights(parent, videos):
    one, other = (propagate(parent, ENHANCEMENT, corrections(videos), steps=10) for _ in range(2))
    assert one.losses == other.losses
    for first, second in zip(one.encoder, other.encoder, strict=True):
        assert first.tobytes() == second.tobytes()


def test_what_cannot_be_learnt_is_refused(parent, videos):
    empty = VideoRecord("blank", "val", np.zeros((2, 6), np.float32), (), np.zeros(5))
    with pytest.raises(ValueError, match="'blank' has no real frame"):
        propagate(parent, ENHANCEMENT, [CorrectedVideo(empty, {1: 1.0})])
    with pytest.raises(ValueError, match="'video1' is corrected twice; put all of its topics into one correction"):
        propagate(parent, ENHANCEMENT, [CorrectedVideo(videos[1], {0: 1.0}), CorrectedVideo(videos[1], {1: 1.0})])
    with pytest.raises(ValueError, match="expected a number of 0 or more"):
        propagate(parent, ENHANCEMENT, corrections(videos), mu=-1)
    with pytest.raises(ValueError, match="given 0 steps; expected 1 or more"):
        propagate(parent, ENHANCEMENT, corrections(videos), steps=0)
    with pytest.raises(ValueError, match="enhancement is of 8 neurons, the captioner has 6"):
        propagate(small_captioner(encoder_units=3), ENHANCEMENT, corrections(videos))


def test_frames_that_are_no_numbers_are_said_to_be_the_cause(parent, videos):
    broken = dataclasses.replace(videos[1], frames=np.full((2, 6), np.nan, np.float32))
    with pytest.raises(ValueError, match="The loss is nan after 0 steps.*NaN in the frames"):
        propagate(parent, ENHANCEMENT, [CorrectedVideo(broken, {1: 1.0})])


def test_a_stretch_asks_for_more_in_its_frames_and_for_v_as_it_is_elsewhere(parent, videos):
    held = np.array([0.0, 1.0, 1.0, 0.0])
    over_time, whole = (CorrectedVideo(videos[3], {1: 0.2 * strength}) for strength in (held, 1.0))
    within, everywhere = (propagate(parent, ENHANCEMENT, [asked], mu=1e-6, steps=40) for asked in (over_time, whole))
    np.testing.assert_allclose(within.before, everywhere.before / 2, rtol=1e-5)
    before, after = v_of(parent, videos[3]), v_of(refined(within), videos[3])
    moved = (after - before)[:, MAN]
    assert within.after[0] < 0.2 * within.before[0]
    assert moved[1:3].min() > 0.05 and np.abs(moved[[0, 3]]).max() < moved[1:3].min()


def test_the_same_strength_in_every_frame_is_that_of_the_video(parent, videos):
    each = [CorrectedVideo(videos[1], {0: np.full(2, 0.2)}), CorrectedVideo(videos[2], {1: 0.2})]
    whole = [CorrectedVideo(videos[1], {0: 0.2}), CorrectedVideo(videos[2], {1: 0.2})]
    one, other = (propagate(parent, ENHANCEMENT, asked, steps=5) for asked in (each, whole))
    assert all(np.array_equal(a, b) for a, b in zip(one.encoder, other.encoder, strict=True))
