"""The gate: whether a refined model may take its parent's place, judged by captions and figures.

Every check gives its reason in words. A model is blessed where all are met:

- the corrected videos' captions say the topic, by a word that names it;
- they lose no other topic that they rightly named;
- so do **held-out halves**: taught on the first half of a video's frames alone, the model does better on the second,
  which it never saw (Dong et al. 2017, section 4: 17 of 20 second halves got more accurate words about the topic);
- earlier corrections that are live hold;
- captions that people called fine go on naming what they named;
- no metric of the captions of validation falls far, over all videos or over those of one topic;
- the neurons keep their topics.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from topiclens.components.common.blessing import verdict_of
from topiclens.components.refinement.naming_words import NamingWords, named_by
from topiclens.schemas.corrections import Correction
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.records import VideoRecord
from topiclens.schemas.verdicts import Reason, Verdict
from topiclens.trainer.exported import EXTRA
from topiclens.trainer.vocabulary import tokenize

if TYPE_CHECKING:
    from topiclens.components.neurons.links import TopicLinks

VERDICT_FILE = "verdict.json"
CORRECTED, KEPT, HALF, LIVE, FINE = "corrected", "kept", "held-out half", "live", "fine"
METRIC, NEURONS = "metric", "neurons"
_SHOWN = 3  # neurons, or captions
AGREED = 0.5  # a topic that this share of a video's human captions names is rightly named


def save_verdict(verdict: Verdict, export: str | os.PathLike) -> None:
    """Writes `verdict.json` into an export's `assets.extra`, which the model server ignores."""
    write_json(os.path.join(export, EXTRA, VERDICT_FILE), to_plain(verdict))


def load_verdict(export: str | os.PathLike) -> Verdict | None:
    """What `save_verdict` wrote; None where the export did not come from a refinement."""
    path = os.path.join(export, EXTRA, VERDICT_FILE)
    return from_plain(Verdict, read_json(path)) if os.path.exists(path) else None


def label(correction: Correction) -> str:
    """A correction's name in a sentence: `ab12… (v17: dance)`."""
    return f"{correction.id[:4]}… ({correction.video_id}: {correction.topic.name})"


def gained(words: Sequence[str], before: str, after: str) -> tuple[str, ...]:
    """Which of a topic's words a caption has and the one before had not, in their order."""
    already = set(before.split())
    return tuple(word for word in dict.fromkeys(after.split()) if word in words and word not in already)


def check_corrected(correction: Correction, words: Sequence[str], caption: str) -> Reason:
    """Whether a corrected video's caption has a word of the topic that it lacked when it was corrected."""
    entered = gained(words, correction.caption_before, caption)
    found = f"says {', '.join(entered)}" if entered else f"has no further word of {', '.join(words)}"
    return Reason(
        CORRECTED,
        bool(entered),
        f"Correction {label(correction)}: “{caption}” {found}: {verdict_of(bool(entered))}.",
        correction.id,
    )


def lost_topics(video: VideoRecord, topic: int, before: str, after: str, naming: NamingWords) -> list[int]:
    """The topics that a caption rightly named, and that it names no longer now that another topic is taught.

    A topic is rightly named where half of the people name it too, or more. Where nobody described the video, nobody
    knows; then one topic may make room for the taught one, as "cat" does for "dog", and of two or more all count as
    lost.
    """
    gone = sorted(named_by(before, naming) - named_by(after, naming) - {topic})
    if not video.captions:
        return gone if len(gone) > 1 else []
    told = Counter(one for caption in video.captions for one in named_by(" ".join(tokenize(caption)), naming))
    return [one for one in gone if told[one] >= AGREED * len(video.captions)]


def check_kept(
    correction: Correction, topic: int, video: VideoRecord, before: str, after: str, naming: NamingWords
) -> Reason:
    """Whether a corrected video's caption still names every other topic that it rightly named (`lost_topics`)."""
    lost = lost_topics(video, topic, before, after, naming)
    words = [word for word in before.split() if any(word in naming[one] for one in lost)]
    by = "which people name too" if video.captions else "more than one topic"
    found = f"loses {', '.join(dict.fromkeys(words))}, {by}" if lost else "loses no topic that it rightly named"
    return Reason(
        KEPT,
        not lost,
        f"Correction {label(correction)}: “{before}” becomes “{after}” and {found}: {verdict_of(not lost)}.",
        correction.id,
    )


@dataclass(frozen=True)
class Half:
    """The second half of a corrected video's frames, before and after its first half alone was taught."""

    captions: tuple[str, str]  # of the second half
    scores: tuple[float, float]  # the topic's score, f(mean v)
    expected: tuple[float, float]  # how many words of the topic the model expects on its way along the caption before


def check_held_out_half(correction: Correction, words: Sequence[str], half: Half | None) -> Reason:
    """Whether what was taught on the first half of a video's frames helps on the second; `half` is None without one.

    The paper counts the second halves whose captions get more accurate words about the topic. That is much to ask of a
    single video, where the word must win against another. So the check is also met where two measures rise: the topic's
    score, and the number of the topic's words that the model expects to say.
    """
    name = f"Correction {label(correction)}"
    if half is None:
        return Reason(HALF, True, f"{name}: its video has one frame, thus no second half to test on.", correction.id)
    (before, after), entered = half.captions, gained(words, *half.captions)
    rose = half.scores[1] > half.scores[0] and half.expected[1] > half.expected[0]
    said = gained(words, "", before)
    met = bool(entered or said) or rose
    if entered:
        found = f"“{before}” becomes “{after}”, which says {', '.join(entered)}"
    elif said:
        found = f"“{before}” says {', '.join(said)} already"
    else:
        found = (
            f"“{after}” has no word of it; its score goes from {half.scores[0]:.3f} to {half.scores[1]:.3f} and the "
            f"words of it that are expected from {half.expected[0]:.3f} to {half.expected[1]:.3f} (both are to rise)"
        )
    words = f"{name}, taught on the first half of its frames; of the second half {found}: {verdict_of(met)}."
    return Reason(HALF, met, words, correction.id)


def check_still_live(correction: Correction, words: Sequence[str], before: str, after: str) -> Reason:
    """Whether an earlier correction holds: where the parent's caption says the topic, the candidate's does too."""
    name = f"Live correction {label(correction)}"
    if not gained(words, correction.caption_before, before):
        return Reason(LIVE, True, f"{name}: the parent does not say it either (“{before}”).", correction.id)
    held = gained(words, correction.caption_before, after)
    found = f"says {', '.join(held)}" if held else f"says no word of it, where “{before}” did"
    return Reason(LIVE, bool(held), f"{name}: “{after}” {found}: {verdict_of(bool(held))}.", correction.id)


@dataclass(frozen=True, eq=False)
class FineCaption:
    """A caption that people called fine, and its video, which is as it was when they did."""

    video: VideoRecord
    caption: str


def check_fine(
    fine: Sequence[FineCaption], before: Mapping[str, str], after: Mapping[str, str], naming: NamingWords
) -> Reason:
    """Whether captions that people called fine still name every topic that these and the parent's captions name.

    Args:
        before, after: video id -> the parent's caption, and the candidate's.
    """
    changed, losses = 0, []
    for one in fine:
        old, new = (captions[one.video.video_id] for captions in (before, after))
        changed += old != new
        lost = (named_by(one.caption, naming) & named_by(old, naming)) - named_by(new, naming)
        words = [word for word in old.split() if any(word in naming[topic] for topic in lost)]
        if lost:
            losses.append(f"{one.video.video_id}: “{old}” becomes “{new}” and loses {', '.join(dict.fromkeys(words))}")
    more = f", and {len(losses) - _SHOWN} more" if len(losses) > _SHOWN else ""
    found = f" ({'; '.join(losses[:_SHOWN])}{more})" if losses else ""
    captions = f"{len(fine)} caption{'' if len(fine) == 1 else 's'} that people called fine"
    named = f"{len(losses) or 'none'} of them lose{'' if len(losses) > 1 else 's'} a topic that it named"
    return Reason(FINE, not losses, f"{captions}: {changed} changed, {named}{found}: {verdict_of(not losses)}.")


def check_metrics(
    before: Mapping,
    after: Mapping,
    max_drop: Mapping[str, float],
    max_slice_drop: Mapping[str, float],
    *,
    slice_videos: int,
    allow_unmeasured: bool,
) -> Iterator[Reason]:
    """Whether no metric falls by more than it may: a reason for each, over all videos and over those of each topic.

    Args:
        before, after: figures of the parent's and the candidate's captions of validation, as
            `topiclens.components.captions.report.split_figures` gives them.
        max_drop, max_slice_drop: metric -> how far it may fall, over all and over the videos of one topic.
    """
    for metric, allowed in max_drop.items():
        if why := after["not_measured"].get(metric) or before["not_measured"].get(metric):
            yield unmeasured(metric, why, allow_unmeasured)
        elif metric in after["metrics"]:
            yield _fall(f"{metric} on validation", before["metrics"][metric], after["metrics"][metric], allowed)
    for metric, allowed in max_slice_drop.items():
        falls = [
            (part["metrics"][metric] - after["slices"][name]["metrics"][metric], name)
            for name, part in before["slices"].items()
            if part["videos"] >= slice_videos and metric in part["metrics"].keys() & after["metrics"].keys()
        ]
        if falls:
            _, worst = max(falls)
            old, new = (figures["slices"][worst] for figures in (before, after))
            where = f"{metric} on the {old['videos']} videos of {worst}, which lose most of {len(falls)} topics,"
            yield _fall(where, old["metrics"][metric], new["metrics"][metric], allowed)


def unmeasured(metric: str, why: str, allow_unmeasured: bool) -> Reason:
    """That a metric was not measured of one of the models, or of both."""
    end = "passed over, as `allow_unmeasured` asks" if allow_unmeasured else "not met"
    return Reason(METRIC, allow_unmeasured, f"{metric} was not measured: {why}; {end}.")


def _fall(what: str, before: float, after: float, allowed: float) -> Reason:
    met = before - after <= allowed
    moved = f"{'down' if after < before else 'up'} {abs(after - before):.4f} from {before:.4f}"
    return Reason(METRIC, met, f"{what} is {after:.4f}, {moved}; a fall of {allowed:g} is allowed: {verdict_of(met)}.")


def check_neurons(before: TopicLinks, after: TopicLinks, max_renamed: float, min_votes: int) -> Reason:
    """Whether few enough of the neurons that had a topic have another, or none, now; both of one topic model.

    Args:
        min_votes: where fewer videos gave a neuron its topic, the neuron may lose it: the next model names it anew.
    """
    old, new = before.topic_of(min_votes), after.topic_of()
    renamed = [neuron for neuron, topic in sorted(old.items()) if new.get(neuron) != topic]
    share = len(renamed) / max(len(old), 1)
    met = share <= max_renamed
    names = {-1: "none", **{topic.id: topic.name for topic in after.topics}}
    shown = [f"{neuron}: {names[old[neuron]]} → {names[new.get(neuron, -1)]}" for neuron in renamed[:_SHOWN]]
    examples = f" (such as {'; '.join(shown)})" if shown else ""
    return Reason(
        NEURONS,
        met,
        f"{len(renamed)} of {len(old)} neurons that {min_votes} videos or more named, {share:.1%}, change their topic"
        f"{examples}; {max_renamed:.0%} are allowed: {verdict_of(met)}.",
    )


def collect_reasons(checks: Iterable[Iterable[Reason]]) -> tuple[Reason, ...]:
    """The reasons of groups of checks, cheapest first, up to the first group with one that is not met."""
    reasons: list[Reason] = []
    for group in checks:
        reasons += group
        if not all(reason.met for reason in reasons):
            break
    return tuple(reasons)


Item = TypeVar("Item")


def culprits(
    batch: Sequence[Item], passes: Callable[[Sequence[Item]], bool], suspects: Sequence[Item] = ()
) -> tuple[list[Item], list[Item]]:
    """Finds the items without which the rest of a batch passes.

    The shortest first part of the batch that fails is found by bisection; its last item turned a passing batch into a
    failing one, and is taken out. That is repeated until the rest passes: about log2(n) trials an item. Where a check
    names suspects, leaving these out is tried first.

    Returns:
        The culprits, and the rest, which passes or is empty.
    """
    rest, found = list(batch), []
    if suspects and len(suspects) < len(rest):
        innocent = [item for item in rest if item not in suspects]
        if passes(innocent):
            return [item for item in rest if item in suspects], innocent
    while rest:
        passing, failing = 0, len(rest)  # so many of the first ones pass, and so many fail
        while failing - passing > 1:
            middle = (passing + failing) // 2
            if passes(rest[:middle]):
                passing = middle
            else:
                failing = middle
        found.append(rest.pop(failing - 1))
        if not rest or passes(rest):
            break
    return found, rest
