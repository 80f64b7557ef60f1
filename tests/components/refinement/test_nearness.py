"""How near an encoder stays, against its definition; and that by what its gates are told, others are left alone."""

import numpy as np
import pytest

from tests.components.neurons.conftest import small_captioner
from tests.components.neurons.planted import links
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.refinement import nearness
from topiclens.components.refinement.nearness import (
    RIDGE,
    GateNearness,
    InverseRoot,
    near_and_others,
    nearness_of,
    second_moments,
)
from topiclens.components.refinement.propagation import CorrectedVideo, propagate
from topiclens.schemas.records import VideoRecord

UNITS, DIM = 4, 6


def theta_of(captioner):
    return [np.array(variable) for variable in captioner.encoder.trainable_variables]


@pytest.fixture(scope="module")
def parent():
    return small_captioner()


@pytest.fixture(scope="module")
def videos():
    """Clips of one to four frames that have much in common, as features after a rectifier do."""
    rng = np.random.default_rng(4)
    frames = [2 + rng.normal(size=(1 + i % 4, DIM)).astype(np.float32) for i in range(12)]
    return [VideoRecord(f"video{i}", "train", clip, (), np.zeros(3)) for i, clip in enumerate(frames)]


def read_by_gates(captioner, videos):
    """(x_t, h_{t-1}, 1) of each direction, frame by frame, from clips that Keras encodes one by one."""
    ahead, back = [], []
    for video in videos:
        v, none = np.array(captioner.encode(video.frames[None])["v"])[0], np.zeros((1, UNITS))
        for read, before in (
            (ahead, np.concatenate([none, v[:-1, :UNITS]])),
            (back, np.concatenate([v[1:, UNITS:], none])),
        ):
            read.append(np.concatenate([video.frames, before, np.ones((len(v), 1))], axis=1))
    return np.concatenate(ahead), np.concatenate(back)


def test_moments_are_of_what_each_direction_reads(parent, videos):
    found = second_moments(parent.encoder, videos)
    for (_, moments), z in zip(found, read_by_gates(parent, videos), strict=True):
        np.testing.assert_allclose(moments, z.T @ z / len(z), atol=1e-5)
    told = [id(variable) for variables, _ in found for variable in variables]
    assert told == [id(variable) for variable in parent.encoder.trainable_variables]


def test_its_size_is_how_far_the_gates_inputs_move_and_a_little_of_the_weights(parent, videos):
    gates, rng = GateNearness(parent.encoder, videos), np.random.default_rng(0)
    phi = rng.normal(size=gates.size).astype(np.float32)
    kernel, recurrent, bias, *others = gates.moves(phi)
    assert [move.shape for move in (kernel, recurrent, bias, *others)] == [x.shape for x in theta_of(parent)]
    size = 0.0
    for z, moves in zip(read_by_gates(parent, videos), [(kernel, recurrent, bias), others]):
        move = np.concatenate([*moves[:2], moves[2][None]])
        price = RIDGE * np.sum(z**2) / len(z) / z.shape[1]
        size += np.mean(np.sum((z @ move) ** 2, axis=1)) + price * np.sum(move**2)
    assert np.sum(phi**2) == pytest.approx(size, rel=1e-4)


def test_a_gradient_in_coordinates_is_the_slope_along_them(parent, videos):
    gates, rng = GateNearness(parent.encoder, videos), np.random.default_rng(1)
    of_theta = [rng.normal(size=values.shape).astype(np.float32) for values in theta_of(parent)]
    along = rng.normal(size=gates.size).astype(np.float32)
    slope = sum(np.sum(one * move) for one, move in zip(of_theta, gates.moves(along), strict=True))
    assert gates.gradient(of_theta) @ along == pytest.approx(slope, rel=1e-4)


def test_weights_of_which_it_is_not_known_what_they_read_count_alike(parent, videos, monkeypatch):
    forward = parent.encoder.kernel_inputs(np.stack([video.frames for video in videos[3::4]]), np.ones((3, 4), bool))[0]
    monkeypatch.setattr(parent.encoder, "kernel_inputs", lambda frames, mask: [])
    gates, weights = GateNearness(parent.encoder, videos), nearness_of("weights", parent, videos)
    phi = np.random.default_rng(3).normal(size=gates.size).astype(np.float32)
    for one, other in zip(gates.moves(phi), weights.moves(phi), strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(parent.encoder, "kernel_inputs", lambda frames, mask: [(forward[0], np.ones((12, 4, 11)))])
    gates = GateNearness(parent.encoder, videos)
    for place, (one, other) in enumerate(zip(gates.moves(phi), weights.moves(phi), strict=True)):
        assert np.allclose(one, other) == (place >= 3)  # the other direction is not told


def test_the_root_undoes_the_moments_and_equal_small_ones_cost_no_accuracy(monkeypatch):
    monkeypatch.setattr(nearness, "RANK", 3)
    vectors, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))
    values = np.array([9.0, 4.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    moments = (vectors * values) @ vectors.T
    root = InverseRoot(moments, 0.5) @ np.eye(8, dtype=np.float32)
    np.testing.assert_allclose(root @ (moments + 0.5 * values.mean() * np.eye(8)) @ root, np.eye(8), atol=1e-5)


def test_a_correction_leaves_other_videos_more_alone_than_by_the_weights(parent, videos):
    target, others, child = [CorrectedVideo(videos[3], {1: 0.5})], videos[4:], small_captioner()

    def told(nearness, mu):
        """The share of a correction that is taken in, and how far the activations of other videos move."""
        found = propagate(parent, named_enhancement(links()), target, nearness=nearness, mu=mu, steps=200)
        child.encoder.set_weights(found.encoder)
        both = [
            [np.array(captioner.encode(video.frames[None])["v"])[0] for captioner in (parent, child)]
            for video in others
        ]
        moved = [np.mean(np.sum((after - before) ** 2, axis=1)) for before, after in both]
        return 1 - found.after[0] / found.before[0], np.mean(moved)

    taken, moved = zip(*(told(nearness_of("weights", parent, videos), mu) for mu in (3, 1, 0.3, 0.1)))
    taken_by_gates, moved_by_gates = told(nearness_of("gates", parent, videos), 0.03)
    assert taken[0] < taken_by_gates < taken[-1]
    assert moved_by_gates < 0.8 * np.interp(taken_by_gates, taken, moved)


def test_only_the_gates_of_the_neurons_that_are_asked_for_move(parent, videos):
    whole = GateNearness(parent.encoder, videos)
    narrow, rng = whole.only([1, UNITS + 2]), np.random.default_rng(5)
    assert narrow.size == (DIM + UNITS + 1) * 4 * 2 and whole.size == narrow.size * UNITS
    phi = rng.normal(size=narrow.size).astype(np.float32)
    for move, neuron in zip(narrow.moves(phi), 3 * [1] + 3 * [2], strict=True):
        gates = move.reshape(-1, 4, UNITS)
        assert gates[:, :, neuron].all() and not np.delete(gates, neuron, axis=2).any()
    of_theta = [rng.normal(size=values.shape).astype(np.float32) for values in theta_of(parent)]
    slope = sum(np.sum(one * move) for one, move in zip(of_theta, narrow.moves(phi), strict=True))
    assert narrow.gradient(of_theta) @ phi == pytest.approx(slope, rel=1e-4)
    every = whole.only(range(2 * UNITS))
    for one, other in zip(every.moves(np.ones(every.size)), whole.moves(np.ones(whole.size)), strict=True):
        np.testing.assert_array_equal(one, other)
    weights = nearness_of("weights", parent, videos)
    assert weights.only([1]) is weights  # in the paper everything may move


def test_where_the_encoder_does_not_tell_its_columns_everything_may_move(parent, videos, monkeypatch):
    monkeypatch.setattr(parent.encoder, "columns_of", lambda neuron: [])
    gates = GateNearness(parent.encoder, videos)
    assert gates.only([1]) is gates


@pytest.mark.parametrize("videos, near, others", [(300, 128, 128), (130, 128, 2), (128, 128, 128), (5, 5, 5)])
def test_what_is_held_and_what_is_looked_at_are_other_videos_where_there_are_others(videos, near, others):
    drawn = near_and_others(range(videos), seed=0)
    assert [len(part) for part in drawn] == [near, others]
    assert set(drawn[0]).isdisjoint(drawn[1]) or drawn[0] == drawn[1]
    assert near_and_others(range(videos), seed=0) == drawn
