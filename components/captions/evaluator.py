"""Judging captions against human references with the field's metrics, as coco-caption computes them.

>>> score_captions({"clip": ["A dog runs.", "The dog's running!"]}, {"clip": "a dog runs"}, metrics=("ROUGE-L",))
{'ROUGE-L': 1.0}
"""

import contextlib
import dataclasses
import functools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from pycocoevalcap.bleu.bleu_scorer import BleuScorer, cook_refs, cook_test
from pycocoevalcap.rouge.rouge import Rouge

from topiclens.components.captions.cider import CiderScorer
from topiclens.components.captions.meteor import Meteor, MeteorUnavailable
from topiclens.components.captions.settings import METRICS
from topiclens.components.captions.tokenizer import tokenize

FAST_METRICS = ("BLEU-4", "CIDEr")  # cheap enough for every epoch
SMALL_SLICE = 30  # videos; the figures of fewer are marked, since one caption moves them visibly

AS_PEOPLE, PARTLY, UNLIKE = "as people say", "partly as people say", "unlike what people say"
_PARTLY = 0.25  # of the nearness among people; with less a caption is unlike theirs


class CaptionsError(ValueError):
    """Captions and references that do not belong together, or are not text."""


class References:
    """The human captions of videos by id, tokenised and counted once for any number of evaluations."""

    def __init__(self, captions: Mapping[str, Sequence[str]]):
        if not captions:
            raise CaptionsError("There are no references to judge captions by. Is the split empty?")
        for video_id, texts in captions.items():
            if isinstance(texts, str):
                raise CaptionsError(f"The references of video {video_id!r} are a string; expected a list of them.")
            if not texts:
                raise CaptionsError(f"Video {video_id!r} has no reference caption; a caption of it cannot be judged.")
        self.captions = {video_id: list(texts) for video_id, texts in captions.items()}
        self.sentences = {
            video_id: [_tokens(video_id, text) for text in texts] for video_id, texts in self.captions.items()
        }

    @functools.cached_property
    def cider(self) -> CiderScorer:
        return CiderScorer(self.sentences)


@dataclasses.dataclass(frozen=True)
class Slice:
    """The metrics of some of the videos; `small` where they are too few to trust the figures."""

    videos: int
    small: bool
    metrics: dict[str, float]


@dataclasses.dataclass(frozen=True)
class CaptionEvaluation:
    """The figures of the captions of one split.

    Attributes:
        metrics: the corpus' figures, in the order of METRICS.
        not_measured: metric -> why, in words.
        by_video: video id -> its own figures.
        slices: name -> the figures of those videos, largest slice first. CIDEr keeps the whole split's word weights.
        captions, references: what was judged, as written.
    """

    metrics: dict[str, float]
    not_measured: dict[str, str]
    by_video: dict[str, dict[str, float]]
    slices: dict[str, Slice]
    captions: dict[str, str]
    references: dict[str, list[str]]


def evaluate_captions(
    references: Mapping[str, Sequence[str]] | References,
    captions: Mapping[str, str],
    metrics: Iterable[str] = METRICS,
    *,
    slices: Mapping[str, Iterable[str]] | None = None,
    small_slice: int = SMALL_SLICE,
    start_meteor: Callable[[], contextlib.AbstractContextManager[Meteor]] = Meteor,
) -> CaptionEvaluation:
    """Measures captions of a set of videos, and of slices of it.

    Args:
        references: human captions by video id.
        captions: one caption for every video that has references. An empty one counts as zero.
        slices: name -> video ids, such as the videos of a topic. Ids that are not judged here are left out.
        small_slice: a slice of fewer videos is marked as small.
        start_meteor: starts METEOR's program; where it raises MeteorUnavailable, METEOR is not measured.
    Raises:
        CaptionsError: a caption without references or the other way round, or one that is not a string.
    """
    wanted = _known(metrics)
    references = references if isinstance(references, References) else References(references)
    sentences = _tokenized(references, captions)
    members = {name: [video_id for video_id in ids if video_id in sentences] for name, ids in (slices or {}).items()}
    members = {name: ids for name, ids in members.items() if ids}

    corpus: dict[str, float] = {}
    not_measured: dict[str, str] = {}
    by_video: dict[str, dict[str, float]] = {video_id: {} for video_id in sentences}
    by_slice: dict[str, dict[str, float]] = {name: {} for name in members}
    with contextlib.ExitStack() as programs:
        for family in dict.fromkeys(_FAMILIES[metric.split("-")[0]] for metric in wanted):
            try:
                figures = family(references, sentences, lambda: programs.enter_context(start_meteor()))
                measured = [figures.of(list(sentences)), *(figures.of(ids) for ids in members.values())]
            except MeteorUnavailable as reason:
                not_measured["METEOR"] = str(reason)
                continue
            for target, values in zip((corpus, *by_slice.values()), measured, strict=True):
                target.update(values)
            for video_id, values in figures.by_video.items():
                by_video[video_id].update(values)

    def chosen(values: Mapping[str, float]) -> dict[str, float]:
        return {metric: float(values[metric]) for metric in wanted if metric in values}

    return CaptionEvaluation(
        metrics=chosen(corpus),
        not_measured=not_measured,
        by_video={video_id: chosen(values) for video_id, values in by_video.items()},
        slices={
            name: Slice(len(members[name]), len(members[name]) < small_slice, chosen(by_slice[name]))
            for name in sorted(members, key=lambda name: (-len(members[name]), name))
        },
        captions=dict(captions),
        references=references.captions,
    )


def score_captions(
    references: Mapping[str, Sequence[str]] | References, captions: Mapping[str, str], metrics: Iterable[str] = METRICS
) -> dict[str, float]:
    """The corpus' figures by metric; a metric that cannot be measured is left out (`evaluate_captions` says why)."""
    return evaluate_captions(references, captions, metrics).metrics


class EpochScores:
    """A `score_captions` for the trainer: (references, captions) -> figures, the references prepared once."""

    _prepared: References

    def __init__(self, metrics: Iterable[str] = FAST_METRICS):
        self._metrics = tuple(metrics)
        self._given: Mapping[str, Sequence[str]] | None = None

    def __call__(self, references: Mapping[str, Sequence[str]], captions: Mapping[str, str]) -> dict[str, float]:
        if references != self._given:
            self._given, self._prepared = references, References(references)
        return score_captions(self._prepared, captions, self._metrics)


def describe_agreement(references: References, video_id: str, caption: str) -> str | None:
    """Compares a caption's CIDEr with those of people, each against the others of the same video.

    Returns:
        `AS_PEOPLE` where it is as near to people's captions as the nearest quarter of these are to each other; `UNLIKE`
        below a quarter of that nearness; else `PARTLY`. None where only one person captioned the video.
    """
    people = references.sentences[video_id]
    if len(people) < 2:
        return None
    near = statistics.quantiles(
        [references.cider.score_one(video_id, sentence, without=number) for number, sentence in enumerate(people)],
        n=4, method="inclusive",
    )[2]  # fmt: skip
    score = references.cider.score_one(video_id, tokenize(caption))
    return AS_PEOPLE if score >= near > 0 else PARTLY if score > _PARTLY * near else UNLIKE


@dataclasses.dataclass(frozen=True)
class _Figures:
    """A family of metrics: each video's own figures, and how to get those of any set of videos."""

    by_video: dict[str, dict[str, float]]
    of: Callable[[Sequence[str]], dict[str, float]]


Sentences = dict[str, str]


def _bleu(references: References, captions: Sentences, _: object) -> _Figures:
    """BLEU-1 to BLEU-4 (Papineni et al., *BLEU*, ACL 2002). A corpus has its own, not the mean over captions."""
    counted = {
        video_id: cook_test(caption, cook_refs(references.sentences[video_id]))
        for video_id, caption in captions.items()
    }

    def bleu(ids: Iterable[str]) -> dict[str, float]:
        scorer = BleuScorer()
        scorer.ctest = [counted[video_id] for video_id in ids]
        return dict(zip(METRICS, scorer.compute_score("closest")[0]))

    return _Figures(by_video={video_id: bleu([video_id]) for video_id in counted}, of=bleu)


def _meteor(references: References, captions: Sentences, start: Callable[[], Meteor]) -> _Figures:
    program = start()
    counted = {
        video_id: program.statistics(references.sentences[video_id], caption) for video_id, caption in captions.items()
    }
    each, _ = program.scores(list(counted.values()))
    return _Figures(
        by_video={video_id: {"METEOR": value} for video_id, value in zip(counted, each, strict=True)},
        of=lambda ids: {"METEOR": program.scores([counted[video_id] for video_id in ids])[1]},
    )


def _rouge(references: References, captions: Sentences, _: object) -> _Figures:
    """ROUGE-L (Lin, *ROUGE*, 2004, section 3); an empty caption has nothing in common even with an empty reference."""
    score, people = Rouge().calc_score, references.sentences
    return _means("ROUGE-L", {name: score([said], people[name]) if said else 0.0 for name, said in captions.items()})


def _cider(references: References, captions: Sentences, _: object) -> _Figures:
    return _means("CIDEr", references.cider.score(captions))


def _means(metric: str, scores: Mapping[str, float]) -> _Figures:
    return _Figures(
        by_video={video_id: {metric: value} for video_id, value in scores.items()},
        of=lambda ids: {metric: math.fsum(scores[video_id] for video_id in ids) / len(ids)},
    )


_FAMILIES = {"BLEU": _bleu, "METEOR": _meteor, "ROUGE": _rouge, "CIDEr": _cider}


def _known(metrics: Iterable[str]) -> list[str]:
    metrics = {metrics} if isinstance(metrics, str) else set(metrics)
    if unknown := sorted(metrics - set(METRICS)):
        raise ValueError(f"There is no metric {', '.join(unknown)}; those known are {', '.join(METRICS)}.")
    return [metric for metric in METRICS if metric in metrics]


def _tokenized(references: References, captions: Mapping[str, str]) -> Sentences:
    """The captions' tokens in the order of the references; every video has both, or it is an error."""
    judged, said = references.captions.keys(), captions.keys()
    for videos, fault, cause in (
        (sorted(said - judged), "a caption but no references", "another split or dataset"),
        (sorted(judged - said), "references but no caption", "a run that was cut short"),
    ):
        if videos:
            named = ", ".join(map(repr, videos[:5])) + (", ..." if len(videos) > 5 else "")
            raise CaptionsError(f"{len(videos)} videos have {fault} ({named}). Are the captions those of {cause}?")
    return {video_id: _tokens(video_id, captions[video_id]) for video_id in references.captions}


def _tokens(video_id: str, caption: str) -> str:
    if not isinstance(caption, str):
        raise CaptionsError(
            f"A caption of video {video_id!r} is {caption!r}, a {type(caption).__name__}; expected a string "
            "(bytes from a server are to be decoded first)."
        )
    return tokenize(caption)
