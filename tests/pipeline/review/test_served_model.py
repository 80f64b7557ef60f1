"""What the model that answers is asked, by a stand-in for its client: the version that is meant answers, or none."""

import numpy as np
import pytest

from topiclens.pipeline.review.served_model import ServedModel
from topiclens.serving.answers import ExplainedCaption, WhatIf
from topiclens.serving.review.backend import Unavailable

CLIP = np.ones((2, 4), np.float32)


class Client:
    """Another version is published while it answers, where `swaps` says so."""

    def __init__(self, swaps=False, n_topics=3):
        self.served, self.swaps, self._n_topics = 7, swaps, n_topics

    def wait_until_ready(self, timeout):
        return self.served

    def explain_all(self, clips, relevance=False):
        self.served += self.swaps
        return [ExplainedCaption("a dog", -1.0, (), None, None, np.zeros(self._n_topics)) for _ in clips]

    def what_if_all(self, clips, deltas):
        self.served += self.swaps
        return [WhatIf("a dog", -1.0, np.zeros(self._n_topics)) for _ in clips]


@pytest.fixture
def served(monkeypatch):
    def served(**client) -> ServedModel:
        monkeypatch.setattr(
            "topiclens.pipeline.review.served_model.CaptionClient", lambda *address, **options: Client(**client)
        )
        return ServedModel("grpc://127.0.0.1:1", 3)

    return served


def test_the_version_that_is_meant_answers(served):
    assert [answer.text for answer in served().explain([CLIP] * 2, "7")] == ["a dog"] * 2
    assert len(served().what_if(CLIP, [{1: 0.5}, {1: 1.0}], "7")) == 2


def test_frames_that_are_not_held_are_given_no_strength(served, monkeypatch):
    asked = []
    monkeypatch.setattr(Client, "what_if_all", lambda self, clips, deltas: asked.append(deltas) or [None])
    served().what_if(CLIP, [{1: 0.5}], held=np.array([False, True]))
    np.testing.assert_array_equal(asked[0], [[[0, 0, 0], [0, 0.5, 0]]])


def test_what_another_version_may_have_answered_is_not_taken(served):
    for ask in (lambda one: one.explain([CLIP], "7"), lambda one: one.what_if(CLIP, [{1: 0.5}], "7")):
        with pytest.raises(Unavailable, match="Another version of the model has just been published"):
            ask(served(swaps=True))


def test_a_model_of_other_topics_is_told_apart(served):
    with pytest.raises(Unavailable, match="has 5 topics, and the newest run 3"):
        served(n_topics=5).explain([CLIP], "7")
