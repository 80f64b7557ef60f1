"""The gate's checks, each on both sides of its threshold, and what a verdict says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.refinement import gate
from topiclens.components.refinement.gate import Half
from topiclens.schemas.corrections import CorrectedTopic, Correction, now
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.verdicts import Reason, Verdict

WORDS = ("dancing", "dance", "girl")
CORRECTION = Correction(
    "ab12" + 28 * "0", now(), "Ann", "v17", "5f" * 32, CorrectedTopic(4, "dance", WORDS), "a girl is standing", "1"
)


def test_a_corrected_video_must_say_a_word_of_the_topic_that_it_lacked():
    met = gate.check_corrected(CORRECTION, WORDS, "a girl is dancing")
    assert met == Reason(
        "corrected", True, "Correction ab12… (v17: dance): “a girl is dancing” says dancing: met.", CORRECTION.id
    )
    # She was a girl before, too.
    missed = gate.check_corrected(CORRECTION, WORDS, "a girl is sitting")
    assert not missed.met and missed.words.endswith("has no further word of dancing, dance, girl: not met.")


NAMING = (("man",), ("roof",), ("cat", "kitten"), ("woman",), ("dancing",))
WOMAN = 3


def kept(before, after, *captions, topic=WOMAN):
    video = VideoRecord("v17", "val", np.ones((2, 3), np.float32), captions, np.zeros(5))
    return gate.check_kept(CORRECTION, topic, video, before, after, NAMING)


def test_a_caption_must_not_lose_topics_that_it_rightly_named():
    told = ("a woman and a man on a roof", "people")
    before, lost = "a man is on a roof", kept("a man is on a roof", "a woman is walking on the grass", *told)
    assert not lost.met and lost.check == "kept" and lost.correction == CORRECTION.id
    assert lost.words.endswith("and loses man, roof, which people name too: not met.")
    assert not kept(before, "a woman and a man", *told).met  # the roof is enough
    assert kept(before, "a woman and a man on the roof", *told).met
    assert kept(before, "a woman is walking", "a woman walks").met  # no person sees a man or a roof
    assert kept(before, "a woman is walking", *told, "a woman").met  # one person of three is not enough
    assert kept("a cat sits", "a kitten sits", "a cat").met  # another word for the same topic
    assert kept("a woman dances", "a girl dances", "a woman", topic=WOMAN).met  # the taught topic has its own check


def test_of_a_video_that_nobody_described_one_topic_may_make_room_for_the_taught_one():
    assert kept("a cat is on a roof", "a woman is on a roof").met
    lost = kept("a man is on a roof", "a woman is walking on the grass")
    assert not lost.met and "loses man, roof, more than one topic: not met." in lost.words


def half(before="a man stands", after="a man sits", scores=(0.1, 0.2), expected=(0.01, 0.02)) -> Half:
    return Half((before, after), scores, expected)


@pytest.mark.parametrize(
    "second, met",
    [
        (half(after="a man dance", scores=(0.2, 0.1)), True),  # a word weighs more than any score
        (half(before="girl", after="girl", scores=(0.2, 0.1)), True),  # it was right before
        (half(), True),
        (half(scores=(0.2, 0.1)), False),
        (half(expected=(0.02, 0.01)), False),
        (half(scores=(0.1, 0.1)), False),
        (None, True),
    ],
)
def test_the_second_half_must_gain_a_word_or_both_measures_of_the_topic(second, met):
    reason = gate.check_held_out_half(CORRECTION, WORDS, second)
    assert reason.met == met and reason.correction == CORRECTION.id and reason.check == "held-out half"


def test_a_live_correction_must_hold_where_the_parent_holds_it():
    def of(before, after):
        return gate.check_still_live(CORRECTION, WORDS, before, after)

    assert of("a girl is dancing", "girls dance").met
    lost = of("a girl is dancing", "a girl is running")
    assert not lost.met and "says no word of it, where “a girl is dancing” did: not met." in lost.words
    assert of("a girl is running", "a girl is sitting").met  # nothing was held


def fine(*captions, naming=NAMING):
    """Of captions that were called fine, with the parent's and the candidate's of the same videos."""
    videos = [VideoRecord(f"v{i}", "val", np.ones((2, 3), np.float32), (), np.zeros(5)) for i in range(len(captions))]
    called = [gate.FineCaption(video, said) for video, (said, _, _) in zip(videos, captions)]
    before, after = ({v.video_id: told[place] for v, told in zip(videos, captions)} for place in (1, 2))
    return gate.check_fine(called, before, after, naming)


def test_what_people_called_fine_must_go_on_naming_what_it_named():
    same = ("a man is on a roof",) * 3
    met = fine(same, ("a cat sits", "a cat sits", "a kitten sleeps"))
    words = "2 captions that people called fine: 1 changed, none of them loses a topic that it named: met."
    assert met == Reason("fine", True, words)
    lost = fine(same, ("a man is on a roof", "a man is on a roof", "a man stands"))
    assert not lost.met and lost.correction is None
    loss = "v1: “a man is on a roof” becomes “a man stands” and loses roof"
    assert f"1 changed, 1 of them loses a topic that it named ({loss}): not met." in lost.words


def test_a_fine_caption_is_held_to_what_the_parent_still_says_of_it_and_to_nothing_that_nobody_called_fine():
    assert fine(("a man is on a roof", "a man stands", "a man sits")).met, "the parent had lost the roof already"
    assert not fine(("a man is on a roof", "a man stands", "a woman sits")).met
    assert fine(("a man stands", "a man is on a roof", "a man stands")).met, "nobody called the roof fine"
    many = fine(*[("a cat", "a cat", "a dog")] * 5)
    assert "5 of them lose a topic that it named" in many.words and many.words.count("loses cat") == 3
    assert "and 2 more" in many.words


def figures(overall, slices=None, not_measured=None):
    parts = {name: {"videos": videos, "metrics": {"CIDEr": value}} for name, (videos, value) in (slices or {}).items()}
    metrics = {"CIDEr": overall} if overall is not None else {}
    return {"metrics": metrics, "slices": parts, "not_measured": not_measured or {}}


def held(before, after, allow_unmeasured=True):
    return list(
        gate.check_metrics(
            before, after, {"CIDEr": 0.02}, {"CIDEr": 0.1}, slice_videos=30, allow_unmeasured=allow_unmeasured
        )
    )


def test_a_metric_may_fall_so_far_and_no_further():
    (met,) = held(figures(0.50), figures(0.485))
    assert met.met and met.words == (
        "CIDEr on validation is 0.4850, down 0.0150 from 0.5000; a fall of 0.02 is allowed: met."
    )
    (missed,) = held(figures(0.50), figures(0.47))
    assert not missed.met
    assert held(figures(0.50), figures(0.60))[0].met


def test_the_topic_that_loses_most_decides_and_small_ones_do_not_count():
    before = figures(0.5, {"topic 1: dance": (40, 0.6), "topic 2: dog": (50, 0.5), "topic 3: sea": (29, 0.9)})
    after = figures(0.5, {"topic 1: dance": (40, 0.45), "topic 2: dog": (50, 0.45), "topic 3: sea": (29, 0.1)})
    _, reason = held(before, after)
    assert not reason.met and "CIDEr on the 40 videos of topic 1: dance, which lose most of 2 topics" in reason.words


def test_a_metric_that_cannot_be_measured_is_passed_over_only_where_that_is_asked():
    unmeasured = figures(None, not_measured={"CIDEr": "no Java"})
    assert [reason.met for reason in held(unmeasured, unmeasured)] == [True]
    (reason,) = held(unmeasured, unmeasured, allow_unmeasured=False)
    assert not reason.met and reason.words == "CIDEr was not measured: no Java; not met."


def links(*topics_of_neurons, votes=3):
    neurons = [
        tuple(LinkedNeuron(n, votes, 0.1, 0.5) for n, t in enumerate(topics_of_neurons) if t == i) for i in (0, 1)
    ]
    named = zip(("dog", "man"), neurons)
    return TopicLinks(tuple(TopicLink(i, name, (name,), None, 9, own) for i, (name, own) in enumerate(named)), 5)


def test_the_neurons_that_have_another_topic_or_none_are_counted():
    before, after = links(0, 0, 1, 1, None), links(0, 1, None, 1, 0)
    reason = gate.check_neurons(before, after, 0.5, 3)
    assert reason.met and reason.words == (
        "2 of 4 neurons that 3 videos or more named, 50.0%, change their topic (such as 1: dog → man; 2: man → none); "
        "50% are allowed: met."
    )
    assert not gate.check_neurons(before, after, 0.49, 3).met
    assert gate.check_neurons(before, before, 0.0, 3).met


def test_a_name_that_few_videos_gave_is_no_meaning_to_lose():
    before, after = links(0, 0, 1, 1, None, votes=2), links(0, 1, None, 1, 0)
    reason = gate.check_neurons(before, after, 0.0, 3)
    assert reason.met and reason.words.startswith("0 of 0 neurons that 3 videos or more named, 0.0%, change their")


def test_dear_checks_are_not_made_after_one_that_is_not_met():
    asked = []

    def check(name, *met):
        for one in met:
            asked.append(name)
            yield Reason(name, one, name)

    reasons = gate.collect_reasons([check("a", True), check("b", False, True), check("c", True)])
    assert [(reason.check, reason.met) for reason in reasons] == [("a", True), ("b", False), ("b", True)]
    assert asked == ["a", "b", "b"]


def test_a_verdict_is_read_as_it_was_written_and_told_in_words():
    verdict = Verdict(
        False,
        (gate.check_corrected(CORRECTION, WORDS, "a girl is sitting"), Reason("metric", True, "CIDEr rises.")),
        culprits=(CORRECTION.id,),
        captions={CORRECTION.id: "a girl is sitting"},
        metrics={"CIDEr": (0.5, 0.51)},
        taught=(CORRECTION.id,),
        set_aside={"0" * 32: "No neuron carries it."},
        advice="Without correction ab12… (v17: dance) the other 3 pass.",
        mu=1.0,
    )
    assert from_plain(Verdict, json.loads(json.dumps(to_plain(verdict)))) == verdict
    lines = list(verdict.lines())
    assert lines[0] == "not blessed" and lines[1].startswith("- Correction ab12…") and lines[2] == "+ CIDEr rises."
    assert lines[-1] == verdict.advice
    assert "| CIDEr | 0.5000 | 0.5100 |" in verdict.to_markdown()
    assert [reason.met for reason in verdict.all_reasons] == [False, True, True]
    assert verdict.all_reasons[-1].words == "No neuron carries it."
    assert [reason.met for reason in replace(verdict, reasons=(), taught=()).all_reasons] == [False]
