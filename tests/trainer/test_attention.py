"""Temporal attention (eq. 3-4)."""

import numpy as np
import pytest
import tensorflow as tf

from topiclens.trainer.attention import TemporalAttention

BATCH, QUERIES, TIME, STATE, MEMORY = 2, 3, 5, 4, 6


@pytest.fixture
def attention():
    attention = TemporalAttention(units=7)
    attention.build(STATE, MEMORY)
    attention.frame_projection.bias.assign(np.random.default_rng(1).normal(size=7))
    return attention


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    state = rng.normal(size=(BATCH, QUERIES, STATE)).astype(np.float32)
    memory = rng.normal(size=(BATCH, TIME, MEMORY)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]], bool)
    return state, memory, mask


def test_weights_sum_to_one_over_the_kept_frames_alone(attention, case):
    _, alpha = attention(*case)
    alpha, mask = alpha.numpy(), case[2]
    np.testing.assert_allclose(alpha.sum(axis=-1), 1, atol=1e-6)
    assert not alpha.transpose(0, 2, 1)[~mask].any()
    assert (alpha.transpose(0, 2, 1)[mask] > 0).all()


def test_equals_the_equations_written_for_one_frame_at_a_time(attention, case):
    state, memory, mask = case
    u = attention.state_projection.kernel.numpy()
    t, b = attention.frame_projection.get_weights()
    w = attention.score.kernel.numpy()[:, 0]
    context, alpha = attention(*case)
    for video in range(BATCH):
        for query in range(QUERIES):
            h = state[video, query]
            e = [np.exp(w @ np.tanh(u.T @ h + t.T @ v + b)) * kept for v, kept in zip(memory[video], mask[video])]
            expected = np.array(e) / sum(e)
            np.testing.assert_allclose(alpha[video, query], expected, atol=1e-5)
            np.testing.assert_allclose(context[video, query], expected @ memory[video], atol=1e-5)


def test_padding_changes_nothing(attention, case):
    state, memory, mask = case
    longer = np.concatenate([memory, np.full((BATCH, 2, MEMORY), 9, np.float32)], axis=1)
    longer_mask = np.concatenate([mask, np.zeros((BATCH, 2), bool)], axis=1)
    np.testing.assert_allclose(attention(state, longer, longer_mask)[0], attention(*case)[0], atol=1e-6)


def test_keys_computed_before_give_the_same(attention, case):
    keys = attention.project(tf.constant(case[1]))
    np.testing.assert_array_equal(attention(*case, keys)[0], attention(*case)[0])


def test_a_clip_without_frames_gives_numbers(attention, case):
    context, _ = attention(case[0], np.zeros_like(case[1]), np.zeros_like(case[2]))
    np.testing.assert_array_equal(context, np.zeros((BATCH, QUERIES, MEMORY)))


def test_its_configuration_makes_it_again():
    assert TemporalAttention.from_config(TemporalAttention(units=9).get_config()).units == 9
