"""How answers show themselves: their JSON, HTML and figures say what the arrays say."""

import dataclasses
import json
import re

import numpy as np
import pytest

from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.schemas.timelines import HeatMap
from topiclens.serving.answers import Caption, ExplainedCaption, WhatIf

ATTENTION = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]], np.float32)
NAMES = ("dance", "<dog>", "snow")


@pytest.fixture
def explained():
    return ExplainedCaption(
        "a <b>dog</b>", -1.5, ("a", "<b>dog</b>"), ATTENTION, np.ones((3, 2), np.float32),
        np.array([0.2, 0.9, -0.1], np.float32), NAMES, tuple(encode_frames(np.zeros((3, 60, 80, 3), np.uint8))),
    )  # fmt: skip


def test_json_holds_every_number_under_the_names_of_the_attributes(explained):
    told = json.loads(explained.to_json())
    assert (told["text"], told["log_prob"], told["words"]) == ("a <b>dog</b>", -1.5, ["a", "<b>dog</b>"])
    np.testing.assert_allclose(told["attention"], ATTENTION, atol=1e-6)
    assert told["topics"] == list(NAMES) and "frames" not in told
    assert json.loads(Caption("a dog", np.float32(-2.0)).to_json()) == {"text": "a dog", "log_prob": -2.0}


def test_html_has_a_row_a_word_a_picture_a_frame_and_the_topics_most_seen_first(explained):
    shown = explained._repr_html_()
    assert shown.count("<img") == 3 and "<b>dog</b>" not in shown and shown.count("&lt;b&gt;dog&lt;/b&gt;") == 2
    shares = [float(share) for share in re.findall(r"title='([0-9.]+)'", shown)]
    np.testing.assert_allclose(np.reshape(shares, (2, 3)), ATTENTION, atol=5e-4)
    assert re.findall(r"left'>([^<]+)</td>", shown) == ["&lt;dog&gt;", "dance", "snow"]


def test_answers_without_frames_names_or_topics_show_what_there_is(explained):
    plain = ExplainedCaption("a", -1.0, ("a",), ATTENTION[:1], np.ones((3, 2)), None)
    assert "<img" not in plain._repr_html_() and "topic" not in plain._repr_html_()
    assert "topic 1" in WhatIf("a", -1.0, np.array([0.0, 1.0]))._repr_html_()
    assert "a &lt;dog&gt;" in Caption("a <dog>", -1.0)._repr_html_()


def test_relevance_stands_below_attention_with_its_sign(explained):
    relevance = np.array([[0.5, -0.25, 0.0], [1.0, 0.0, -2.0]])
    told = dataclasses.replace(explained, frame_relevance=relevance)
    shown = told._repr_html_()
    shares = [float(share) for share in re.findall(r"title='(-?[0-9.]+)'", shown)]
    np.testing.assert_allclose(np.reshape(shares, (2, 2, 3)), [ATTENTION, relevance], atol=5e-4)
    assert shown.count("rgba(33,102,172") == 2 and "rgba(33,102,172,1.00)" in shown, "blue against, as on the pages"
    drawn = [axes.images[0].get_array() for axes in told.plot().axes if axes.images]
    np.testing.assert_array_equal(drawn, [ATTENTION, relevance])


def test_heat_maps_stand_with_their_word_and_frame_and_are_numbers_in_json(explained):
    assert "Heat maps" not in explained._repr_html_() and json.loads(explained.to_json())["heat_maps"] is None
    maps = (HeatMap(None, 2, ((0.5, -0.25),)), HeatMap(1, 0, ((1.0, 0.0),)))
    told = dataclasses.replace(explained, heat_maps=maps, heat_pictures=tuple(explained.frames[:2]))
    shown = told._repr_html_().partition("Heat maps")[2]
    labels = re.findall(r"<img[^>]*><figcaption><b>(.*?)</b> frame (\d)<", shown)
    assert labels == [("whole caption", "2"), ("&lt;b&gt;dog&lt;/b&gt;", "0")]
    told = json.loads(told.to_json())
    assert told["heat_maps"][0] == {"word": None, "frame": 2, "cells": [[0.5, -0.25]]} and "heat_pictures" not in told


def test_figures_draw_the_shares_and_the_scores(explained):
    axes, _ = explained.plot().axes
    np.testing.assert_array_equal(axes.images[0].get_array(), ATTENTION)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "<b>dog</b>"]
    (axes,) = WhatIf("a dog", -1.0, explained.topic_scores, NAMES).plot().axes
    assert [round(bar.get_width(), 3) for bar in axes.patches] == [-0.1, 0.2, 0.9]
