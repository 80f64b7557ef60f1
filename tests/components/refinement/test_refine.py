"""Refinement of planted neurons: what is taught, what is refused, and what must not be touched."""

import dataclasses

import numpy as np
import pytest

from tests.components.refinement.planted_parent import EVIDENCE, SETTINGS, TRAIN, VAL, correction, export_parent, hashes
from topiclens.components.captions.evaluator import score_captions
from topiclens.components.captions.generate import open_captioner
from topiclens.components.neurons.enhancement import enhancement_of
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement import refine as refining
from topiclens.components.refinement.candidate_captioner import CandidateCaptioner, RefinedEncoder
from topiclens.components.refinement.edit_targets import EditTarget
from topiclens.components.refinement.gate import FineCaption, load_verdict
from topiclens.components.refinement.gate_evaluator import ParentCache, Trial
from topiclens.components.refinement.refine import Evidence, RefinementError, refine
from topiclens.components.topics.table import Fate
from topiclens.schemas.corrections import CorrectedTopic
from topiclens.schemas.stretches import Stretch
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.trainer.export import load_captioner
from topiclens.trainer.exported import EXTRA, read_enhancement, read_meta


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parent") / "1"
    export_parent(folder)
    return folder


def test_without_corrections_the_parent_goes_on_byte_for_byte(parent, tmp_path):
    verdict = refine(parent, tmp_path / "2", [], EVIDENCE, SETTINGS)
    assert verdict.blessed and hashes(tmp_path / "2") == hashes(parent)


@pytest.fixture(scope="module")
def refined(parent, tmp_path_factory):
    """A candidate that was taught "man" in val0, with its verdict and what was told meanwhile."""
    folder, told = tmp_path_factory.mktemp("refined") / "2", []
    verdict = refine(parent, folder, [correction()], EVIDENCE, SETTINGS, lambda what, share: told.append((what, share)))
    return folder, verdict, told


def test_a_correction_is_taught_and_the_exported_model_says_it(refined):
    folder, verdict, told = refined
    assert verdict.blessed, "\n".join(verdict.lines())
    assert verdict.taught == (correction().id,) and verdict.captions == {correction().id: "man man man"}
    assert [reason.check for reason in verdict.reasons[:3]] == ["corrected", "kept", "held-out half"]
    assert set(verdict.metrics) == {"BLEU-4", "CIDEr"} and verdict.reasons[-1].check == "neurons"
    frames = VAL[0].frames[None]
    assert open_captioner(folder)(frames) == ["man man man"]
    assert all(0 <= share <= 1 for _, share in told) and len({what for what, _ in told}) >= 4


def test_the_corrected_video_does_not_count_in_the_metrics_that_the_gate_compares(refined, parent):
    _, verdict, _ = refined
    write = open_captioner(parent)
    captions = {video.video_id: write(video.frames[None])[0] for video in VAL}
    of_all, of_others = (
        score_captions(
            {video.video_id: video.captions for video in videos},
            {video.video_id: captions[video.video_id] for video in videos},
            ["BLEU-4"],
        )["BLEU-4"]
        for videos in (VAL, VAL[1:])
    )
    assert verdict.metrics["BLEU-4"][0] == pytest.approx(of_others) and of_all != pytest.approx(of_others)


def test_the_candidate_carries_its_verdict_its_links_and_its_corrections(refined):
    folder, verdict, _ = refined
    assert load_verdict(folder) == verdict
    named = TopicLinks.load(folder / EXTRA)
    candidates = CandidateCaptioner(folder, named)
    counted, found = candidates.named_anew(candidates.untouched, TRAIN, EVIDENCE.topics)
    assert found == named
    added = enhancement_of(named, counted, SETTINGS.neurons)
    np.testing.assert_allclose(read_enhancement(folder), added, atol=1e-6)
    meta = read_meta(folder)
    assert meta["refinement"]["corrections"] == [correction().id] and meta["refinement"]["mu"] == verdict.mu


def test_the_parents_captions_and_figures_are_remembered_beside_it(refined, parent):
    memory = ParentCache(str(parent), VAL)
    assert memory.recall("captions") == {video.video_id: "dog dog dog" for video in VAL[1:]}  # the first was taught
    _, verdict, _ = refined
    names = {topic.id: topic.name for topic in EVIDENCE.topics}
    judged = [video.video_id for video in VAL[1:]]
    figures = memory.recall("figures", ["BLEU-4", "CIDEr"], SETTINGS.slice_videos, names, judged)
    assert figures["metrics"] == {metric: before for metric, (before, _) in verdict.metrics.items()}


def test_the_decoder_and_f_stay_as_they_are(refined, parent):
    before, after = (load_captioner(folder)[0] for folder in (parent, refined[0]))
    for part in ("decoder", "topic_perceptron"):
        for one, other in zip(getattr(before, part).get_weights(), getattr(after, part).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_same_refinement_gives_the_same_weights_bit_for_bit(refined, parent, tmp_path):
    refine(parent, tmp_path / "3", [correction()], EVIDENCE, SETTINGS, memory=tmp_path / "memory")
    once, again = (load_captioner(folder)[0].get_weights() for folder in (refined[0], tmp_path / "3"))
    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))


def test_an_interrupted_refinement_leaves_nothing_and_the_next_one_is_not_in_its_way(parent, tmp_path, monkeypatch):
    def cut_off(*arguments, **more):
        (tmp_path / ".2.candidate").mkdir()
        (tmp_path / ".2.candidate" / "saved_model.pb").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(refining, "export_again", cut_off)
    with pytest.raises(KeyboardInterrupt):
        refine(parent, tmp_path / "2", [correction()], EVIDENCE, SETTINGS)
    assert not (tmp_path / "2").exists()
    refine(parent, tmp_path / "2", [], EVIDENCE, SETTINGS)
    assert hashes(tmp_path / "2") == hashes(parent) and not (tmp_path / ".2.candidate").exists()


def test_a_model_that_loses_what_people_called_fine_is_refused(parent, tmp_path):
    twin = dataclasses.replace(VAL[0], video_id="twin")  # whoever teaches one teaches the other
    for caption, blessed in (("dog dog dog", False), ("waves", True)):
        evidence = dataclasses.replace(EVIDENCE, fine=[FineCaption(twin, caption)])
        verdict = refine(parent, tmp_path / caption, [correction()], evidence, SETTINGS)
        (reason,) = [reason for reason in verdict.reasons if reason.check == "fine"]
        assert reason.met == verdict.blessed == blessed and "1 changed" in reason.words
    refused = load_verdict(tmp_path / "dog dog dog")
    assert refused.culprits == (correction().id,) and "twin: “dog dog dog” becomes “man man man”" in str(refused)


def test_what_cannot_be_taught_is_set_aside_and_nothing_else_makes_no_version(parent, tmp_path):
    unknown = dataclasses.replace(correction(number=2), topic=CorrectedTopic(1, "fish", ("fish", "water")))
    batch = [correction(topic=2), unknown, correction(video="gone", number=3), correction(topic=0, number=4)]
    verdict = refine(parent, tmp_path / "2", batch, governed(Fate.BANNED), SETTINGS)
    assert not verdict.blessed and verdict.taught == () and set(verdict.set_aside) == {one.id for one in batch}
    no_neuron, no_topic, no_video, banned = verdict.set_aside.values()
    assert no_neuron.endswith("No neuron carries topic 2 (sea), so that there is nothing to enhance.")
    assert "topic 1 (fish) is gone" in no_topic and "fish, water" in no_topic
    assert "topic 0 (dog) is banned" in banned
    assert "no features of its video as this model reads them" in no_video
    assert hashes(tmp_path / "2") == hashes(parent)


def test_a_stretch_is_taught_where_the_times_of_its_frames_are_known(parent, tmp_path):
    said = dataclasses.replace(correction(), stretch=Stretch(0, 2))
    timed = dataclasses.replace(EVIDENCE, corrected=[VAL[0].timed(range(4))])
    verdict = refine(parent, tmp_path / "2", [said], timed, SETTINGS)
    assert verdict.taught == (said.id,) and "man" in verdict.captions[said.id]
    untimed = refine(parent, tmp_path / "3", [said], EVIDENCE, SETTINGS)
    assert untimed.taught == () and "when the clip's frames are shown" in untimed.set_aside[said.id]


def test_a_video_that_is_another_one_now_is_not_taught_what_was_said_of_it(parent, tmp_path):
    changed = dataclasses.replace(EVIDENCE, corrected=())
    verdict = refine(parent, tmp_path / "2", [correction()], changed, SETTINGS)
    assert "has changed since" in verdict.set_aside[correction().id]


def governed(fate: Fate, into: int | None = None) -> Evidence:
    """The evidence of a run whose topic of dogs cannot occur."""
    dog, *others = EVIDENCE.topics
    return dataclasses.replace(EVIDENCE, topics=(dataclasses.replace(dog, fate=fate, into=into), *others))


def test_a_live_correction_of_a_merged_topic_holds_by_the_one_it_is_now_and_of_a_banned_one_by_none():
    live, videos = [correction(topic=0)], {"val0": VAL[0]}
    for evidence, expected in ((EVIDENCE, [0]), (governed(Fate.MERGED, 1), [1]), (governed(Fate.BANNED), [])):
        targets = refining._live(dataclasses.replace(evidence, live=live), videos)
        assert [target.topic for target in targets] == expected


def test_a_version_is_never_overwritten(parent, tmp_path):
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "model").write_text("mine")
    with pytest.raises(RefinementError, match="not empty"):
        refine(parent, tmp_path / "2", [], EVIDENCE, SETTINGS)


class PlantedCourt:
    """Passes what does not hold some corrections."""

    def __init__(self, *guilty):
        self.guilty = set(guilty)

    def passes(self, targets):
        return not self.guilty & {taught.correction.id for taught in targets}


def test_a_refused_batch_is_told_whose_fault_it_is_and_what_passes_without():
    batch = [correction(f"v{number}", number=0xAB120 + number) for number in range(4)]
    targets = [EditTarget(one, VAL[0], 1, 1.0) for one in batch]
    taught = tuple(one.id for one in batch)
    trial = Trial(RefinedEncoder([]), Verdict(False, (Reason("metric", False, "CIDEr falls."),), taught=taught))

    def verdict(*guilty):
        return refining._verdict(PlantedCourt(*guilty), targets, trial, {})

    one = verdict(batch[2].id)
    assert one.culprits == (batch[2].id,) and one.passing == tuple(batch[i].id for i in (0, 1, 3))
    assert one.advice == "Without correction 0000… (v2: man) the other 3 pass."
    assert verdict(*(item.id for item in batch[:3])).advice.endswith("(v2: man) the other one passes.")
    assert "No part of the batch passes" in verdict(*(item.id for item in batch)).advice
