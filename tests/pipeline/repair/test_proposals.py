"""What a person says a caption misses, as it is written down, with a stand-in for the model."""

import pytest

from tests.pipeline.repair import stand_ins
from tests.pipeline.repair.acting import propose, refine, states
from topiclens.components.refinement.rules import LedgerError
from topiclens.pipeline.repair import proposals, refinements
from topiclens.schemas.corrections import State


def test_a_proposal_is_previewed_with_the_caption_of_its_dose(root):
    correction = proposals.propose(root, "v1", ["dance"], "Ann", model=stand_ins.AskedModel())[0].correction
    assert correction.state is State.PREVIEWED
    assert (correction.caption_before, correction.caption_after) == ("a girl", "a girl dancing")
    assert (correction.topic.name, correction.model_before) == ("dance", "100")


def test_a_proposal_that_no_strength_brings_in_is_kept_and_taken_into_no_refinement(root, ledger):
    hopeless = propose(root, "hopeless")
    assert states(ledger) == {hopeless: "proposed"}
    with pytest.raises(refinements.NothingToRefine):
        refine(root)
    with pytest.raises(LedgerError, match="it is 'proposed'"):
        refine(root, only=[hopeless])


def test_of_several_topics_all_are_written_down_or_none(root, ledger):
    class Failing(stand_ins.AskedModel):
        answers = [stand_ins.Sweep()]  # of the first topic, and none of the second

        def sweep(self, video, topic, strengths=None, stretch=None):
            return self.answers.pop() if video.video_id == "v1" else stand_ins.Sweep()

    with pytest.raises(IndexError):
        proposals.propose(root, "v1", ["dance", "dance"], "Ann", model=Failing())
    assert ledger.corrections() == ()
    assert len(proposals.propose(root, "v1", ["dance", "dance"], "Ann", model=stand_ins.AskedModel())) == 2
